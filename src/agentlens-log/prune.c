/* prune: removes what is old, and keeps the proof that it was there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "database.h"
#include "evidence.h"
#include "output.h"

/* Rows of what was chosen that a transaction removes: so long, at most, do the
 * responders wait.  A session that has more is removed in slices, the oldest
 * first; what is left of it when this is ended half-way links to what was
 * kept, verify knows that, and the next prune goes on. */
#define BATCH 256

struct prune {
	struct database *database;
	const char *before;
	bool bodies; /* only these */
	struct query *is_chosen;
	struct query *note;
	int64_t sessions;
	int64_t events;
	int64_t deliveries;
	int64_t bytes;
};

/* What is to go, found out before anything is locked.  The session of the
 * newest event stays: the rowids after it go on from there. */
static const char choose[] =
    "CREATE TEMP TABLE prune_session (tenant_id TEXT, session_id TEXT,"
    " head INTEGER, event_count INTEGER,"
    " PRIMARY KEY (tenant_id, session_id)) WITHOUT ROWID;"
    "CREATE TEMP TABLE prune_row (number INTEGER PRIMARY KEY,"
    " delivery_id INTEGER, delivery_leaf BLOB, position INTEGER,"
    " event_id TEXT, tenant_id TEXT, session_id TEXT, prev_hash TEXT,"
    " hash TEXT, event_leaf BLOB);"
    "CREATE INDEX temp.prune_row_session"
    " ON prune_row (tenant_id, session_id)";

/* What an event that arrives meanwhile changes. */
#define HEAD(tenant, session) "(SELECT rowid FROM events AS h" \
	" WHERE h.tenant_id = " tenant " AND h.session_id = " session \
	" ORDER BY h.timestamp DESC, h.id DESC LIMIT 1)"
#define EVENT_COUNT(tenant, session) "(SELECT event_count FROM sessions AS s" \
	" WHERE s.tenant_id = " tenant " AND s.id = " session ")"

static const char choose_sessions[] =
    "INSERT INTO prune_session SELECT tenant_id, session_id, "
    HEAD("e.tenant_id", "e.session_id") ", "
    EVENT_COUNT("e.tenant_id", "e.session_id") " FROM events AS e"
    " GROUP BY tenant_id, session_id HAVING max(timestamp) < ?1"
    " AND max(rowid) < (SELECT max(rowid) FROM events)";

static const char is_unchanged[] =
    "SELECT 1 FROM prune_session WHERE tenant_id = ?1 AND session_id = ?2"
    " AND head IS " HEAD("?1", "?2")
    " AND event_count IS " EVENT_COUNT("?1", "?2");

/* The last row of the slice behind a row, and whether more follow. */
static const char find_slice[] =
    "SELECT max(number), (SELECT max(number) FROM prune_row"
    " WHERE tenant_id = ?1 AND session_id = ?2) FROM (SELECT number"
    " FROM prune_row WHERE tenant_id = ?1 AND session_id = ?2"
    " AND number > ?3 ORDER BY number LIMIT ?4)";

enum step {
	KEEP,
	KEEP_BODIES,
	EMPTY,
	EMPTY_BODIES,
	REMOVE_EVENTS,
	REMOVE_SESSION,
	STEPS
};

/* ?1 and ?2 are the session, ?3 the row that the slice is behind and ?4 its
 * last one, ?5 the time. */
#define OF_SLICE " FROM prune_row WHERE tenant_id = ?1 AND session_id = ?2" \
	" AND number > ?3 AND number <= ?4"

