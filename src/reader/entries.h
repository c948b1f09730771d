/* All events of the file in the order in which they were written, each with
 * the delivery that it came from, and what prune has left of either. */
#ifndef ENTRIES_H
#define ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/columns.h"
#include "store/database.h"

/* One event, there or pruned. */
struct entry {
	uint64_t index; /* among all, from 0 */
	int64_t position;
	bool pruned; /* then `event` is empty, and these are all there is */
	const char *event_id;
	const char *tenant_id;
	const char *session_id;
	const char *prev_hash;
	const char *hash;

	struct event_row event;
	const struct delivery_row *delivery; /* or NULL */
	bool in_order; /* the delivery came at the event's own turn */
	unsigned char leaf[DIGEST_BYTES]; /* with entries_options.leaves */
};

/* Called once for each row of ingest_deliveries, refused ones too, in the order
 * of their ids; not in step with the entries.  Returns 0, or -1 to end the
 * walk. */
typedef int entries_delivery_fn(void *context,
    const struct delivery_row *delivery);

struct entries_options {
	bool leaves; /* compute the leaves of both Merkle trees */
	entries_delivery_fn *on_delivery; /* or NULL */
	void *context; /* of on_delivery */
};

struct entries;

/*
 * Walks the file as it is at this moment; what is recorded later is left out.
 * The walk begins a new read transaction every few thousand rows, so that it
 * does not keep the write-ahead log from being checkpointed.
 * Returns NULL on failure; database_error() says why.
 */
struct entries *entries_open(struct database *database,
    const struct entries_options *options);

/* Returns 1 with an entry, which is borrowed until the next call; 0 at the end,
 * when on_delivery() has seen every delivery; or -1, and database_error() says
 * why. */
int entries_next(struct entries *entries, struct entry *entry);

/* The highest rowid that an event, there or pruned, had when the walk was
 * opened. */
int64_t entries_last_position(const struct entries *entries);

/* NULL is allowed. */
void entries_close(struct entries *entries);

#endif
