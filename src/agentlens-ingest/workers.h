/* Threads that do work in the order in which it comes, in two lanes: so that
 * what takes long does not hold up what does not. */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>

/* A piece of work.  Its owner leaves it alone until it is done. */
struct work {
	void (*run)(struct work *work); /* may free it */
	struct work *next;              /* the workers' */
};

struct workers;

/*
 * Starts `threads` threads for light work, and one for heavy work.  Where the
 * system has no more threads it makes do with less, which is logged; with one
 * at least.
 * Returns NULL when there is none, or no memory.
 */
struct workers *workers_open(long threads);

/* Work that is gathered, to be added at once: so many threads need not be woken
 * for it.  All zero in the beginning. */
struct work_list {
	struct work *first;
	struct work *last;
	long count;
};

void workers_gather(struct work_list *list, struct work *work);

/* Adds a list, and empties it. */
void workers_add(struct workers *workers, struct work_list *list, bool heavy);

/* Does what waits, and ends the threads.  NULL is nothing. */
void workers_close(struct workers *workers);

#endif
