#include "audit/chains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Events in one read transaction. */
#define VIEW_ROWS 4096

/* The session that is being walked. */
struct session {
	char *tenant_id;
	char *session_id;
	char *agent_id;
	char *started_at;
	char *ended_at;
	char *timestamp; /* of the last event */
	char *id;
	char *hash;
	const char *status;
	bool webhooks_only; /* all its events came by webhook */
	bool last_webhook;  /* the last one did */
	bool failed; /* memory ran out */
	int64_t pruned; /* events before the first */
	int64_t events;
	int64_t tool_calls;
	int64_t errors;
	int64_t llm_calls;
};

uint64_t
chains_row_print(const struct event_row *event)
{
	const char *const texts[] = { event->columns.id,
		event->columns.timestamp, event->columns.session_id,
		event->tenant_id, event->hash };
	/* This is FNV-1a over eight bytes at a time. */
	uint64_t print = 0xcbf29ce484222325 ^ (uint64_t)event->position;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t left = strlen(texts[i]) + 1;
		for (const char *c = texts[i]; left > 0;) {
			uint64_t word = 0;
			size_t n = left < sizeof(word) ? left : sizeof(word);
			memcpy(&word, c, n);
			print = (print ^ word) * 0x100000001b3;
			print ^= print >> 32;
			c += n;
			left -= n;
		}
	}
	return print;
}

/* When memory runs out the session cannot be judged, and the whole check is to
 * fail. */
static void
set(struct session *s, char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
	s->failed |= *text == NULL;
}

static void
forget(struct session *s)
{
	char **const texts[] = { &s->tenant_id, &s->session_id, &s->agent_id,
		&s->started_at, &s->ended_at, &s->timestamp, &s->id,
		&s->hash };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*texts[i]);
	*s = (struct session){ 0 };
}

static void
blame_event(struct chains *chains, const struct event_row *event,
    const char *field, const char *reason, const char *expected,
    const char *found)
{
	findings_add(chains->findings, &(struct finding){
	    .weight = FINDING_LINK,
	    .tenant_id = event->tenant_id,
	    .session_id = event->columns.session_id,
	    .timestamp = event->columns.timestamp,
	    .event_id = event->columns.id,
	    .table = "events",
	    .field = field,
	    .reason = reason,
	    .expected = expected,
	    .found = found,
	});
}

/* Makes the index of what prune has kept of the chains: for each session its
 * last hash, and how many links lead up to it from the first event. */
static int
open_kept(struct chains *chains)
{
	if (database_run(chains->database, INDEX_KEPT_LINKS) != 0)
		return -1;
	chains->kept = query_open(chains->database, KEPT_LINK);
	return chains->kept == NULL ? -1 : 0;
}

/* When an event links to what prune has kept of its session, *pruned is how
 * many events are gone, else 0.  Such a session was removed only in part, or it
 * went on after it had been removed. */
static int
find_kept(struct chains *chains, const struct event_row *event,
    int64_t *pruned)
{
	struct query *query = chains->kept;

	if (query == NULL && open_kept(chains) != 0)
		return -1;
	query = chains->kept;
	query_bind_text(query, 1, event->tenant_id);
	query_bind_text(query, 2, event->columns.session_id);
	query_bind_number(query, 3, event->position);
	int step = query_step(query);
	const char *hash = step == 1 ? query_text(query, 0) : NULL;
	*pruned = hash != NULL && strcmp(hash, event->columns.prev_hash) ==
	    0 ? query_number(query, 1) : 0;
	query_reset(query);
	return step < 0 ? -1 : 0;
}

static void
check_link(struct chains *chains, const struct session *s,
    const struct event_row *event, bool webhook)
{
	const char *link = event->columns.prev_hash;

	if (s->pruned > 0 && s->events == 0)
		return;
	if (s->hash == NULL && link != NULL)
		blame_event(chains, event, "prev_hash", "it is the first of "
		    "its session, and links to one before", NULL, link);
	else if (s->hash != NULL && link == NULL)
		blame_event(chains, event, "prev_hash", "it links to nothing, "
		    "and there is an event before it", s->hash, NULL);
	else if (s->hash != NULL && strcmp(s->hash, link) != 0)
		blame_event(chains, event, "prev_hash", "it is not the hash "
		    "of the event before it: one between them is missing, "
		    "changed or too many", s->hash, link);
	else if (webhook && s->last_webhook && strcmp(s->id,
	    event->columns.id) >= 0)
		blame_event(chains, event, "id", "it is not above the id of "
		    "the event before it", NULL, s->id);
}

