/* The chains, session by session: links, order, counters. */
#ifndef CHAINS_H
#define CHAINS_H

#include "database.h"
#include "faults.h"
#include "evidence.h"

struct chains {
	struct faults *faults;
	struct database *database;
	int64_t last_position; /* rows above came later: not in `sum` */
	struct query *kept; /* what prune has kept, made when first needed */

	int64_t events;
	int64_t sessions;
	int64_t half_pruned; /* sessions whose beginning prune has removed */
	uint64_t sum; /* of row_print() of all rows up to last_position */
};

/* A number made of what a row is found by, the same in each order. */
uint64_t chains_row_print(const struct event_row *event);

/* Walks all chains.  Returns 0, or -1 having said why. */
int chains_check(struct chains *chains);

#endif
