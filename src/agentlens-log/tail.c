/* agentlens-log tail: the newest events, and those that follow. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "listing.h"
#include "output.h"

#define LIMIT 10

/* At most so often is the file looked at, in ms, however busy it is. */
#define PAUSE_MS 50

/* A commit is to be seen a moment after the last write that tells of it; then
 * the waits grow, to this while the kernel tells of writes, and to that while
 * it does not. */
#define WAIT_FIRST_MS 10
#define WAIT_TOLD_MS 4000
#define WAIT_UNTOLD_MS 500

/* A file that cannot be read is tried so often. */
#define FAILURES_MAX 10

struct tail {
	struct context *context;
	struct filter filter;
	struct database *database; /* NULL: to be opened again */
	char *path;
	dev_t device;
	ino_t inode;
	int64_t rowid; /* of the last event seen; -1: only its id counts */
	char *id;
	int notify; /* inotify's descriptor, or -1 */
	int failures;
};

/* --- What is there ------------------------------------------------------- */

/* The event that was written last. */
static int
read_end(struct database *database, int64_t *rowid, char **id)
{
	struct query *query = query_open(database, "SELECT rowid, id"
	    " FROM events ORDER BY rowid DESC LIMIT 1");
	int step = query == NULL ? -1 : query_step(query);

	*rowid = step == 1 ? query_number(query, 0) : 0;
	*id = step < 0 ? NULL : strdup(step == 1 &&
	    query_text(query, 0) != NULL ? query_text(query, 1) : "");
	query_close(query);
	return *id == NULL ? -1 : 0;
}

static void
set_end(struct tail *tail, int64_t rowid, char *id)
{
	free(tail->id);
	tail->id = id;
	tail->rowid = rowid;
}

/* The newest come first from the file, and last on the screen. */
static int
print_newest(struct tail *tail, int64_t limit)
{
	struct text *lines = calloc((size_t)limit + 1, sizeof(*lines));
	struct query *query = lines == NULL ? NULL :
	    filter_open(tail->database, &tail->filter, FILTER_NEWEST_FIRST);
	struct row row;
	int step = query == NULL ? -1 : 0;
	int64_t count = 0;

	while (query != NULL && count < limit &&
	    (step = filter_step(query, &tail->filter, &row)) == 1) {
		struct text *line = &lines[count++];
		if (tail->context->json) {
			row_add_json(line, &row);
			text_puts(line, "}\n");
		} else {
			listing_add(line, &row);
		}
	}
	query_close(query);
	while (count-- > 0) {
		fwrite(text_string(&lines[count]), 1, lines[count].len,
		    stdout);
		text_free(&lines[count]);
	}
	free(lines);
	return step < 0 ? -1 : 0;
}

/* Whether the last event seen is still where it was: VACUUM and prune move
 * rows, and another file has others. */
static bool
is_in_place(struct tail *tail)
{
	struct query *query;
	bool same = tail->rowid == 0;

	if (tail->rowid <= 0)
		return same;
	query = query_open(tail->database, "SELECT id FROM events"
	    " WHERE rowid = ?1");
	if (query == NULL)
		return false;
	query_bind_number(query, 1, tail->rowid);
	if (query_step(query) == 1 && query_text(query, 0) != NULL)
		same = strcmp(query_text(query, 0), tail->id) == 0;
	query_close(query);
	return same;
}

/* Prints what was written since.  In one view of the file, so that nothing is
 * between what is printed and what is next. */
static int
print_new(struct tail *tail, bool *any)
{
	struct row row;
	int64_t rowid;
	char *id;
	int step = 0;

	*any = false;
	if (database_begin_reading(tail->database) != 0 ||
	    read_end(tail->database, &rowid, &id) != 0)
		return -1;
	bool in_place = is_in_place(tail);
	if (!in_place || rowid > tail->rowid) {
		struct query *query = filter_open_after(tail->database,
		    &tail->filter, tail->rowid, in_place ? NULL : tail->id);
		step = query == NULL ? -1 : 1;
		while (step > 0 && (step = filter_step(query, &tail->filter,
		    &row)) == 1) {
			listing_print(&row, tail->context->json);
			*any = true;
		}
		query_close(query);
	}
	if (step == 0)
		set_end(tail, rowid, id);
	else
		free(id);
	return database_end_reading(tail->database) != 0 ? -1 : step;
}