static const char *const steps[STEPS] = {
	[KEEP] = "INSERT INTO ingest_pruned (pruned_at, delivery_id,"
	    " delivery_leaf, position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf) SELECT ?5, delivery_id,"
	    " delivery_leaf, position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf" OF_SLICE
	    " ORDER BY number ON CONFLICT (delivery_id) DO UPDATE SET"
	    " pruned_at = excluded.pruned_at, position = excluded.position,"
	    " event_id = excluded.event_id, tenant_id = excluded.tenant_id,"
	    " session_id = excluded.session_id,"
	    " prev_hash = excluded.prev_hash, hash = excluded.hash,"
	    " event_leaf = excluded.event_leaf",
	[KEEP_BODIES] = "INSERT INTO ingest_pruned (pruned_at, delivery_id,"
	    " delivery_leaf) SELECT ?5, delivery_id, delivery_leaf" OF_SLICE
	    " AND delivery_id IS NOT NULL ORDER BY number"
	    " ON CONFLICT (delivery_id) DO NOTHING",
	[EMPTY] = "UPDATE ingest_deliveries SET body = x'',"
	    " remote_addr = NULL, signature = NULL"
	    " WHERE id IN (SELECT delivery_id" OF_SLICE ")",
	[EMPTY_BODIES] = "UPDATE ingest_deliveries SET body = x''"
	    " WHERE id IN (SELECT delivery_id" OF_SLICE ")",
	[REMOVE_EVENTS] = "DELETE FROM events"
	    " WHERE rowid IN (SELECT position" OF_SLICE ")",
	[REMOVE_SESSION] = "DELETE FROM sessions"
	    " WHERE tenant_id = ?1 AND id = ?2",
};

/* --- Choosing ------------------------------------------------------------- */

static int
note_row(struct prune *p, const struct entry *entry,
    const struct delivery_row *d, const char *tenant, const char *session)
{
	struct query *q = p->note;

	if (d != NULL) {
		query_bind_number(q, 1, d->id);
		query_bind_bytes(q, 2, d->leaf, SIGNATURE_BYTES);
		p->deliveries += d->body_len > 0;
		p->bytes += (int64_t)d->body_len;
	}
	if (entry != NULL) {
		query_bind_number(q, 3, entry->position);
		query_bind_text(q, 4, entry->event_id);
		query_bind_text(q, 7, entry->prev_hash);
		query_bind_text(q, 8, entry->hash);
		query_bind_bytes(q, 9, entry->leaf, SIGNATURE_BYTES);
		p->events++;
	}
	query_bind_text(q, 5, tenant);
	query_bind_text(q, 6, session);
	return query_run(q);
}

/* What was refused is of no session: as many as a batch takes are one. */
static int
take_delivery(void *context, const struct delivery_row *d)
{
	struct prune *p = context;
	char batch[32];

	if (d->event_id != NULL || d->body_len == 0 ||
	    strcmp(d->received_at, p->before) >= 0)
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
	if (step != 1 || (p->bodies && (entry->delivery == NULL ||
	    entry->delivery->body_len == 0)))
		return step < 0 ? -1 : 0;
	return note_row(p, entry, entry->delivery, entry->tenant_id,
	    entry->session_id);
}

static int
walk(struct prune *p)
{
	struct evidence *evidence = evidence_open(p->database,
	    &(struct evidence_options){ .leaves = true,
	    .on_delivery = take_delivery, .context = p });
	struct entry entry;
	int step = -1;

	while (evidence != NULL &&
	    (step = evidence_next(evidence, &entry)) == 1)
		if (take_entry(p, &entry) != 0)
			break;
	evidence_close(evidence);
	return step == 0 ? 0 : -1;
}

