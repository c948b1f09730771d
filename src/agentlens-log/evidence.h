/* The rows that are evidence, in the order in which they were written: each
 * event with its delivery, and what prune has left of either. */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "database.h"
#include "event.h"
#include "signature.h"

/* A row of events.  Texts are borrowed from the query. */
struct event_row {
	int64_t position; /* its rowid */
	struct event_columns columns;
	const char *hash;
	const char *tenant_id;
	const char *verified_agent_id;
	const char *pricing_version;
	const char *org_id;
	const char *project_id; /* the tenant when there is none */
	const char *odd; /* a column whose value is no text, or has a NUL */
};

#define EVENT_ROW "rowid, id, timestamp, session_id, agent_id, event_type," \
	" severity, payload, metadata, prev_hash, hash, tenant_id," \
	" verified_agent_id, pricing_version, org_id," \
	" coalesce(project_id, tenant_id)"

void event_row_read(struct event_row *event, struct query *query);

/* Whether a webhook brought it; AgentLens itself writes others. */
bool event_row_is_webhook(const struct event_row *event);

/* A row of ingest_deliveries. */
struct delivery_row {
	int64_t id;
	int64_t sent_at;
	const void *key;
	size_t key_len;
	const void *idempotency_key;
	size_t idempotency_key_len;
	const char *event_id;
	const char *reason;
	const char *source;
	const char *received_at;
	const char *remote_addr;
	const char *signature;
	const void *body;
	size_t body_len;  /* 0: prune removed it */
	unsigned char leaf[SIGNATURE_BYTES]; /* when leaves are wanted */
};

#define DELIVERY_ROW "id, sent_at, key, idempotency_key, event_id, reason," \
	" source, received_at, remote_addr, signature, body"

void delivery_row_read(struct delivery_row *delivery, struct query *query);

/*
 * What a seal commits to, as JSON: agentlens-log(1) has the form.  A
 * delivery's is over what never changes; an event's has the leaf of its
 * delivery, `delivery` may be NULL.
 */
void evidence_write_delivery(struct text *out,
    const struct delivery_row *delivery);
int evidence_write_event(struct text *out, const struct event_row *event,
    const struct delivery_row *delivery);

/* The leaf of an event of a delivery, computed of what prune has kept: the
 * rest of its columns are the same for all that agentlens-ingest writes.
 * Returns 0, or -1 having said why. */
int evidence_kept_leaf(const char *id, const char *hash, const char *tenant_id,
    const struct delivery_row *delivery, unsigned char leaf[SIGNATURE_BYTES]);

/* What evidence_next() gives. */
struct entry {
	uint64_t index; /* among all, from 0 */
	int64_t position;
	bool pruned; /* then there is no event row, but these: */
	const char *event_id;
	const char *tenant_id;
	const char *session_id;
	const char *prev_hash;
	const char *hash;

	struct event_row event;
	const struct delivery_row *delivery; /* or NULL */
	bool in_order; /* the delivery came at the event's own turn */
	unsigned char leaf[SIGNATURE_BYTES]; /* when leaves are wanted */
};

/* Is shown every row of ingest_deliveries once, in the order of their ids,
 * somewhere between the entries.  Returns 0, or -1 to end it all. */
typedef int evidence_delivery_fn(void *context,
    const struct delivery_row *delivery);

struct evidence_options {
	bool leaves; /* compute them */
	evidence_delivery_fn *on_delivery; /* or NULL */
	void *context;
};

struct evidence;

/*
 * Walks the file as it is at this moment; what comes later is left out.  It
 * takes up a new view of the file every so many rows, so that a long walk does
 * not keep the write-ahead log from being checkpointed.
 * Returns NULL, having said why.
 */
struct evidence *evidence_open(struct database *database,
    const struct evidence_options *options);

/* Returns 1 with an entry, borrowed until the next call; 0 at the end, all
 * deliveries shown; or -1 having said why. */
int evidence_next(struct evidence *evidence, struct entry *entry);

/* The highest rowid of an event, there or pruned, of the moment. */
int64_t evidence_last_position(const struct evidence *evidence);

void evidence_close(struct evidence *evidence);

#endif
