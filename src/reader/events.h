/* Finds events in the file: all that a filter lets through, or one by its
 * id. */
#ifndef EVENTS_H
#define EVENTS_H

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "store/columns.h"
#include "store/database.h"

/* The source in an event's metadata, such as "agentgate"; "" when it has none,
 * as with AgentLens's own events.  Replaces what is in `out`, and returns
 * it. */
const char *event_source(const struct event_row *event, struct text *out);

/* Whether its metadata is of the form that agentlens-ingest writes. */
bool event_is_webhook(const struct event_row *event);

/* Parses a payload or metadata.  Returns NULL when it is no JSON object.  The
 * caller releases it with json_object_put(). */
struct json_object *event_object(const char *text);

/* The time in ms that the sender reported: metadata has it when it could not be
 * stored as the event's own; else the stored time.  -1 when that is no time.
 * `metadata` is event_object() of its metadata. */
int64_t event_time(const struct event_row *event,
    struct json_object *metadata);

/* Which events are wanted.  NULL and "" let all through. */
struct filter {
	const char *session;
	const char *agent;
	const char *type; /* or a pattern as in a shell: approval_* */
	const char *source;
	const char *tenant;
	const char *request; /* the id of a request or submission */
	const char *action;  /* or a pattern */
	const char *decider; /* or a pattern */
	const char *text;    /* somewhere in payload or metadata, as these are
			      * stored; ASCII letters in either case */
	char since[TIMESTAMP_SIZE]; /* that time is let through */
	char until[TIMESTAMP_SIZE]; /* and that one */
};

enum filter_order {
	FILTER_NEWEST_FIRST,
	FILTER_OLDEST_FIRST
};

/*
 * Opens a query for the wanted events.  Those of one session come in the order
 * of its chain, others in the order of their ids, which is that of recording.
 * Reading the first few of a long file costs no more than of a short one.  The
 * filter is borrowed.  Returns NULL on failure; database_error() says why.
 */
struct query *filter_open(struct database *database,
    const struct filter *filter, enum filter_order order);

/* The same for the events behind this row, in the order of rows.  When
 * `after_id` is not NULL, `rowid` is ignored: then for those with a higher id,
 * in the order of ids. */
struct query *filter_open_after(struct database *database,
    const struct filter *filter, int64_t rowid, const char *after_id);

/* Whether the event is about the filter's request, of its action and decider,
 * and has its text.  The rest of the filter is not looked at. */
bool filter_fits_content(const struct filter *filter,
    const struct event_row *event);

/* Whether the filter has any of these. */
bool filter_has_content(const struct filter *filter);

/* The next event, borrowed until the next step.  Returns 1, 0 at the end, or
 * -1. */
int filter_step(struct query *query, const struct filter *filter,
    struct event_row *event);

/* The result of looking for one thing. */
enum found {
	FOUND_FAILED = -1, /* database_error() says why */
	FOUND_NONE = 0,
	FOUND_ONE = 1,
	FOUND_SEVERAL = 2
};

/*
 * Sets the tenant of a filter that names a session, since several tenants may
 * have one of that name.  Appends the tenants that have it to `tenants`, which
 * must outlive the filter.  FOUND_ONE also when the filter names no session.
 */
enum found filter_find_tenant(struct database *database,
    struct filter *filter, struct text *tenants);

/*
 * Finds an event by its id, or by the beginning of its id when no other id
 * begins so.  The row is borrowed from the query, which the caller closes in
 * any case.
 */
enum found event_find(struct database *database, const char *id,
    struct query **query, struct event_row *event);

/* The event that was written last.  Returns 1 with its rowid and a copy of its
 * id; 0 with 0 and "" when the file has none; or -1.  The caller frees the
 * id. */
int event_newest(struct database *database, int64_t *rowid, char **id);

/* Whether the event of this id is at this row.  Returns 1, 0 or -1. */
int event_is_at(struct database *database, int64_t rowid, const char *id);

/* Whether prune removed the event of this id.  With FOUND_ONE the time at which
 * it did, and the event's session, are appended. */
enum found event_find_pruned(struct database *database, const char *id,
    struct text *pruned_at, struct text *session);

/* --- Sessions ------------------------------------------------------------ */

struct session_extent {
	int64_t events;
	char first[TIMESTAMP_SIZE]; /* timestamp of the first event */
	char last[TIMESTAMP_SIZE];  /* and of the last */
};

/* How many events a session has, and from when to when.  Returns 0 or -1. */
int session_extent(struct database *database, const char *tenant,
    const char *session, struct session_extent *extent);

/* Where an event stands in the chain of its session. */
struct session_place {
	int64_t number;   /* from 1 */
	int64_t count;    /* events of the session */
	char *previous;   /* the id of the event before, or NULL */
	char *next;       /* the id of the event behind, or NULL */
	bool hash_good;   /* the row comes to its hash */
	bool linked;      /* it links to the one before; the first to none */
	bool next_linked; /* the one behind, if there is one, links to it */
};

/* Returns 0; or -1, and database_error() says why.  Free it in both cases. */
int session_place_find(struct database *database,
    const struct event_row *event, struct session_place *place);
void session_place_free(struct session_place *place);

#endif
