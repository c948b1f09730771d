/*
 * The columns of the tables that are written and read, each named once: the
 * statements that insert and select them, the rows that they are read into,
 * export and import are made from these lists.  schema.sql explains them.
 * Nothing here knows what the values mean.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "webhook/event.h"

/*
 * A list calls X for each column, with
 *   (separator, number of its parameter, column, member of the row's struct,
 *    class, whether it may be NULL).
 * AgentLens's columns that are missing here keep their defaults.
 */
#define COLUMNS_EVENTS(X) \
	X("", 1, rowid, position, COLUMN_OPTIONAL_NUMBER, false) \
	X(", ", 2, id, columns.id, COLUMN_TEXT, false) \
	X(", ", 3, timestamp, columns.timestamp, COLUMN_TEXT, false) \
	X(", ", 4, session_id, columns.session_id, COLUMN_TEXT, false) \
	X(", ", 5, agent_id, columns.agent_id, COLUMN_TEXT, false) \
	X(", ", 6, event_type, columns.event_type, COLUMN_TEXT, false) \
	X(", ", 7, severity, columns.severity, COLUMN_TEXT, false) \
	X(", ", 8, payload, columns.payload, COLUMN_TEXT, false) \
	X(", ", 9, metadata, columns.metadata, COLUMN_TEXT, false) \
	X(", ", 10, prev_hash, columns.prev_hash, COLUMN_TEXT, true) \
	X(", ", 11, hash, hash, COLUMN_TEXT, false) \
	X(", ", 12, tenant_id, tenant_id, COLUMN_TEXT, false) \
	X(", ", 13, verified_agent_id, verified_agent_id, COLUMN_TEXT, true) \
	X(", ", 14, pricing_version, pricing_version, COLUMN_TEXT, true) \
	X(", ", 15, org_id, org_id, COLUMN_TEXT, false) \
	X(", ", 16, project_id, project_id, COLUMN_TEXT, true)

#define COLUMNS_DELIVERIES(X) \
	X("", 1, id, id, COLUMN_OPTIONAL_NUMBER, false) \
	X(", ", 2, sent_at, sent_at, COLUMN_NUMBER, false) \
	X(", ", 3, key, key, COLUMN_BYTES, true) \
	X(", ", 4, idempotency_key, idempotency_key, COLUMN_BYTES, true) \
	X(", ", 5, event_id, event_id, COLUMN_TEXT, true) \
	X(", ", 6, reason, reason, COLUMN_TEXT, true) \
	X(", ", 7, source, source, COLUMN_TEXT, false) \
	X(", ", 8, received_at, received_at, COLUMN_TEXT, false) \
	X(", ", 9, remote_addr, remote_addr, COLUMN_TEXT, true) \
	X(", ", 10, signature, signature, COLUMN_TEXT, true) \
	X(", ", 11, body, body, COLUMN_BYTES, false)

#define COLUMNS_PRUNED(X) \
	X("", 1, pruned_at, pruned_at, COLUMN_TEXT, false) \
	X(", ", 2, delivery_id, delivery_id, COLUMN_OPTIONAL_NUMBER, true) \
	X(", ", 3, delivery_leaf, delivery_leaf, COLUMN_BYTES, true) \
	X(", ", 4, position, position, COLUMN_OPTIONAL_NUMBER, true) \
	X(", ", 5, event_id, event_id, COLUMN_TEXT, true) \
	X(", ", 6, tenant_id, tenant_id, COLUMN_TEXT, true) \
	X(", ", 7, session_id, session_id, COLUMN_TEXT, true) \
	X(", ", 8, prev_hash, prev_hash, COLUMN_TEXT, true) \
	X(", ", 9, hash, hash, COLUMN_TEXT, true) \
	X(", ", 10, event_leaf, event_leaf, COLUMN_BYTES, true)

/* For statements: "id, sent_at, key …" and "?1, ?2, ?3 …". */
#define COLUMN_NAME(separator, number, column, ...) separator #column
#define COLUMN_PARAMETER(separator, number, column, ...) separator "?" #number

enum column_class {
	COLUMN_TEXT,            /* a const char * */
	COLUMN_NUMBER,          /* an int64_t */
	COLUMN_OPTIONAL_NUMBER, /* an int64_t; COLUMN_NO_NUMBER for NULL */
	COLUMN_BYTES            /* a struct column_bytes */
};

#define COLUMN_NO_NUMBER INT64_MIN

struct column_bytes {
	const unsigned char *data; /* NULL for NULL */
	size_t len;
};

struct column {
	const char *name;
	enum column_class type;
	bool nullable;
	size_t offset; /* in the row's struct */
};

enum table_id {
	TABLE_EVENTS,
	TABLE_DELIVERIES,
	TABLE_PRUNED,
	TABLES
};

struct table {
	const char *name;
	const struct column *columns; /* in the order of the parameters */
	int count;
};

/* The name of a column in the lines of export, where a rowid is a position. */
const char *columns_export_name(const struct column *column);

/* The tables, in the order of the enum. */
extern const struct table columns_tables[TABLES];

/* --- Rows ---------------------------------------------------------------- */

/* Texts and bytes of a row are borrowed from the query that read it, until its
 * next step. */

struct event_row {
	int64_t position; /* the rowid */
	struct event_columns columns;
	const char *hash;
	const char *tenant_id;
	const char *verified_agent_id;
	const char *pricing_version;
	const char *org_id;
	const char *project_id;
	const char *odd; /* of columns_read() */
};

struct delivery_row {
	int64_t id;
	int64_t sent_at;
	struct column_bytes key;
	struct column_bytes idempotency_key;
	const char *event_id;
	const char *reason;
	const char *source;
	const char *received_at;
	const char *remote_addr;
	const char *signature;
	struct column_bytes body; /* empty once prune removed it */
	unsigned char leaf[DIGEST_BYTES]; /* of entry_delivery_leaf(), where a
					   * caller has put it here */
	const char *odd;
};

struct pruned_row {
	const char *pruned_at;
	int64_t delivery_id;
	struct column_bytes delivery_leaf;
	int64_t position;
	const char *event_id;
	const char *tenant_id;
	const char *session_id;
	const char *prev_hash;
	const char *hash;
	struct column_bytes event_leaf;
	const char *odd;
};

struct query;

/*
 * Reads the columns of a table into a row of its struct; the query's columns
 * must begin with them.  NULL becomes "" where a text must not be NULL.
 * Returns the name of the last text column that is of another class, or has a
 * NUL inside, or is NULL and must not be; NULL when there is none.
 */
const char *columns_read(enum table_id table, struct query *query, void *row);

/* The same for one table each.  They keep the result in `odd`. */
void event_row_read(struct event_row *row, struct query *query);
void delivery_row_read(struct delivery_row *row, struct query *query);
void pruned_row_read(struct pruned_row *row, struct query *query);

/* How many bytes columns_copy() takes for a row. */
size_t columns_size(enum table_id table, const void *row);

/* Copies a row's texts and bytes, each with a NUL behind it, to `at`, which has
 * room for columns_size(), and lets the row point there.  Returns the end of
 * the copy. */
char *columns_copy(enum table_id table, void *row, char *at);

/* Binds a row to the parameters of the statement that inserts it, borrowed
 * until its reset. */
void columns_bind(enum table_id table, struct query *query, const void *row);

#endif