static void
count(struct session *s, const struct event_row *event)
{
	const struct event_type *type =
	    event_type_find(event->columns.event_type);
	enum event_effect effect = type == NULL ? EVENT_COUNTS : type->effect;

	s->events++;
	s->tool_calls += effect == EVENT_CALLS_TOOL;
	s->errors += effect == EVENT_FAILS;
	s->llm_calls += effect == EVENT_CALLS_LLM;
	if (effect == EVENT_STARTS)
		s->status = "active";
	if (effect == EVENT_ENDS) {
		s->status = "completed";
		set(s, &s->ended_at, event->columns.timestamp);
	}
}

static int
take_event(struct chains *chains, struct session *s,
    const struct event_row *event)
{
	bool webhook = event_is_webhook(event);

	if (s->hash == NULL && event->columns.prev_hash != NULL &&
	    find_kept(chains, event, &s->pruned) != 0)
		return -1;
	check_link(chains, s, event, webhook);
	if (s->hash == NULL) {
		set(s, &s->tenant_id, event->tenant_id);
		set(s, &s->session_id, event->columns.session_id);
		set(s, &s->agent_id, event->columns.agent_id);
		set(s, &s->started_at, event->columns.timestamp);
		s->status = "active";
		s->webhooks_only = true;
	}
	s->webhooks_only &= webhook;
	s->last_webhook = webhook;
	set(s, &s->timestamp, event->columns.timestamp);
	set(s, &s->id, event->columns.id);
	set(s, &s->hash, event->hash);
	count(s, event);
	return s->failed ? database_fail(chains->database, "out of memory") :
	    0;
}

/* --- The row of a session ------------------------------------------------ */

static void
blame_session(struct chains *chains, const struct session *s,
    const char *field, const char *reason, const char *expected,
    const char *found)
{
	findings_add(chains->findings, &(struct finding){
	    .weight = FINDING_COUNTER,
	    .tenant_id = s->tenant_id,
	    .session_id = s->session_id,
	    .table = "sessions",
	    .field = field,
	    .reason = reason,
	    .expected = expected,
	    .found = found,
	});
}

static void
compare_number(struct chains *chains, const struct session *s,
    const char *field, int64_t expected, int64_t found)
{
	char texts[2][32];

	if (expected == found)
		return;
	snprintf(texts[0], sizeof(texts[0]), "%" PRId64, expected);
	snprintf(texts[1], sizeof(texts[1]), "%" PRId64, found);
	blame_session(chains, s, field, "it is not what its events come to",
	    texts[0], texts[1]);
}

static void
compare_text(struct chains *chains, const struct session *s,
    const char *field, const char *expected, const char *found)
{
	if (expected == NULL || found == NULL ? expected != found :
	    strcmp(expected, found) != 0)
		blame_session(chains, s, field,
		    "it is not what its events come to", expected, found);
}

static int
check_session(struct chains *chains, const struct session *s,
    struct query *row)
{
	query_bind_text(row, 1, s->tenant_id);
	query_bind_text(row, 2, s->session_id);
	int step = query_step(row);
	if (step == 0)
		blame_session(chains, s, NULL, "the session has no row", NULL,
		    NULL);
	if (step == 1)
		compare_number(chains, s, "event_count", s->pruned +
		    s->events, query_number(row, 0));
	/* AgentLens counts its own events in other ways, and of events that
	 * are pruned nobody knows what they counted for. */
	if (step == 1 && s->webhooks_only && s->pruned == 0) {
		compare_number(chains, s, "tool_call_count", s->tool_calls,
		    query_number(row, 1));
		compare_number(chains, s, "error_count", s->errors,
		    query_number(row, 2));
		compare_number(chains, s, "llm_call_count", s->llm_calls,
		    query_number(row, 3));
		compare_text(chains, s, "agent_id", s->agent_id,
		    query_text(row, 4));
		compare_text(chains, s, "started_at", s->started_at,
		    query_text(row, 5));
		compare_text(chains, s, "ended_at", s->ended_at,
		    query_text(row, 6));
		compare_text(chains, s, "status", s->status,
		    query_text(row, 7));
		compare_text(chains, s, "last_event_at", s->timestamp,
		    query_text(row, 8));
	}
	query_reset(row);
	return step < 0 ? -1 : 0;
}

