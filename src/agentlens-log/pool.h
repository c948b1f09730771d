/* Entries that several threads look at, and that come back in order. */
#ifndef POOL_H
#define POOL_H

#include "evidence.h"

/* What a thread makes of an entry: any number but has its meaning from who
 * asks.  It looks at nothing that another thread may change. */
typedef int pool_look_fn(const void *context, const struct entry *entry);

/* Takes the entries back, one after the other in the order in which they were
 * given, in the thread that gives them.  Returns 0, or -1 to end it all. */
typedef int pool_take_fn(void *context, const struct entry *entry, int found);

struct pool_options {
	pool_look_fn *look;
	pool_take_fn *take;
	void *context; /* of both */
};

struct pool;

/* As many threads as there are processors for this process; with one, none
 * beside the caller's.  Returns NULL, having said why. */
struct pool *pool_open(const struct pool_options *options);

/* Copies an entry, which needs no leaf any more.  Returns 0 or -1. */
int pool_give(struct pool *pool, const struct entry *entry);

/* Waits for all that were given and takes them.  Returns 0 or -1. */
int pool_finish(struct pool *pool);

void pool_close(struct pool *pool);

#endif
