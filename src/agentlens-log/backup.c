/* agentlens-log backup: a whole copy of the file in another one, made beside
 * the programs that write it, and checked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agentlens-log/record.h"

struct backup {
	const char *to;
	int64_t events;
	int64_t deliveries;
	int64_t bytes;
};

static const struct option_row options[] = { { 0 } };

static const struct record_field backup_fields[] = {
	RECORD_FIELD("backup", RECORD_TEXT, backup, to),
	RECORD_FIELD("events", RECORD_NUMBER, backup, events),
	RECORD_FIELD("deliveries", RECORD_NUMBER, backup, deliveries),
	RECORD_FIELD("bytes", RECORD_NUMBER, backup, bytes),
	{ 0 }
};

static void
print_backup(const struct context *context, const void *record)
{
	const struct backup *b = record;

	(void)context;
	printf("%s: a whole copy, checked: %" PRId64 " events, %" PRId64
	    " deliveries, %" PRId64 " bytes\n", b->to, b->events,
	    b->deliveries, b->bytes);
}

static int
count(struct database *database, struct backup *b)
{
	b->events = database_number(database, COUNT_EVENTS);
	b->deliveries = database_number(database, COUNT_DELIVERIES);
	return b->events < 0 || b->deliveries < 0 ? -1 : 0;
}

/* Counts and copies in one view of the file, which those who write it meanwhile
 * do not change. */
static int
copy(struct database *database, const char *to, struct backup *b)
{
	if (database_begin_reading(database) != 0)
		return -1;
	int result = count(database, b) == 0 ? database_copy(database, to) : -1;
	database_stop_reading(database);
	return result;
}

/* Whether SQLite finds the copy sound. */
static int
check_pages(struct database *database)
{
	struct query *query = query_open(database, CHECK_PAGES);
	int result = -1;

	if (query != NULL && query_step(query) == 1)
		result = strcmp(query_text(query, 0), "ok") == 0 ? 0 :
		    database_fail(database, query_text(query, 0));
	query_close(query);
	return result;
}

/* Opens the copy, and looks whether it is sound and has all that was counted in
 * the original. */
static int
check(const char *path, struct backup *b, struct error *error)
{
	struct backup found = { .to = b->to };
	struct stat status;
	struct database *database = database_open(path, DATABASE_READ, NULL,
	    error);

	if (database == NULL)
		return -1;
	int result = check_pages(database) == 0 ? count(database, &found) : -1;
	if (result == 0 && (found.events != b->events ||
	    found.deliveries != b->deliveries))
		result = database_fail(database, "rows are missing in it");
	if (result != 0)
		*error = *database_error(database);
	database_close(database);
	if (result == 0 && stat(path, &status) == 0)
		b->bytes = (int64_t)status.st_size;
	return result;
}

/* Brings a file, or the names in a folder, to the disk.  Some file systems have
 * no sync of a folder: EINVAL. */
static int
sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	int result = fd < 0 || (fsync(fd) != 0 && errno != EINVAL) ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return result;
}

/* Gives a file another name, unless a file has that by now. */
static int
rename_new(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return unlink(from);
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	/* Where there are no links, the name is taken first. */
	int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	return rename(from, to);
}

/* Brings the copy to the disk, and gives it its name. */
static int
publish(const char *from, const char *to, struct error *error)
{
	const char *slash = strrchr(to, '/');
	char *folder = slash == NULL ? strdup(".") :
	    strndup(to, (size_t)(slash - to) + 1);
	int result = sync_path(from, 0);

	if (result == 0)
		result = rename_new(from, to);
	if (result == 0 && folder != NULL)
		result = sync_path(folder, O_DIRECTORY);
	if (result != 0)
		error_set(error, "%s: %s", to, strerror(errno));
	free(folder);
	return result;
}

/* SQLite would take a log that is left there for the copy's own. */
static int
check_target(const char *to, struct error *error)
{
	static const char *const suffixes[] = { "", "-wal", "-shm",
		"-journal" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct stat status;
		char *path;
		if (asprintf(&path, "%s%s", to, suffixes[i]) < 0)
			return error_set(error, "out of memory");
		bool there = lstat(path, &status) == 0;
		if (there)
			error_set(error, "%s is there already, and nothing is "
			    "written over it", path);
		free(path);
		if (there)
			return -1;
	}
	return 0;
}

static int
run(struct context *context)
{
	struct backup b = { .to = context->arguments[0] };
	struct error *error = &context->error;
	int code = COMMAND_FAILED, fd = -1;
	char *path;

	if (check_target(b.to, error) != 0)
		return COMMAND_FAILED;
	/* It has another name until it is whole, and mode 0600. */
	if (asprintf(&path, "%s.XXXXXX", b.to) < 0) {
		error_set(error, "out of memory");
		return COMMAND_FAILED;
	}
	if ((fd = mkostemp(path, O_CLOEXEC)) < 0) {
		error_set(error, "%s: %s", b.to, strerror(errno));
		free(path);
		return COMMAND_FAILED;
	}
	close(fd);
	if (copy(context->database, path, &b) == 0 &&
	    check(path, &b, error) == 0 && publish(path, b.to, error) == 0)
		code = COMMAND_GOOD;
	else
		unlink(path);
	free(path);
	if (code == COMMAND_GOOD)
		record_print(context, &(struct record_type){
		    .fields = backup_fields, .print = print_backup }, &b);
	return code;
}

const struct command command_backup = {
	.name = "backup",
	.usage = "TO",
	.help = "make a whole copy of the file, and check it",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 1,
	.access = COMMAND_READS,
	.makes_files = true,
	.run = run,
};
