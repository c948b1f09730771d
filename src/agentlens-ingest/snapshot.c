#include "agentlens-ingest/snapshot.h"

#include <pthread.h>
#include <stdlib.h>

/* Settings, and how many have them: those who took them, and the snapshot
 * itself as long as they are in force. */
struct held {
	struct settings settings; /* first: one is cast to the other */
	long holders;
};

struct snapshot {
	pthread_mutex_t lock; /* guards the rest, and every `holders` */
	struct held *held;
};

static struct held *
hold(struct settings *settings)
{
	struct held *held = malloc(sizeof(*held));

	if (held == NULL)
		return NULL;
	held->settings = *settings;
	held->holders = 1;
	*settings = (struct settings){ 0 };
	return held;
}

/* Inside the lock.  Returns what nobody has any more, or NULL. */
static struct held *
let_go(struct held *held)
{
	return --held->holders == 0 ? held : NULL;
}

static void
release(struct held *held)
{
	if (held == NULL)
		return;
	settings_free(&held->settings);
	free(held);
}

struct snapshot *
snapshot_open(struct settings *settings)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (snapshot == NULL)
		return NULL;
	if ((snapshot->held = hold(settings)) == NULL) {
		free(snapshot);
		return NULL;
	}
	pthread_mutex_init(&snapshot->lock, NULL);
	return snapshot;
}

const struct settings *
snapshot_take(struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->lock);
	struct held *held = snapshot->held;
	held->holders++;
	pthread_mutex_unlock(&snapshot->lock);
	return &held->settings;
}

void
snapshot_give_back(struct snapshot *snapshot, const struct settings *settings)
{
	pthread_mutex_lock(&snapshot->lock);
	struct held *left = let_go((struct held *)settings);
	pthread_mutex_unlock(&snapshot->lock);
	release(left);
}

int
snapshot_replace(struct snapshot *snapshot, struct settings *settings)
{
	struct held *held = hold(settings);

	if (held == NULL)
		return -1;
	pthread_mutex_lock(&snapshot->lock);
	struct held *left = let_go(snapshot->held);
	snapshot->held = held;
	pthread_mutex_unlock(&snapshot->lock);
	release(left);
	return 0;
}

void
snapshot_close(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	release(let_go(snapshot->held));
	pthread_mutex_destroy(&snapshot->lock);
	free(snapshot);
}