static int
find(struct prune *p)
{
	int result = -1;

	if (database_run(p->database, choose) != 0)
		return -1;
	struct query *sessions = query_open(p->database, choose_sessions);
	if (sessions != NULL) {
		query_bind_text(sessions, 1, p->before);
		result = query_run(sessions);
		p->sessions = database_changes(p->database);
	}
	query_close(sessions);
	if (result != 0)
		return -1;
	p->is_chosen = query_open(p->database, "SELECT 1 FROM prune_session"
	    " WHERE tenant_id = ?1 AND session_id = ?2");
	p->note = query_open(p->database, "INSERT INTO prune_row (delivery_id,"
	    " delivery_leaf, position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	result = p->is_chosen == NULL || p->note == NULL ? -1 : walk(p);
	query_close(p->is_chosen);
	query_close(p->note);
	return result;
}

/* --- Removing ------------------------------------------------------------- */

/* A slice of a session, or of what was refused: then the tenant is "". */
struct slice {
	const char *tenant;
	const char *session;
	const char *now;
	int64_t behind;
	int64_t last;
	bool ends; /* it is the session's last */
};

/* Returns 1 when there is one, behind the one before. */
static int
next_slice(struct prune *p, struct slice *slice)
{
	struct query *query = query_open(p->database, find_slice);
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
run_step(struct prune *p, enum step which, const struct slice *slice)
{
	struct query *query = query_open(p->database, steps[which]);
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

/* A session that got an event meanwhile stays.  Returns 1, 0 or -1. */
static int
is_as_it_was(struct prune *p, const struct slice *slice)
{
	if (*slice->tenant == '\0')
		return 1;
	struct query *query = query_open(p->database, is_unchanged);
	int step = -1;

	if (query != NULL) {
		query_bind_text(query, 1, slice->tenant);
		query_bind_text(query, 2, slice->session);
		step = query_step(query);
	}
	query_close(query);
	return step;
}

/* Returns 1 when it is removed, 0 when the session is to stay. */
static int
remove_slice(struct prune *p, const struct slice *slice)
{
	static const enum step all[] = { KEEP, EMPTY, REMOVE_EVENTS,
		REMOVE_SESSION };
	static const enum step bodies[] = { KEEP_BODIES, EMPTY_BODIES };
	bool few = p->bodies || *slice->tenant == '\0';
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
	struct query *query = query_open(p->database, "SELECT DISTINCT"
	    " tenant_id, session_id FROM prune_row WHERE (tenant_id,"
	    " session_id) > (?1, ?2) ORDER BY tenant_id, session_id LIMIT 1");
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

/* --- The whole ------------------------------------------------------------ */

static void
tell(const struct prune *p, const char *verb, bool json)
{
	struct text line = TEXT_EMPTY;

	if (json) {
		output_json_text(&line, "before", p->before);
		output_json_bool(&line, "removed", strcmp(verb, "removed") ==
		    0);
		output_json_number(&line, "sessions", p->sessions);
		output_json_number(&line, "events", p->bodies ? 0 : p->events);
		output_json_number(&line, "bodies", p->deliveries);
		output_json_number(&line, "bytes", p->bytes);
		output_json_end(&line);
	} else if (p->bodies) {
		printf("%s: the bodies of %" PRId64 " deliveries, %" PRId64
		    " bytes; all events stay\n", verb, p->deliveries,
		    p->bytes);
	} else {
		printf("%s: %" PRId64 " sessions of %" PRId64 " events, and "
		    "the bodies of %" PRId64 " deliveries, %" PRId64
		    " bytes\n", verb, p->sessions, p->events, p->deliveries,
		    p->bytes);
	}
}

static bool
agree(const struct prune *p)
{
	char answer[16];

	printf("Everything of sessions that ended before %s.\nRemove it from "
	    "%s? [y/N] ", p->before, database_path(p->database));
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

static int
prune(struct prune *p, bool yes, bool dry_run, bool json)
{
	if (find(p) != 0)
		return COMMAND_FAILED;
	if (dry_run || !yes)
		tell(p, "to be removed", json);
	if (dry_run)
		return COMMAND_GOOD;
	if (!yes && !agree(p)) {
		printf("Nothing was removed.\n");
		return COMMAND_FAULT;
	}
	if (remove_all(p) != 0)
		return COMMAND_FAILED;
	tell(p, "removed", json);
	return COMMAND_GOOD;
}

int
prune_run(struct context *context, int argc, char **argv)
{
	char before[TIMESTAMP_SIZE] = "";
	struct prune p = { .before = before };
	bool yes = false, dry_run = false;
	const struct option_row options[] = {
		{ "before", 'b', "TIME", "sessions whose last event is older; "
		    "a time, a date, or an age such as 90d", OPTION_TIME,
		    before },
		{ "bodies", 0, NULL, "only the bodies of their deliveries",
		    OPTION_FLAG, &p.bodies },
		{ "dry-run", 'n', NULL, "say what would be removed",
		    OPTION_FLAG, &dry_run },
		{ "yes", 'y', NULL, "do not ask", OPTION_FLAG, &yes },
		{ 0 }
	};
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0 || *before == '\0')
		return options_refuse(context);
	if (!yes && !dry_run && !isatty(STDIN_FILENO)) {
		complain("there is no terminal to ask on: give --yes or "
		    "--dry-run");
		return EX_USAGE;
	}
	p.database = database_open(context, dry_run ? DATABASE_READ :
	    DATABASE_WRITE);
	code = p.database == NULL ? COMMAND_FAILED :
	    prune(&p, yes, dry_run, context->json);
	database_close(p.database);
	return code;
}
