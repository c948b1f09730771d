/* agentlens-log prune: removes old sessions or bodies, and keeps what proves
 * that they were there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agentlens-log/record.h"
#include "agentlens-log/terminal.h"
#include "reader/entries.h"

/* Rows that one transaction removes, so that agentlens-ingest never waits for
 * long.  A longer session is removed in slices, the oldest first.  If prune is
 * ended half-way, the rest of the session links to what was kept; verify
 * accepts that, and the next prune removes the rest. */
#define BATCH 256

static struct {
	char before[TIMESTAMP_SIZE];
	bool bodies; /* remove only these */
	bool yes;
	bool dry_run;
} given;

static const struct option_row options[] = {
	{ "before", 'b', "TIME", "sessions whose last event is older; a time, "
	    "a date, or an age such as 90d", OPTION_TIME, given.before },
	{ "bodies", 0, NULL, "only the bodies of their deliveries",
	    OPTION_FLAG, &given.bodies },
	{ "dry-run", 'n', NULL, "say what would be removed", OPTION_FLAG,
	    &given.dry_run },
	{ "yes", 'y', NULL, "do not ask", OPTION_FLAG, &given.yes },
	{ 0 }
};

struct prune {
	struct database *database;
	struct query *is_chosen;
	struct query *note;
	int64_t sessions;
	int64_t events;
	int64_t deliveries;
	int64_t bytes;
};

/* --- Choosing ------------------------------------------------------------- */

static int
note_row(struct prune *p, const struct entry *entry,
    const struct delivery_row *d, const char *tenant, const char *session)
{
	struct query *q = p->note;

	if (d != NULL) {
		query_bind_number(q, 1, d->id);
		query_bind_bytes(q, 2, d->leaf, DIGEST_BYTES);
		p->deliveries += d->body.len > 0;
		p->bytes += (int64_t)d->body.len;
	}
	if (entry != NULL) {
		query_bind_number(q, 3, entry->position);
		query_bind_text(q, 4, entry->event_id);
		query_bind_text(q, 7, entry->prev_hash);
		query_bind_text(q, 8, entry->hash);
		query_bind_bytes(q, 9, entry->leaf, DIGEST_BYTES);
		p->events++;
	}
	query_bind_text(q, 5, tenant);
	query_bind_text(q, 6, session);
	return query_run(q);
}

/* Refused deliveries have no session: BATCH of them count as one, which the
 * number of the batch names, of the tenant "". */
static int
take_delivery(void *context, const struct delivery_row *d)
{
	struct prune *p = context;
	char batch[32];

	if (d->event_id != NULL || d->body.len == 0 ||
	    strcmp(d->received_at, given.before) >= 0)
		return 0;
	snprintf(batch, sizeof(batch), "%" PRId64, d->id / BATCH);
	return note_row(p, NULL, d, "", batch);
}

static int
take_entry(struct prune *p, const struct entry *entry)
{
	int step;

	if (entry->pruned)
		return 0;
	query_bind_text(p->is_chosen, 1, entry->tenant_id);
	query_bind_text(p->is_chosen, 2, entry->session_id);
	step = query_step(p->is_chosen);
	query_reset(p->is_chosen);
	if (step != 1 || (given.bodies && (entry->delivery == NULL ||
	    entry->delivery->body.len == 0)))
		return step < 0 ? -1 : 0;
	return note_row(p, entry, entry->delivery, entry->tenant_id,
	    entry->session_id);
}

static int
walk(struct prune *p)
{
	struct entries *entries = entries_open(p->database,
	    &(struct entries_options){ .leaves = true,
	    .on_delivery = take_delivery, .context = p });
	struct entry entry;
	int step = -1;

	while (entries != NULL &&
	    (step = entries_next(entries, &entry)) == 1)
		if (take_entry(p, &entry) != 0)
			break;
	entries_close(entries);
	return step == 0 ? 0 : -1;
}