/* --- Waiting ------------------------------------------------------------- */

/* The folder is watched: the file and its log come and go in it. */
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

/* Whether one of the events waiting tells of the file or its log. */
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

/* Waits until the file was written to, or for `*wait_ms`, which grows. */
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

static int
open_file(struct tail *tail)
{
	struct stat status;

	tail->database = database_open(tail->context, DATABASE_READ);
	if (tail->database == NULL)
		return -1;
	if (tail->path == NULL)
		tail->path = strdup(database_path(tail->database));
	if (tail->path == NULL || stat(tail->path, &status) != 0)
		return -1;
	tail->device = status.st_dev;
	tail->inode = status.st_ino;
	return 0;
}

static void
close_file(struct tail *tail)
{
	database_close(tail->database);
	tail->database = NULL;
	tail->rowid = -1;
}

/* Lets go of a file that was moved away or written over, and takes the one
 * in its place.  Returns 1 when there is a file, 0 when there is none now. */
static int
follow_file(struct tail *tail)
{
	struct stat status;
	bool there = stat(tail->path, &status) == 0;

	if (tail->database != NULL && (!there ||
	    status.st_dev != tail->device || status.st_ino != tail->inode))
		close_file(tail);
	if (tail->database != NULL)
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
		if (state < 0) {
			close_file(tail);
			if (++tail->failures == FAILURES_MAX)
				return COMMAND_FAILED;
		} else {
			tail->failures = 0;
		}
		if (any)
			wait_ms = WAIT_FIRST_MS;
		if (fflush(stdout) != 0)
			return COMMAND_FAILED;
		wait_for_more(tail, &wait_ms);
	}
}

/* --- The command --------------------------------------------------------- */

static int
tail_file(struct tail *tail, int64_t limit, bool following)
{
	struct text tenant = TEXT_EMPTY;
	struct text titles = TEXT_EMPTY;
	int64_t rowid;
	char *id;
	int code = 1;

	if (open_file(tail) != 0 ||
	    database_begin_reading(tail->database) != 0)
		return COMMAND_FAILED;
	/* Who follows may wait for a session that is still to come. */
	if (tail->filter.session != NULL)
		code = filter_find_tenant(tail->database, &tail->filter,
		    &tenant);
	if (code < 0 || code > 1 || (code == 0 && !following)) {
		text_free(&tenant);
		return code < 0 ? COMMAND_FAILED : COMMAND_FAULT;
	}
	if (!tail->context->json)
		listing_add_titles(&titles);
	fputs(text_string(&titles), stdout);
	text_free(&titles);
	if (read_end(tail->database, &rowid, &id) != 0)
		return COMMAND_FAILED;
	set_end(tail, rowid, id);
	if ((code == 1 && print_newest(tail, limit) != 0) ||
	    database_end_reading(tail->database) != 0)
		return COMMAND_FAILED;
	code = following ? follow(tail) : COMMAND_GOOD;
	text_free(&tenant);
	return code;
}

int
tail_run(struct context *context, int argc, char **argv)
{
	struct tail tail = { .context = context, .notify = -1 };
	int64_t limit = LIMIT;
	bool following = false;
	const struct option_row options[] = {
		{ "follow", 'f', NULL, "go on with those that are recorded "
		    "from now on", OPTION_FLAG, &following },
		{ "lines", 'n', "NUMBER", "begin with so many (10)",
		    OPTION_NUMBER, &limit },
		FILTER_OPTIONS(&tail.filter),
		{ 0 }
	};
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0 || limit > 1000000)
		return options_refuse(context);
	code = tail_file(&tail, limit, following);
	database_close(tail.database);
	if (tail.notify >= 0)
		close(tail.notify);
	free(tail.path);
	free(tail.id);
	return code;
}
