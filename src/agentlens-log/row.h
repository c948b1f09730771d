/* Events as the file has them, and which of them are asked for. */
#ifndef ROW_H
#define ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "database.h"
#include "json.h"
#include "text.h"
#include "ulid.h"

/* The columns of a query that row_read() reads, in its order. */
#define ROW_COLUMNS "id, timestamp, session_id, agent_id, event_type," \
	" severity, payload, metadata, prev_hash, hash, tenant_id, rowid"

/* One event; the texts are borrowed from the query until its next step, and
 * none but prev_hash is NULL. */
struct row {
	const char *id;
	const char *timestamp;
	const char *session;
	const char *agent;
	const char *type;
	const char *severity;
	const char *payload;
	const char *metadata;
	const char *prev_hash;
	const char *hash;
	const char *tenant;
	int64_t rowid;
};

void row_read(struct query *query, struct row *row);

/* Appends it as one line of JSON, with the names of AgentLens's API. */
void row_add_json(struct text *out, const struct row *row);

/* Where it came from, as its metadata says: "agentgate"; "" when that says
 * nothing, as with AgentLens's own events.  The text lives in `out`. */
const char *row_source(const struct row *row, struct text *out);

/* Its payload or metadata, an object; NULL when it is none.  The caller
 * releases it with json_object_put(). */
struct json_object *row_object(const char *text);

/* Its time as the sender reported it, in ms: metadata has it where it was
 * moved; else the stored time.  -1 when that is no time. */
int64_t row_time(const struct row *row, struct json_object *metadata);

/* What is asked for.  NULL and "" stand for all. */
struct filter {
	const char *session;
	const char *agent;
	const char *type; /* a pattern as of the shell: approval_* */
	const char *source;
	const char *tenant;
	char since[TIMESTAMP_SIZE];
	char until[TIMESTAMP_SIZE];
};

/* The options of a filter, for a table of options. */
#define FILTER_OPTIONS(filter) \
	{ "session", 's', "ID", "only this session", OPTION_TEXT, \
	    &(filter)->session }, \
	{ "agent", 'a', "ID", "only this agent", OPTION_TEXT, \
	    &(filter)->agent }, \
	{ "type", 't', "TYPE", "only this type; or a pattern, 'approval_*'", \
	    OPTION_TEXT, &(filter)->type }, \
	{ "source", 'S', "NAME", "only agentgate, formbridge or generic", \
	    OPTION_TEXT, &(filter)->source }, \
	{ "tenant", 0, "ID", "only this tenant", OPTION_TEXT, \
	    &(filter)->tenant }, \
	{ "since", 0, "TIME", "not before this time, or age: 2h, 7d", \
	    OPTION_TIME, (filter)->since }, \
	{ "until", 0, "TIME", "not after it", OPTION_TIME, (filter)->until }

enum filter_order {
	FILTER_NEWEST_FIRST,
	FILTER_OLDEST_FIRST
};

/*
 * Opens a query for the events that are asked for: those of one session in
 * the order of its chain, else in the order of their ids, which is that of
 * recording.  Reading the first ones of a long file costs no more than of a
 * short one.  Returns NULL, having said why.
 */
struct query *filter_open(struct database *database,
    const struct filter *filter, enum filter_order order);

/* The same for what was recorded after this row, in the order in which it was
 * written; with `after_id` (then rowid does not count) what has a higher id. */
struct query *filter_open_after(struct database *database,
    const struct filter *filter, int64_t rowid, const char *after_id);

/* The next event.  Returns 1, 0 at the end, or -1 having said why. */
int filter_step(struct query *query, const struct filter *filter,
    struct row *row);

/*
 * Settles the tenant of the filter's session, when it has one; its name lives
 * in `tenant`.  Returns 1; or, having said so, 0 when there is no such session,
 * 2 when several tenants have one of this name, -1 when it cannot be read.
 */
int filter_find_tenant(struct database *database, struct filter *filter,
    struct text *tenant);

/*
 * One event by its id, or by the beginning of one that no other has.  Returns
 * 1 with the query that the row is borrowed from, which the caller closes; 0
 * when there is none; 2 when there are several, which is said; -1 having said
 * why.
 */
int row_find(struct database *database, const char *id, struct query **query,
    struct row *row);

/* --- Deliveries ---------------------------------------------------------- */

struct receipts;

/* A delivery; borrowed until the next use of the receipts. */
struct delivery_row {
	int64_t number;
	const char *source;
	const char *received_at;
	const char *remote_addr; /* or NULL */
	const char *signature;   /* or NULL: it came unsigned */
	const char *reason;      /* or NULL */
	const void *body;
	size_t body_len;
};

/* Looks for deliveries by their events.  Returns NULL, having said why. */
struct receipts *receipts_open(struct database *database);

/*
 * The delivery of an event.  The table has no index of events, but both are
 * numbered in the order of recording, so it is found in a few steps; one that
 * was recorded after it had been refused is looked for everywhere, the first
 * few times.  Returns 1, 0 when there is none, or -1 having said why.
 */
int receipts_find(struct receipts *receipts, const char *event_id,
    struct delivery_row *row);

/* NULL is allowed. */
void receipts_close(struct receipts *receipts);

#endif