static int
find(struct prune *p)
{
	struct query *sessions;
	int result = -1;

	if (database_run(p->database, PRUNE_BEGIN) != 0)
		return -1;
	sessions = query_open(p->database, PRUNE_CHOOSE_SESSIONS);
	if (sessions != NULL) {
		query_bind_text(sessions, 1, given.before);
		result = query_run(sessions);
		p->sessions = database_changes(p->database);
	}
	query_close(sessions);
	if (result != 0)
		return -1;
	p->is_chosen = query_open(p->database, PRUNE_IS_CHOSEN);
	p->note = query_open(p->database, PRUNE_NOTE);
	result = p->is_chosen == NULL || p->note == NULL ? -1 : walk(p);
	query_close(p->is_chosen);
	query_close(p->note);
	return result;
}

/* --- Removing ------------------------------------------------------------- */

/* A slice of a session, or of refused deliveries: then the tenant is "". */
struct slice {
	const char *tenant;
	const char *session;
	const char *now; /* the time of pruning */
	int64_t behind;  /* the last row of the slice before */
	int64_t last;    /* the last row of this one */
	bool ends;       /* it is the last of the session */
};

/* Moves to the next slice.  Returns 1, 0 when there is none, or -1. */
static int
next_slice(struct prune *p, struct slice *slice)
{
	struct query *query = query_open(p->database, PRUNE_FIND_SLICE);
	int step = -1;

	if (query != NULL) {
		query_bind_text(query, 1, slice->tenant);
		query_bind_text(query, 2, slice->session);
		query_bind_number(query, 3, slice->last);
		query_bind_number(query, 4, BATCH);
		step = query_step(query);
	}
	if (step == 1) {
		slice->behind = slice->last;
		slice->last = query_number(query, 0);
		slice->ends = slice->last == query_number(query, 1);
		step = !query_is_null(query, 0);
	}
	query_close(query);
	return step;
}

static int
run_step(struct prune *p, enum statement step, const struct slice *slice)
{
	struct query *query = query_open(p->database, step);
	int result = -1;

	if (query != NULL) {
		query_bind_text(query, 1, slice->tenant);
		query_bind_text(query, 2, slice->session);
		query_bind_number(query, 3, slice->behind);
		query_bind_number(query, 4, slice->last);
		query_bind_text(query, 5, slice->now);
		result = query_run(query);
	}
	query_close(query);
	return result;
}

/* Whether a session is as it was when it was chosen: one that has got an event
 * since is not removed.  Returns 1, 0 or -1. */
static int
is_as_it_was(struct prune *p, const struct slice *slice)
{
	if (*slice->tenant == '\0')
		return 1;
	struct query *query = query_open(p->database, PRUNE_IS_UNCHANGED);
	int step = -1;

	if (query != NULL) {
		query_bind_text(query, 1, slice->tenant);
		query_bind_text(query, 2, slice->session);
		step = query_step(query);
	}
	query_close(query);
	return step;
}

/* Removes a slice in one transaction.  Returns 1; 0 when the session is to
 * stay; or -1. */
static int
remove_slice(struct prune *p, const struct slice *slice)
{
	static const enum statement all[] = { PRUNE_KEEP, PRUNE_EMPTY,
		PRUNE_REMOVE_EVENTS, PRUNE_REMOVE_SESSION };
	static const enum statement bodies[] = { PRUNE_KEEP_BODIES,
		PRUNE_EMPTY_BODIES };
	bool few = given.bodies || *slice->tenant == '\0';
	int count = few ? 2 : slice->ends ? 4 : 3;

	if (database_begin(p->database) != 0)
		return -1;
	int result = is_as_it_was(p, slice);
	for (int i = 0; i < count && result == 1; i++)
		if (run_step(p, few ? bodies[i] : all[i], slice) != 0)
			result = -1;
	if (result == 1)
		return database_commit(p->database) == 0 ? 1 : -1;
	database_rollback(p->database);
	return result;
}

static int
remove_session(struct prune *p, const char *tenant, const char *session)
{
	char now[TIMESTAMP_SIZE];
	struct slice slice = { .tenant = tenant, .session = session,
		.now = now };
	int step;

	timestamp_format(timestamp_now(), now);
	while ((step = next_slice(p, &slice)) == 1)
		if ((step = remove_slice(p, &slice)) != 1)
			break;
	return step < 0 ? -1 : 0;
}

