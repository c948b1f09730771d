#include "agentlens-ingest/fcgi_peers.h"

#include <sys/epoll.h>
#include <sys/socket.h>

/* Web servers connect first and write then. */
#define PATIENCE_MS 100

/* Each is asked by a system call whether it has bytes. */
#define LOOKS_MAX 32

void
fcgi_peers_init(struct fcgi_peers *all, int epoll_fd, size_t budget)
{
	*all = (struct fcgi_peers){ .epoll_fd = epoll_fd, .budget = budget };
	pthread_mutex_init(&all->lock, NULL);
}

void
fcgi_peers_destroy(struct fcgi_peers *all)
{
	pthread_mutex_destroy(&all->lock);
}

static void
insert(struct fcgi_peer_list *list, struct fcgi_peer *c)
{
	c->previous = list->last;
	c->next = NULL;
	if (list->last != NULL)
		list->last->next = c;
	else
		list->first = c;
	list->last = c;
}

static void
take_out(struct fcgi_peer_list *list, struct fcgi_peer *c)
{
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		list->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	else
		list->last = c->previous;
}

/* With the lock. */
static void
put(struct fcgi_peers *all, struct fcgi_peer *c, enum fcgi_peer_place place)
{
	if (c->place == FCGI_PEER_IN_HAND)
		all->in_hand--;
	if (place == FCGI_PEER_IN_HAND)
		all->in_hand++;
	if (c->place < FCGI_PEER_LISTS)
		take_out(&all->lists[c->place], c);
	if (place < FCGI_PEER_LISTS)
		insert(&all->lists[place], c);
	c->place = place;
}

void
fcgi_peers_put(struct fcgi_peers *all, struct fcgi_peer *c,
    enum fcgi_peer_place place)
{
	pthread_mutex_lock(&all->lock);
	put(all, c, place);
	pthread_mutex_unlock(&all->lock);
}

int
fcgi_peers_await(struct fcgi_peers *all, struct fcgi_peer *c,
    enum fcgi_peer_place place, unsigned events)
{
	struct epoll_event event = { .events = events | EPOLLONESHOT,
		.data.ptr = c };
	bool registered = c->registered;

	/* The loop sees it in its place once it is armed, and cannot close it
	 * before. */
	pthread_mutex_lock(&all->lock);
	put(all, c, place);
	c->registered = true;
	int result = epoll_ctl(all->epoll_fd, registered ? EPOLL_CTL_MOD :
	    EPOLL_CTL_ADD, c->fd, &event);
	if (result != 0) {
		c->registered = registered;
		put(all, c, FCGI_PEER_NOWHERE);
	}
	pthread_mutex_unlock(&all->lock);
	return result;
}

enum fcgi_peer_place
fcgi_peers_place(struct fcgi_peers *all, const struct fcgi_peer *c)
{
	pthread_mutex_lock(&all->lock);
	enum fcgi_peer_place place = c->place;
	pthread_mutex_unlock(&all->lock);
	return place;
}

void
fcgi_peers_disarm(struct fcgi_peers *all, struct fcgi_peer *c)
{
	struct epoll_event event = { .events = 0, .data.ptr = c };

	if (c->registered)
		epoll_ctl(all->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

struct fcgi_peer *
fcgi_peers_first(struct fcgi_peers *all, enum fcgi_peer_place place)
{
	pthread_mutex_lock(&all->lock);
	struct fcgi_peer *first = all->lists[place].first;
	pthread_mutex_unlock(&all->lock);
	return first;
}

struct fcgi_peer *
fcgi_peers_next(struct fcgi_peers *all, struct fcgi_peer *c)
{
	pthread_mutex_lock(&all->lock);
	struct fcgi_peer *next = c->next;
	pthread_mutex_unlock(&all->lock);
	return next;
}

void
fcgi_peers_hold(struct fcgi_peers *all, struct fcgi_peer *c, size_t bytes)
{
	all->held += bytes - c->held;
	c->held = bytes;
}

bool
fcgi_peers_have_room(const struct fcgi_peers *all, size_t bytes)
{
	return all->held + bytes <= all->budget;
}

static bool
has_bytes(const struct fcgi_peer *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The first of a place that has waited for bytes since `before`, or longer. */
static struct fcgi_peer *
choose_from(struct fcgi_peers *all, enum fcgi_peer_place place,
    const struct fcgi_peer *except, int64_t before)
{
	struct fcgi_peer *c = fcgi_peers_first(all, place);

	for (int looks = 0; c != NULL && looks < LOOKS_MAX; looks++) {
		if (c->heard > before)
			return NULL;
		if (c != except && !has_bytes(c))
			return c;
		c = fcgi_peers_next(all, c);
	}
	return NULL;
}

struct fcgi_peer *
fcgi_peers_choose(struct fcgi_peers *all, enum fcgi_peers_want want,
    const struct fcgi_peer *except, int64_t now)
{
	struct fcgi_peer *c = NULL;

	if (want == FCGI_PEERS_WANT_DESCRIPTORS)
		c = choose_from(all, FCGI_PEER_IDLE, except, now);
	if (c == NULL)
		c = choose_from(all, FCGI_PEER_WAITING, except,
		    now - PATIENCE_MS);
	if (c != NULL || want == FCGI_PEERS_WANT_DESCRIPTORS ||
	    all->in_hand > 0 ||
	    fcgi_peers_first(all, FCGI_PEER_WAITING) != NULL)
		return c;
	pthread_mutex_lock(&all->lock);
	c = all->lists[FCGI_PEER_PARKED].last;
	pthread_mutex_unlock(&all->lock);
	return c == except ? NULL : c;
}
