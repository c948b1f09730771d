/* What the parts of the FastCGI side share: its state, and what each of them
 * does to a connection. */
#ifndef FCGI_SERVER_H
#define FCGI_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentlens-ingest/fastcgi.h"
#include "agentlens-ingest/fcgi_peers.h"
#include "agentlens-ingest/workers.h"

/* The most that is read of a connection at once. */
#define FCGI_SERVER_READ_BYTES (64 * 1024)

/* What a connection holds beside its buffers. */
#define FCGI_SERVER_PEER_BYTES 1024

/* Something that strangers may bring about again and again, told once a
 * minute. */
struct fcgi_notice {
	const char *warning;
	int64_t told; /* ms; 0: never */
	long times;   /* since then */
};

struct fastcgi {
	struct fastcgi_settings settings;
	struct workers *workers;
	pthread_t loop;
	int wake_fd; /* an eventfd, for the loop to look up */
	atomic_bool stopping;
	atomic_bool hungry; /* somebody waits for room or a descriptor */
	struct fcgi_peers all;

	/* The loop's own. */
	long peers_max;
	struct work_list light; /* to be handed over */
	struct work_list heavy;
	bool listening;
	struct fcgi_peer *spare; /* for the next connection */
	struct fcgi_peer *dead; /* of which events may be at hand */
	int64_t now;
	int64_t swept; /* ms */
	struct fcgi_notice disorder;
	struct fcgi_notice no_bytes;
	struct fcgi_notice no_descriptors;
	unsigned char buffer[FCGI_SERVER_READ_BYTES];
};

/* --- By whoever has the connection --------------------------------------- */

/* Has the loop look up. */
void fcgi_server_wake(struct fastcgi *fastcgi);

/* Puts a connection into a place and waits for epoll events of it; it is the
 * loop's from then on.  Returns false, and it is still the caller's, when the
 * kernel has no memory for that; which is logged. */
bool fcgi_server_await(struct fastcgi *fastcgi, struct fcgi_peer *peer,
    enum fcgi_peer_place place, unsigned events);

/* Closes a connection, and frees it. */
void fcgi_server_close(struct fastcgi *fastcgi, struct fcgi_peer *peer);

/* --- By the loop --------------------------------------------------------- */

/* Logs it, unless that was done within the last minute. */
void fcgi_server_tell(struct fastcgi *fastcgi, struct fcgi_notice *notice,
    const char *reason);

/* Makes room for so many bytes more in the budget, at the cost of connections
 * that wait for their peers (fcgi_peers.h), but not of `self`.  Returns whether
 * there is room. */
bool fcgi_server_make_room(struct fastcgi *fastcgi,
    const struct fcgi_peer *self, size_t bytes);

/* The same for one descriptor. */
bool fcgi_server_make_descriptor(struct fastcgi *fastcgi);

/* Frees those that were closed so, once no event of theirs is at hand. */
void fcgi_server_bury(struct fastcgi *fastcgi);

#endif