static int
remove_all(struct prune *p)
{
	struct query *query = query_open(p->database, PRUNE_NEXT_SESSION);
	struct text tenant = TEXT_EMPTY, session = TEXT_EMPTY;
	int step = -1;

	while (query != NULL) {
		query_bind_text(query, 1, text_string(&tenant));
		query_bind_text(query, 2, text_string(&session));
		if ((step = query_step(query)) != 1)
			break;
		struct text next[2] = { TEXT_EMPTY, TEXT_EMPTY };
		text_puts(&next[0], query_text(query, 0));
		text_puts(&next[1], query_text(query, 1));
		query_reset(query);
		text_free(&tenant);
		text_free(&session);
		tenant = next[0];
		session = next[1];
		step = remove_session(p, text_string(&tenant),
		    text_string(&session));
		if (step != 0)
			break;
	}
	query_close(query);
	text_free(&tenant);
	text_free(&session);
	return step;
}

/* --- The command ---------------------------------------------------------- */

/* What was removed, or would be. */
struct pruning {
	const char *before;
	bool removed;
	int64_t sessions;
	int64_t removed_events; /* 0 when only bodies are */
	int64_t events;
	int64_t bodies;
	int64_t bytes;
};

static const struct record_field pruning_fields[] = {
	RECORD_FIELD("before", RECORD_TEXT, pruning, before),
	RECORD_FIELD("removed", RECORD_BOOL, pruning, removed),
	RECORD_FIELD("sessions", RECORD_NUMBER, pruning, sessions),
	RECORD_FIELD("events", RECORD_NUMBER, pruning, removed_events),
	RECORD_FIELD("bodies", RECORD_NUMBER, pruning, bodies),
	RECORD_FIELD("bytes", RECORD_NUMBER, pruning, bytes),
	{ 0 }
};

static void
print_pruning(const struct context *context, const void *record)
{
	const struct pruning *p = record;
	const char *verb = p->removed ? "removed" : "to be removed";

	(void)context;
	if (given.bodies)
		printf("%s: the bodies of %" PRId64 " deliveries, %" PRId64
		    " bytes; all events stay\n", verb, p->bodies, p->bytes);
	else
		printf("%s: %" PRId64 " sessions of %" PRId64 " events, and "
		    "the bodies of %" PRId64 " deliveries, %" PRId64
		    " bytes\n", verb, p->sessions, p->events, p->bodies,
		    p->bytes);
}

static void
tell(const struct context *context, const struct prune *p, bool removed)
{
	static const struct record_type type = {
		.fields = pruning_fields,
		.print = print_pruning,
	};
	const struct pruning pruning = {
		.before = given.before,
		.removed = removed,
		.sessions = p->sessions,
		.removed_events = given.bodies ? 0 : p->events,
		.events = p->events,
		.bodies = p->deliveries,
		.bytes = p->bytes,
	};

	record_print(context, &type, &pruning);
}

static bool
agree(const struct prune *p)
{
	char answer[16];

	printf("Everything of sessions that ended before %s.\nRemove it from "
	    "%s? [y/N] ", given.before, database_path(p->database));
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

static int
prepare(struct context *context)
{
	if (given.before[0] == '\0')
		return options_refuse(context);
	if (!given.yes && !given.dry_run && !isatty(STDIN_FILENO)) {
		warn("there is no terminal to ask on: give --yes or "
		    "--dry-run");
		return EX_USAGE;
	}
	if (given.dry_run)
		context->access = COMMAND_READS;
	return -1;
}

static int
run(struct context *context)
{
	struct prune p = { .database = context->database };

	if (find(&p) != 0)
		return COMMAND_FAILED;
	if (given.dry_run || !given.yes)
		tell(context, &p, false);
	if (given.dry_run)
		return COMMAND_GOOD;
	if (!given.yes && !agree(&p)) {
		printf("Nothing was removed.\n");
		return COMMAND_FAULT;
	}
	if (remove_all(&p) != 0)
		return COMMAND_FAILED;
	tell(context, &p, true);
	return COMMAND_GOOD;
}

const struct command command_prune = {
	.name = "prune",
	.usage = "",
	.help = "remove what is old, and keep the proof of it",
	.options = options,
	.access = COMMAND_WRITES,
	.prepare = prepare,
	.run = run,
};
