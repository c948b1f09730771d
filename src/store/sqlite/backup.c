#include <sqlite3.h>

#include "store/sqlite/connection.h"

/* Copied at a time: few enough to be stopped, many enough to be fast. */
#define STEP_PAGES 1024

/* The copy is made anew when it fails, so that it needs neither a journal nor a
 * sync before its end. */
static const char careless[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";

/* The copy says of itself that it has a write-ahead log, as its original does;
 * without one it is whole by itself, also where nothing can be written. */
static const char whole[] = "PRAGMA journal_mode = DELETE";

static int
connect_copy(const char *to, sqlite3 **copy)
{
	return sqlite3_open_v2(to, copy, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL);
}

/* Copies all pages of the view that the source holds: since it holds one, what
 * others write meanwhile does not make SQLite begin again. */
static int
copy_pages(sqlite3 *source, sqlite3 *copy)
{
	sqlite3_backup *backup;
	int code = sqlite3_exec(copy, careless, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		return code;
	backup = sqlite3_backup_init(copy, "main", source, "main");
	if (backup == NULL)
		return sqlite3_errcode(copy);
	while ((code = sqlite3_backup_step(backup, STEP_PAGES)) == SQLITE_OK)
		;
	int finished = sqlite3_backup_finish(backup);
	return code == SQLITE_DONE ? finished : code;
}

int
database_copy(struct database *database, const char *to)
{
	sqlite3 *copy = NULL;
	int code = connect_copy(to, &copy);

	if (code == SQLITE_OK)
		code = copy_pages(database->db, copy);
	sqlite3_close(copy);
	copy = NULL;
	if (code == SQLITE_OK && (code = connect_copy(to, &copy)) == SQLITE_OK)
		code = sqlite3_exec(copy, whole, NULL, NULL, NULL);
	sqlite3_close(copy);
	if (code == SQLITE_OK)
		return 0;
	const char *sentence = advice_for(code)->sentence;
	return error_set(&database->error, "%s: %s", to, sentence != NULL ?
	    sentence : sqlite3_errstr(code));
}
