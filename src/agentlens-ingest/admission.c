#include "agentlens-ingest/admission.h"

#include <pthread.h>
#include <stdbool.h>
#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

/* A body waits while those being converted have LARGE_BYTES together, so that
 * the most there can be is that and one body more.  Bodies below SMALL_BYTES
 * do not count. */
#define LARGE_BYTES ((size_t)1024 * 1024)
#define SMALL_BYTES ((size_t)16 * 1024)

/* After this many bytes of large bodies, free memory is given back. */
#define TRIM_BYTES ((size_t)256 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static size_t at_hand; /* bytes of the large bodies being converted */
static size_t gone_by; /* bytes of those that left since the last trim */

void
admission_enter(size_t body_len)
{
	if (body_len < SMALL_BYTES)
		return;
	pthread_mutex_lock(&lock);
	while (at_hand >= LARGE_BYTES)
		pthread_cond_wait(&freed, &lock);
	at_hand += body_len;
	pthread_mutex_unlock(&lock);
}

void
admission_leave(size_t body_len)
{
	if (body_len < SMALL_BYTES)
		return;
	pthread_mutex_lock(&lock);
	at_hand -= body_len;
	gone_by += body_len;
	bool trim = gone_by >= TRIM_BYTES;
	if (trim)
		gone_by = 0;
	pthread_cond_broadcast(&freed);
	pthread_mutex_unlock(&lock);
#ifdef HAVE_MALLOC_TRIM
	/* free() gives no memory back that lies between blocks in use. */
	if (trim)
		malloc_trim(0);
#endif
}
