/* The connections of the FastCGI socket: where each is on its way, and how
 * much memory all of them hold.  Reads and sends nothing. */
#ifndef FCGI_PEERS_H
#define FCGI_PEERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentlens-ingest/fcgi_reader.h"
#include "agentlens-ingest/workers.h"

/* Where a connection is.  But for the last two it is the loop's. */
enum fcgi_peer_place {
	FCGI_PEER_IDLE,     /* kept, and nothing of a next request is there */
	FCGI_PEER_WAITING,  /* for bytes of a request */
	FCGI_PEER_PARKED,   /* until there is room for its bytes */
	FCGI_PEER_SENDING,  /* the rest of an answer */
	FCGI_PEER_LEAVING,  /* what still comes is thrown away */
	FCGI_PEER_RETURNED, /* answered, and the next request is here */
	FCGI_PEER_LISTS,
	FCGI_PEER_IN_HAND = FCGI_PEER_LISTS, /* whoever answers has it */
	FCGI_PEER_NOWHERE
};

struct fastcgi;

struct fcgi_peer {
	struct work work; /* the first member */
	struct fastcgi *fastcgi;
	int fd;
	bool registered; /* in the loop's epoll, armed or not */
	bool kept;       /* a request of it was answered */
	bool reserved;   /* there is room for the body that was announced */

	enum fcgi_peer_place place;
	struct fcgi_peer *next; /* in its place */
	struct fcgi_peer *previous;
	int64_t heard;    /* ms; when bytes came last */
	int64_t deadline; /* ms; of its present place */
	size_t held;      /* bytes of the budget */

	struct fcgi_reader reader;
	struct text ahead; /* read, and of the next request */
	struct text answer;
	size_t sent; /* bytes of the answer */
};

struct fcgi_peer_list {
	struct fcgi_peer *first;
	struct fcgi_peer *last;
};

struct fcgi_peers {
	int epoll_fd; /* the loop's, borrowed */
	pthread_mutex_t lock; /* guards the lists */
	struct fcgi_peer_list lists[FCGI_PEER_LISTS];
	atomic_long open;
	atomic_long in_hand;
	atomic_size_t held;
	size_t budget;
};

void fcgi_peers_init(struct fcgi_peers *all, int epoll_fd, size_t budget);

/* There must be none by then. */
void fcgi_peers_destroy(struct fcgi_peers *all);

/* Puts it at the end of a place, and takes it out of the one where it was. */
void fcgi_peers_put(struct fcgi_peers *all, struct fcgi_peer *peer,
    enum fcgi_peer_place place);

/*
 * The same, and has the loop told of the next of these epoll events, once.  The
 * connection is the loop's from then on, which may have closed it already.
 * Returns 0; or -1 when the kernel has no memory for it: then it is still the
 * caller's.
 */
int fcgi_peers_await(struct fcgi_peers *all, struct fcgi_peer *peer,
    enum fcgi_peer_place place, unsigned events);

/* Where it is.  Once the loop has asked, it sees all that was done to the
 * connection by who had it before. */
enum fcgi_peer_place fcgi_peers_place(struct fcgi_peers *all,
    const struct fcgi_peer *peer);

/* Has the loop told of no event, so that it can be handed on. */
void fcgi_peers_disarm(struct fcgi_peers *all,
    struct fcgi_peer *peer);

/* The first of a place, and the next; NULL when there is none. */
struct fcgi_peer *fcgi_peers_first(struct fcgi_peers *all,
    enum fcgi_peer_place place);
struct fcgi_peer *fcgi_peers_next(struct fcgi_peers *all,
    struct fcgi_peer *peer);

/* From now on it holds so many bytes of the budget. */
void fcgi_peers_hold(struct fcgi_peers *all, struct fcgi_peer *peer,
    size_t bytes);

/* Whether so many bytes more are in the budget. */
bool fcgi_peers_have_room(const struct fcgi_peers *all, size_t bytes);

/* Whom to close: */
enum fcgi_peers_want {
	FCGI_PEERS_WANT_BYTES,      /* when the budget is used up */
	FCGI_PEERS_WANT_DESCRIPTORS /* when there are no more of them */
};

/*
 * The connection that is to be closed so that others can be served, but not
 * `except`: for a descriptor an idle one first, which holds no bytes; then the
 * one that has waited longest for bytes, 100 ms at least.  One whose bytes are
 * there already does not wait for its peer, and is none.  Where bytes are
 * wanted, all who hold some are parked, and nobody is in hand who would give
 * back his, it is the last that was parked.
 * NULL when there is none.
 */
struct fcgi_peer *fcgi_peers_choose(struct fcgi_peers *all,
    enum fcgi_peers_want want, const struct fcgi_peer *except, int64_t now);

#endif
