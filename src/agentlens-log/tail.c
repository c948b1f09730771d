/* agentlens-log tail: prints the newest events, and those that follow. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agentlens-log/record.h"
#include "store/columns.h"

/* ms between two looks at the file, at least, however often it is written. */
#define PAUSE_MS 50

/* A commit can be read a moment after the write that inotify told of, so the
 * first wait is short.  Then the waits grow. */
#define WAIT_FIRST_MS 10
#define WAIT_TOLD_MS 4000  /* the longest while inotify works */
#define WAIT_UNTOLD_MS 500 /* the longest without it */

/* After so many failures in a row it gives up. */
#define FAILURES_MAX 10

/* The most that --lines may be: so many rows are held in memory. */
#define LINES_MAX 1000000

static struct {
	bool follow;
	int64_t lines;
	struct filter filter;
} given = { .lines = 10 };

static const struct option_row options[] = {
	{ "follow", 'f', NULL, "go on with those that are recorded from now "
	    "on", OPTION_FLAG, &given.follow },
	{ "lines", 'n', "NUMBER", "begin with so many (10)", OPTION_NUMBER,
	    &given.lines },
	FILTER_OPTIONS(&given.filter),
	{ 0 }
};

struct tail {
	struct context *context;
	char *path;
	dev_t device;
	ino_t inode;
	int64_t rowid; /* of the last event seen; -1: find it by its id */
	char *id;
	int notify; /* inotify's descriptor, or -1 */
	int failures;
};

/* --- Printing ------------------------------------------------------------ */

static void
set_end(struct tail *tail, int64_t rowid, char *id)
{
	free(tail->id);
	tail->id = id;
	tail->rowid = rowid;
}

/* A row with copies of its texts. */
struct kept_row {
	struct event_row row;
	char *texts;
};

static int
keep(struct kept_row *kept, const struct event_row *row)
{
	kept->row = *row;
	kept->texts = malloc(columns_size(TABLE_EVENTS, row) + 1);
	if (kept->texts == NULL)
		return -1;
	columns_copy(TABLE_EVENTS, &kept->row, kept->texts);
	return 0;
}

/* Prints the newest events.  The query gives the newest first, and they are
 * printed with the newest last, so all are kept until then. */
static int
print_newest(struct tail *tail, int64_t limit)
{
	struct kept_row *rows = calloc((size_t)limit + 1, sizeof(*rows));
	struct query *query = rows == NULL ? NULL :
	    filter_open(tail->context->database, &given.filter,
	    FILTER_NEWEST_FIRST);
	struct event_row row;
	int step = query == NULL ? -1 : 0;
	int64_t count = 0;

	while (query != NULL && count < limit &&
	    (step = filter_step(query, &given.filter, &row)) == 1)
		if (keep(&rows[count++], &row) != 0) {
			step = -1;
			break;
		}
	query_close(query);
	while (count-- > 0) {
		if (step >= 0)
			record_print(tail->context, &record_event,
			    &rows[count].row);
		free(rows[count].texts);
	}
	free(rows);
	return step < 0 ? -1 : 0;
}

/* Whether the last event seen is still at its row: VACUUM and prune move rows,
 * and another file has other rows. */
static bool
is_in_place(struct tail *tail)
{
	return tail->rowid == 0 || (tail->rowid > 0 &&
	    event_is_at(tail->context->database, tail->rowid, tail->id) == 1);
}

/* Prints what was written since, in one read transaction, so that no event
 * falls between this call and the next. */
static int
print_new(struct tail *tail, bool *any)
{
	struct event_row row;
	int64_t rowid;
	char *id;
	int step = 0;

	*any = false;
	if (database_begin_reading(tail->context->database) != 0 ||
	    event_newest(tail->context->database, &rowid, &id) < 0)
		return -1;
	bool in_place = is_in_place(tail);
	if (!in_place || rowid > tail->rowid) {
		struct query *query = filter_open_after(tail->context->database,
		    &given.filter, tail->rowid, in_place ? NULL : tail->id);
		step = query == NULL ? -1 : 1;
		while (step > 0 && (step = filter_step(query, &given.filter,
		    &row)) == 1) {
			record_print(tail->context, &record_event, &row);
			*any = true;
		}
		query_close(query);
	}
	if (step == 0)
		set_end(tail, rowid, id);
	else
		free(id);
	return database_end_reading(tail->context->database) != 0 ? -1 : step;
}

/* --- Waiting ------------------------------------------------------------- */

