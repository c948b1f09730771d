#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define THREADS_MAX 16

/* What a thread is given at once: so many entries, and about so many bytes. */
#define BATCH 128
#define BATCH_BYTES (512 * 1024)

struct item {
	struct entry entry;
	struct delivery_row delivery;
	int found;
};

enum state {
	EMPTY,
	FULL,  /* for the next thread that has nothing to do */
	TAKEN, /* a thread is at it */
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
	/* A ring: the oldest is taken back first. */
	struct batch *batches;
	int count;
	int filling;
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
		complain("out of memory");
		free(pool);
		return NULL;
	}
	pool->options = *options;
	pool->count = wanted + 2;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->filled, NULL);
	pthread_cond_init(&pool->done, NULL);
	/* With fewer than were wanted it takes longer, and goes as well. */
	while (wanted > 1 && pool->threads < wanted && pthread_create(
	    &pool->running[pool->threads], NULL, run, pool) == 0)
		pool->threads++;
	return pool;
}

/* --- Copies --------------------------------------------------------------- */

/* The bytes that a copy of an entry takes. */
static size_t
measure(const struct entry *e, const char **const texts[], size_t count)
{
	const struct delivery_row *d = e->delivery;
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		if (*texts[i] != NULL)
			size += strlen(*texts[i]) + 1;
	if (d != NULL)
		size += d->key_len + d->idempotency_key_len + d->body_len + 3;
	return size;
}

static const void *
keep(struct batch *batch, const void *bytes, size_t len)
{
	char *at = batch->bytes + batch->used;

	if (bytes == NULL)
		return NULL;
	/* Without a batch's bytes copy() has refused, or made some.
	 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	memcpy(at, bytes, len);
	/* The JSON reader looks at the byte behind a body. */
	at[len] = '\0';
	batch->used += len + 1;
	return at;
}

/* Makes an entry's texts and bytes the batch's own.  Returns 1 when there is
 * no room for them in a batch that has others, or -1. */
static int
copy(struct batch *batch, struct item *item, const struct entry *entry)
{
	struct entry *e = &item->entry;
	struct delivery_row *d = &item->delivery;
	struct event_row *r = &e->event;

	*e = *entry;
	*d = entry->delivery != NULL ? *entry->delivery :
	    (struct delivery_row){ 0 };
	const char **const texts[] = {
		&r->columns.id, &r->columns.timestamp, &r->columns.session_id,
		&r->columns.agent_id, &r->columns.event_type,
		&r->columns.severity, &r->columns.payload,
		&r->columns.metadata, &r->columns.prev_hash, &r->hash,
		&r->tenant_id, &r->verified_agent_id, &r->pricing_version,
		&r->org_id, &r->project_id, &r->odd, &d->event_id, &d->reason,
		&d->source, &d->received_at, &d->remote_addr, &d->signature,
	};
	size_t count = sizeof(texts) / sizeof(texts[0]);
	size_t size = measure(e, texts, count);

	if (size > batch->size - batch->used) {
		if (batch->count > 0)
			return 1;
		char *bytes = realloc(batch->bytes, size);
		if (bytes == NULL)
			return -1;
		batch->bytes = bytes;
		batch->size = size;
	}
	for (size_t i = 0; i < count; i++)
		if (*texts[i] != NULL)
			*texts[i] = keep(batch, *texts[i], strlen(*texts[i]));
	d->key = keep(batch, d->key, d->key_len);
	d->idempotency_key = keep(batch, d->idempotency_key,
	    d->idempotency_key_len);
	d->body = keep(batch, d->body, d->body_len);
	e->delivery = entry->delivery == NULL ? NULL : d;
	e->event_id = r->columns.id;
	e->tenant_id = r->tenant_id;
	e->session_id = r->columns.session_id;
	e->prev_hash = r->columns.prev_hash;
	e->hash = r->hash;
	return 0;
}

/* --- Giving and taking ---------------------------------------------------- */

/* Takes a batch back, when there is anything in it. */
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

/* Hands over what was filled, and makes room for more. */
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
		if (copied < 0) {
			complain("out of memory");
			return -1;
		}
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
