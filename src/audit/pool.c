#include "audit/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 16

/* Entries, and about so many bytes, that a thread is given at once. */
#define BATCH 128
#define BATCH_BYTES (512 * 1024)

struct item {
	struct entry entry;
	struct delivery_row delivery;
	int found;
};

enum state {
	EMPTY,
	FULL,  /* waits for a thread */
	TAKEN, /* a thread works on it */
	DONE
};

struct batch {
	enum state state; /* guarded by the pool's lock */
	int count;
	char *bytes; /* what the entries point to */
	size_t used;
	size_t size;
	struct item items[BATCH];
};

struct pool {
	struct pool_options options;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t done;
	bool ending;
	int threads;
	pthread_t running[THREADS_MAX];

	/* A ring, so that the oldest is taken back first. */
	struct batch *batches;
	int count;
	int filling; /* the one that pool_give() fills */
};

/* --- The threads ---------------------------------------------------------- */

static struct batch *
find_full(struct pool *pool)
{
	for (int i = 1; i <= pool->count; i++) {
		struct batch *b =
		    &pool->batches[(pool->filling + i) % pool->count];
		if (b->state == FULL)
			return b;
	}
	return NULL;
}

static void *
run(void *argument)
{
	struct pool *pool = argument;
	struct batch *batch;

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		if ((batch = find_full(pool)) == NULL) {
			pthread_cond_wait(&pool->filled, &pool->lock);
			continue;
		}
		batch->state = TAKEN;
		pthread_mutex_unlock(&pool->lock);
		for (int i = 0; i < batch->count; i++)
			batch->items[i].found = pool->options.look(
			    pool->options.context, &batch->items[i].entry);
		pthread_mutex_lock(&pool->lock);
		batch->state = DONE;
		pthread_cond_signal(&pool->done);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int
count_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ?
	    CPU_COUNT(&set) : 1;

	return count > THREADS_MAX ? THREADS_MAX : count;
}

struct pool *
pool_open(const struct pool_options *options)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	int wanted = count_processors();

	if (pool == NULL || (pool->batches = calloc((size_t)wanted + 2,
	    sizeof(*pool->batches))) == NULL) {
		free(pool);
		return NULL;
	}
	pool->options = *options;
	pool->count = wanted + 2;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->filled, NULL);
	pthread_cond_init(&pool->done, NULL);
	/* Fewer threads than were wanted only make it slower. */
	while (wanted > 1 && pool->threads < wanted && pthread_create(
	    &pool->running[pool->threads], NULL, run, pool) == 0)
		pool->threads++;
	return pool;
}

/* --- Copies --------------------------------------------------------------- */

/* Copies an entry into the batch, with its texts and bytes.  Returns 0; 1 when
 * the batch has others and no room is left; or -1 when memory runs out. */
static int
copy(struct batch *batch, struct item *item, const struct entry *entry)
{
	struct entry *e = &item->entry;
	struct delivery_row *d = &item->delivery;
	struct event_row *r = &e->event;

	*e = *entry;
	*d = entry->delivery != NULL ? *entry->delivery :
	    (struct delivery_row){ 0 };
	size_t size = columns_size(TABLE_EVENTS, r) +
	    columns_size(TABLE_DELIVERIES, d);
	if (size > batch->size - batch->used) {
		if (batch->count > 0)
			return 1;
		char *bytes = realloc(batch->bytes, size);
		if (bytes == NULL)
			return -1;
		batch->bytes = bytes;
		batch->size = size;
	}
	columns_copy(TABLE_DELIVERIES, d, columns_copy(TABLE_EVENTS, r,
	    batch->bytes + batch->used));
	batch->used += size;
	e->delivery = entry->delivery == NULL ? NULL : d;
	e->event_id = r->columns.id;
	e->tenant_id = r->tenant_id;
	e->session_id = r->columns.session_id;
	e->prev_hash = r->columns.prev_hash;
	e->hash = r->hash;
	return 0;
}

/* --- Giving and taking ---------------------------------------------------- */

/* Waits for a batch, and takes back what is in it. */
static int
take(struct pool *pool, struct batch *batch)
{
	int result = 0;

	pthread_mutex_lock(&pool->lock);
	while (batch->state == FULL || batch->state == TAKEN)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < batch->count && result == 0; i++)
		result = pool->options.take(pool->options.context,
		    &batch->items[i].entry, batch->items[i].found);
	pthread_mutex_lock(&pool->lock);
	batch->state = EMPTY;
	pthread_mutex_unlock(&pool->lock);
	batch->count = 0;
	batch->used = 0;
	return result;
}

/* Hands the filled batch to the threads, and takes back the next of the ring,
 * which is filled then. */
static int
hand_over(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->batches[pool->filling].state = FULL;
	pool->filling = (pool->filling + 1) % pool->count;
	pthread_cond_signal(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	return take(pool, &pool->batches[pool->filling]);
}

int
pool_give(struct pool *pool, const struct entry *entry)
{
	if (pool->threads == 0)
		return pool->options.take(pool->options.context, entry,
		    pool->options.look(pool->options.context, entry));
	for (;;) {
		struct batch *b = &pool->batches[pool->filling];
		if (b->bytes == NULL) {
			b->bytes = malloc(BATCH_BYTES);
			b->size = b->bytes == NULL ? 0 : BATCH_BYTES;
		}
		int copied = copy(b, &b->items[b->count], entry);
		if (copied < 0)
			return -1;
		if (copied == 0 && ++b->count < BATCH)
			return 0;
		if (hand_over(pool) != 0)
			return -1;
		if (copied == 0)
			return 0;
	}
}

int
pool_finish(struct pool *pool)
{
	if (pool->batches[pool->filling].count > 0 && hand_over(pool) != 0)
		return -1;
	for (int i = 0; i < pool->count; i++)
		if (take(pool, &pool->batches[(pool->filling + i) %
		    pool->count]) != 0)
			return -1;
	return 0;
}

void
pool_close(struct pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < pool->threads; i++)
		pthread_join(pool->running[i], NULL);
	for (int i = 0; i < pool->count; i++)
		free(pool->batches[i].bytes);
	free(pool->batches);
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
