#include "agentlens-ingest/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"

/* The deepest way of a request, 64 levels of JSON, needs a quarter of it. */
#define STACK_BYTES (256 * 1024)

/* A thread that has so much left behind it wakes another: to be woken costs as
 * much as some pieces of work. */
#define ENOUGH 4

enum lane_kind {
	LIGHT,
	HEAVY,
	LANES
};

struct lane {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t filled;
	struct work *first;
	struct work **last;
	long waiting; /* pieces of work */
	long idle;    /* threads that wait */
	bool closing;
};

struct workers {
	struct lane lanes[LANES];
	long started;
	bool has_heavy; /* the thread of the heavy lane was started */
	pthread_t threads[]; /* the heavy lane's is the last */
};

/* Waits for work; NULL at the end. */
static struct work *
take(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	while (lane->first == NULL && !lane->closing) {
		lane->idle++;
		pthread_cond_wait(&lane->filled, &lane->lock);
		lane->idle--;
	}
	struct work *work = lane->first;
	if (work != NULL) {
		lane->first = work->next;
		lane->waiting--;
		if (lane->first == NULL)
			lane->last = &lane->first;
	}
	bool wake = lane->idle > 0 && lane->waiting >= ENOUGH;
	pthread_mutex_unlock(&lane->lock);
	if (wake)
		pthread_cond_signal(&lane->filled);
	return work;
}

static void *
work_thread(void *context)
{
	struct lane *lane = context;
	struct work *work;

	while ((work = take(lane)) != NULL)
		work->run(work);
	return NULL;
}

static void
start_threads(struct workers *w, long wanted)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (w->started < wanted && pthread_create(&w->threads[w->started],
	    &attributes, work_thread, &w->lanes[LIGHT]) == 0)
		w->started++;
	w->has_heavy = w->started > 0 && pthread_create(
	    &w->threads[w->started], &attributes, work_thread,
	    &w->lanes[HEAVY]) == 0;
	pthread_attr_destroy(&attributes);
	if (w->started < wanted || !w->has_heavy)
		log_line(LOG_WARN, "warning", "not all threads of "
		    "INGEST_THREADS could be started", NULL);
}

struct workers *
workers_open(long threads)
{
	struct workers *w = calloc(1, sizeof(*w) +
	    (size_t)(threads + 1) * sizeof(w->threads[0]));

	if (w == NULL)
		return NULL;
	for (int i = 0; i < LANES; i++) {
		pthread_mutex_init(&w->lanes[i].lock, NULL);
		pthread_cond_init(&w->lanes[i].filled, NULL);
		w->lanes[i].last = &w->lanes[i].first;
	}
	start_threads(w, threads);
	if (w->started == 0) {
		workers_close(w);
		return NULL;
	}
	return w;
}

void
workers_gather(struct work_list *list, struct work *work)
{
	work->next = NULL;
	if (list->first == NULL)
		list->first = work;
	else
		list->last->next = work;
	list->last = work;
	list->count++;
}

void
workers_add(struct workers *w, struct work_list *list, bool heavy)
{
	struct lane *lane = &w->lanes[heavy && w->has_heavy ? HEAVY : LIGHT];

	if (list->first == NULL)
		return;
	pthread_mutex_lock(&lane->lock);
	*lane->last = list->first;
	lane->last = &list->last->next;
	lane->waiting += list->count;
	bool wake = lane->idle > 0;
	pthread_mutex_unlock(&lane->lock);
	if (wake)
		pthread_cond_signal(&lane->filled);
	*list = (struct work_list){ 0 };
}

void
workers_close(struct workers *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < LANES; i++) {
		pthread_mutex_lock(&w->lanes[i].lock);
		w->lanes[i].closing = true;
		pthread_cond_broadcast(&w->lanes[i].filled);
		pthread_mutex_unlock(&w->lanes[i].lock);
	}
	for (long i = 0; i < w->started + w->has_heavy; i++)
		pthread_join(w->threads[i], NULL);
	for (int i = 0; i < LANES; i++) {
		pthread_cond_destroy(&w->lanes[i].filled);
		pthread_mutex_destroy(&w->lanes[i].lock);
	}
	free(w);
}
