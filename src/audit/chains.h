/* Checks the hash chains, session by session: the links, the order of the ids,
 * and the counters in the rows of the sessions. */
#ifndef CHAINS_H
#define CHAINS_H

#include "audit/findings.h"
#include "reader/events.h"
#include "store/database.h"

/* Set the first three; the rest begins with zeros. */
struct chains {
	struct findings *findings;
	struct database *database;
	int64_t last_position; /* rows above came later and are not counted */
	struct query *kept; /* for chains.c: what prune has kept */

	int64_t events; /* up to last_position */
	int64_t sessions;
	int64_t half_pruned; /* sessions whose beginning prune has removed */
	uint64_t sum; /* of chains_row_print() of the same events */
};

/* A fingerprint of what an event is found by.  The sum of those of all events
 * is the same in whichever order they are read, so that it shows whether the
 * table and its index hold the same rows. */
uint64_t chains_row_print(const struct event_row *event);

/* Walks all chains, and adds a finding for what is wrong.  Returns 0; or -1,
 * and database_error() of chains->database says why. */
int chains_check(struct chains *chains);

#endif