/* Watches the folder, since the file and its log come and go in it. */
static void
watch(struct tail *tail)
{
	char *folder = strdup(tail->path);
	char *slash = folder == NULL ? NULL : strrchr(folder, '/');

	tail->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (slash != NULL)
		slash[slash == folder] = '\0';
	if (tail->notify >= 0 && (slash == NULL ||
	    inotify_add_watch(tail->notify, folder, IN_MODIFY | IN_CREATE |
	    IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)) {
		close(tail->notify);
		tail->notify = -1;
	}
	free(folder);
}

/* Reads what inotify has.  Returns whether any of it is about the file or its
 * log. */
static bool
is_told(struct tail *tail)
{
	_Alignas(struct inotify_event) char buffer[4096];
	const char *name = strrchr(tail->path, '/') + 1;
	bool told = false;
	ssize_t len;

	while ((len = read(tail->notify, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + len;) {
			const struct inotify_event *event = (void *)at;
			told |= event->len > 0 && strncmp(event->name, name,
			    strlen(name)) == 0;
			told |= (event->mask & IN_Q_OVERFLOW) != 0;
			at += sizeof(*event) + event->len;
		}
	}
	return told;
}

/* Waits until the file is written, or for *wait_ms, which it makes longer. */
static void
wait_for_more(struct tail *tail, int *wait_ms)
{
	static const struct timespec pause = { 0, PAUSE_MS * 1000000 };
	struct pollfd poller = { .fd = tail->notify, .events = POLLIN };
	int most = tail->notify >= 0 ? WAIT_TOLD_MS : WAIT_UNTOLD_MS;

	if (poll(&poller, tail->notify >= 0, *wait_ms) > 0 && is_told(tail)) {
		nanosleep(&pause, NULL);
		is_told(tail);
		*wait_ms = WAIT_FIRST_MS;
	} else {
		*wait_ms = *wait_ms * 2 < most ? *wait_ms * 2 : most;
	}
}

/* --- The file ------------------------------------------------------------ */

/* Opens the file if it is not open, and notes which file it is. */
static int
open_file(struct tail *tail)
{
	struct context *context = tail->context;
	struct stat status;

	if (context->database == NULL)
		context->database = context_open(context, COMMAND_READS);
	if (context->database == NULL)
		return -1;
	if (tail->path == NULL)
		tail->path = strdup(database_path(context->database));
	if (tail->path == NULL)
		return -1;
	if (stat(tail->path, &status) != 0)
		return error_set(&context->error, "%s: %s", tail->path,
		    strerror(errno));
	tail->device = status.st_dev;
	tail->inode = status.st_ino;
	return 0;
}

static void
close_file(struct tail *tail)
{
	database_close(tail->context->database);
	tail->context->database = NULL;
	tail->rowid = -1;
}

/* Closes a file that is no longer the one at the path, and opens the one that
 * is.  Returns 1 when one is open, 0 when there is none now, or -1. */
static int
follow_file(struct tail *tail)
{
	struct stat status;
	bool there = stat(tail->path, &status) == 0;

	if (tail->context->database != NULL && (!there ||
	    status.st_dev != tail->device || status.st_ino != tail->inode))
		close_file(tail);
	if (tail->context->database != NULL)
		return 1;
	if (!there)
		return 0;
	return open_file(tail) == 0 ? 1 : -1;
}

static int
follow(struct tail *tail)
{
	int wait_ms = WAIT_FIRST_MS;
	bool any;

	watch(tail);
	for (;;) {
		int state = follow_file(tail);
		any = false;
		if (state == 1)
			state = print_new(tail, &any);
		tail->failures = state < 0 ? tail->failures + 1 : 0;
		if (tail->failures == FAILURES_MAX)
			return COMMAND_FAILED;
		if (state < 0) {
			context_tell_failure(tail->context);
			close_file(tail);
		}
		if (any)
			wait_ms = WAIT_FIRST_MS;
		if (fflush(stdout) != 0)
			return COMMAND_FAILED;
		wait_for_more(tail, &wait_ms);
	}
}

/* --- The command --------------------------------------------------------- */

/* Prints the titles and the newest events, in the read transaction of run(). */
static int
print_there(struct tail *tail, struct text *tenants)
{
	struct context *context = tail->context;
	enum found found = filter_find_tenant(context->database, &given.filter,
	    tenants);
	int code = context_judge_tenant(found, &given.filter, tenants);
	int64_t rowid;
	char *id;

	/* With --follow the session may be one that does not exist yet. */
	if (code != COMMAND_GOOD && (found != FOUND_NONE || !given.follow))
		return code;
	record_print(context, &record_event_titles, NULL);
	if (event_newest(tail->context->database, &rowid, &id) < 0)
		return COMMAND_FAILED;
	set_end(tail, rowid, id);
	if (code == COMMAND_GOOD && print_newest(tail, given.lines) != 0)
		return COMMAND_FAILED;
	return COMMAND_GOOD;
}

static int
prepare(struct context *context)
{
	return given.lines > LINES_MAX ? options_refuse(context) : -1;
}

static int
run(struct context *context)
{
	struct tail tail = { .context = context, .notify = -1 };
	struct text tenants = TEXT_EMPTY;
	int code = COMMAND_FAILED;

	if (open_file(&tail) == 0 &&
	    database_begin_reading(context->database) == 0) {
		code = print_there(&tail, &tenants);
		if (code == COMMAND_GOOD &&
		    database_end_reading(context->database) != 0)
			code = COMMAND_FAILED;
	}
	if (code == COMMAND_GOOD && given.follow)
		code = follow(&tail);
	if (tail.notify >= 0)
		close(tail.notify);
	free(tail.path);
	free(tail.id);
	text_free(&tenants);
	return code;
}

const struct command command_tail = {
	.name = "tail",
	.usage = "",
	.help = "the newest events, and with -f those that follow",
	.options = options,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