/* Finds rows of sessions that have no event. */
static int
check_empty_sessions(struct chains *chains)
{
	struct query *query = query_open(chains->database, EMPTY_SESSIONS);
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1) {
		struct session s = {
			.session_id = (char *)query_text(query, 0),
			.tenant_id = (char *)query_text(query, 1),
		};
		blame_session(chains, &s, "event_count",
		    "there is no event of this session", "0",
		    query_text(query, 2));
	}
	query_close(query);
	return step;
}

/* --- Walking ------------------------------------------------------------- */

struct walk {
	struct chains *chains;
	struct query *events;
	struct query *row;
	struct session session;
};

static int
end_session(struct walk *w)
{
	int result = 0;

	if (w->session.hash != NULL) {
		w->chains->sessions++;
		w->chains->half_pruned += w->session.pruned > 0;
		result = check_session(w->chains, &w->session, w->row);
	}
	forget(&w->session);
	return result;
}

static int
take_row(struct walk *w)
{
	struct chains *chains = w->chains;
	struct session *s = &w->session;
	struct event_row event;

	event_row_read(&event, w->events);
	if (s->hash != NULL && (strcmp(s->tenant_id, event.tenant_id) != 0 ||
	    strcmp(s->session_id, event.columns.session_id) != 0) &&
	    end_session(w) != 0)
		return -1;
	if (take_event(chains, s, &event) != 0)
		return -1;
	if (event.position <= chains->last_position) {
		chains->sum += chains_row_print(&event);
		chains->events++;
	}
	return 0;
}

/*
 * Walks up to VIEW_ROWS events in one read transaction, from the last event of
 * the session that is being walked.  Events that arrive meanwhile come last in
 * their session, so what was walked before stays right.  Returns 1 when there
 * may be more, 0 at the end, or -1.
 */
static int
walk_view(struct walk *w, bool first)
{
	static const char *const names[] = { "", "", "", "" };
	struct session *s = &w->session;
	const char *const last[] = { s->tenant_id, s->session_id,
		s->timestamp, s->id };
	char *copies[4] = { NULL };
	int rows = 0, step;

	for (int i = 0; i < 4; i++) {
		copies[i] = strdup(first ? names[i] : last[i]);
		query_bind_text(w->events, i + 1, copies[i]);
	}
	query_bind_number(w->events, 5, VIEW_ROWS);
	while ((step = query_step(w->events)) == 1) {
		rows++;
		if (take_row(w) != 0)
			break;
	}
	/* Only what is read in this transaction can tell that nothing
	 * follows. */
	if (step == 0 && rows < VIEW_ROWS && end_session(w) != 0)
		step = -1;
	query_reset(w->events);
	for (int i = 0; i < 4; i++)
		free(copies[i]);
	return step != 0 ? -1 : rows == VIEW_ROWS;
}

/* With the index of the chains each read transaction can begin where the last
 * one ended.  A file that only AgentLens wrote has none: all is sorted once, in
 * one transaction. */
static int
walk_all(struct walk *w, bool indexed)
{
	int more = 1;

	for (bool first = true; more == 1; first = false) {
		if (indexed && database_begin_reading(w->chains->database) != 0)
			return -1;
		if (indexed) {
			more = walk_view(w, first);
			database_stop_reading(w->chains->database);
		} else {
			int step;
			while ((step = query_step(w->events)) == 1)
				if (take_row(w) != 0)
					return -1;
			more = step == 0 ? end_session(w) : -1;
		}
	}
	return more;
}

int
chains_check(struct chains *chains)
{
	bool indexed = database_has(chains->database, "idx_ingest_chain");
	struct walk w = { .chains = chains };
	int result = -1;

	w.events = query_open(chains->database, indexed ? CHAINS_INDEXED :
	    CHAINS_SORTED);
	w.row = query_open(chains->database, SESSION_ROW);
	if (w.events != NULL && w.row != NULL &&
	    walk_all(&w, indexed) == 0)
		result = check_empty_sessions(chains);
	forget(&w.session);
	query_close(w.events);
	query_close(w.row);
	query_close(chains->kept);
	chains->kept = NULL;
	return result;
}
