#include "store/sqlite/writer.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/sqlite/checkpoint.h"

enum refusal_code
writer_connect(struct writer *writer, const struct settings *settings)
{
	if (sqlite3_open_v2(writer->database.path, &writer->database.db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return connection_log(&writer->database, "opening");
	sqlite3_busy_timeout(writer->database.db, (int)settings->busy_ms);
	if (connection_guard(&writer->database) != SQLITE_OK)
		return connection_log(&writer->database, "opening");
	connection_leave_log(&writer->database, settings);
	/* A file that SQLite cannot open for writing, when no descriptor is
	 * free say, it opens for reading; such a connection can never write. */
	if (sqlite3_db_readonly(writer->database.db, "main") == 0)
		return REFUSAL_NONE;
	log_line(LOG_ERROR, "database", writer->database.path, "doing",
	    "opening", "error", "it can be read only", "hint", FOLDER_HINT,
	    NULL);
	return REFUSAL_UNAVAILABLE;
}

bool
writer_is_current(const struct writer *writer)
{
	return dbfiles_state(&writer->files, writer->database.path,
	    connection_file(&writer->database)) == DBFILES_KEPT;
}

bool
writer_shares_files(const struct writer *a, const struct writer *b)
{
	return dbfiles_equal(&a->files, &b->files);
}

void
writer_finalize(struct writer *writer)
{
	for (int i = 0; i < RECORDING_STATEMENTS; i++) {
		sqlite3_finalize(writer->queries[i].statement);
		writer->queries[i].statement = NULL;
	}
}

void
writer_close(struct writer *writer)
{
	if (writer == NULL)
		return;
	writer_finalize(writer);
	/* The last connection that is closed removes log and index by their
	 * paths, where those of another database may be by now. */
	if (writer->database.db != NULL && !writer_is_current(writer))
		sqlite3_db_config(writer->database.db,
		    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(writer->database.db);
	checkpoint_lock_close(writer->database.checkpoint_lock);
	free(writer->database.path);
	free(writer);
}
