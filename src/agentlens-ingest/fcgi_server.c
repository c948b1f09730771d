#include "agentlens-ingest/fcgi_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define NOTICE_MS 60000

void
fcgi_server_wake(struct fastcgi *f)
{
	const uint64_t one = 1;

	/* It fails only when it was woken 2^64 times in vain. */
	ssize_t ignored = write(f->wake_fd, &one, sizeof(one));
	(void)ignored;
}

static void
free_peer(struct fcgi_peer *c)
{
	fcgi_reader_free(&c->reader);
	text_free(&c->ahead);
	text_free(&c->answer);
	free(c);
}

/* Ends a connection, all but its memory. */
static void
shut_peer(struct fastcgi *f, struct fcgi_peer *c)
{
	fcgi_peers_put(&f->all, c, FCGI_PEER_NOWHERE);
	fcgi_peers_hold(&f->all, c, 0);
	close(c->fd);
	f->all.open--;
	if (f->stopping || f->hungry)
		fcgi_server_wake(f);
}

void
fcgi_server_close(struct fastcgi *f, struct fcgi_peer *c)
{
	shut_peer(f, c);
	free_peer(c);
}

/* By the loop, while it is at another: of this one an event may be at hand. */
static void
evict(struct fastcgi *f, struct fcgi_peer *c)
{
	shut_peer(f, c);
	c->next = f->dead;
	f->dead = c;
}

bool
fcgi_server_await(struct fastcgi *f, struct fcgi_peer *c,
    enum fcgi_peer_place place, unsigned events)
{
	if (fcgi_peers_await(&f->all, c, place, events) == 0)
		return true;
	log_line(LOG_ERROR, "error", "waiting for a connection", "reason",
	    strerror(errno), NULL);
	return false;
}

void
fcgi_server_tell(struct fastcgi *f, struct fcgi_notice *notice,
    const char *reason)
{
	char times[32];

	notice->times++;
	if (notice->told != 0 && f->now - notice->told < NOTICE_MS)
		return;
	snprintf(times, sizeof(times), "%ld", notice->times);
	log_line(LOG_WARN, "warning", notice->warning, "reason", reason,
	    "times", times, NULL);
	notice->told = f->now;
	notice->times = 0;
}

bool
fcgi_server_make_room(struct fastcgi *f, const struct fcgi_peer *self, size_t bytes)
{
	while (!fcgi_peers_have_room(&f->all, bytes)) {
		struct fcgi_peer *victim = fcgi_peers_choose(&f->all,
		    FCGI_PEERS_WANT_BYTES, self, f->now);
		if (victim == NULL)
			return false;
		evict(f, victim);
		fcgi_server_tell(f, &f->no_bytes, "their requests hold all "
		    "the memory that they may");
	}
	return true;
}

bool
fcgi_server_make_descriptor(struct fastcgi *f)
{
	struct fcgi_peer *victim = fcgi_peers_choose(&f->all,
	    FCGI_PEERS_WANT_DESCRIPTORS, NULL, f->now);

	fcgi_server_tell(f, &f->no_descriptors,
	    "RLIMIT_NOFILE allows no more");
	if (victim == NULL)
		return false;
	evict(f, victim);
	return true;
}

void
fcgi_server_bury(struct fastcgi *f)
{
	while (f->dead != NULL) {
		struct fcgi_peer *dead = f->dead;
		f->dead = dead->next;
		free_peer(dead);
	}
}
