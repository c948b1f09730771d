/* Threads that look at entries in any order, and give them back in order. */
#ifndef POOL_H
#define POOL_H

#include "reader/entries.h"

/* Runs in the threads.  What it returns is handed to pool_take_fn as it is.  It
 * must read nothing that another thread may change. */
typedef int pool_look_fn(const void *context, const struct entry *entry);

/* Runs in the thread that calls pool_give() and pool_finish(), once for each
 * entry, in the order in which they were given.  Returns 0, or -1 to end the
 * work. */
typedef int pool_take_fn(void *context, const struct entry *entry, int found);

struct pool_options {
	pool_look_fn *look;
	pool_take_fn *take;
	void *context; /* handed to both */
};

struct pool;

/* Starts as many threads as this process has processors, 16 at the most.  With
 * one processor the caller's thread does all.  Returns NULL when memory runs
 * out. */
struct pool *pool_open(const struct pool_options *options);

/* Copies an entry and hands it over; the leaf is not used afterwards.  Returns
 * 0; or -1 when memory ran out or pool_take_fn said so. */
int pool_give(struct pool *pool, const struct entry *entry);

/* Waits until all entries have been looked at and taken.  Returns 0; or -1 when
 * pool_take_fn said so. */
int pool_finish(struct pool *pool);

/* NULL is allowed. */
void pool_close(struct pool *pool);

#endif
