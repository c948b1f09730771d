#include "agentlens-ingest/fcgi_answer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timestamp.h"

/* How long a peer may go on to send when it was answered before its end. */
#define LEAVE_MS 1000

#define FALLBACK_BYTES 512

/* A peer that was answered in the middle of its request may still send: closed
 * with its bytes unread, a connection is reset, and the answer lost. */
static void
leave(struct fastcgi *f, struct fcgi_peer *c)
{
	shutdown(c->fd, SHUT_WR);
	fcgi_reader_free(&c->reader);
	fcgi_peers_hold(&f->all, c, FCGI_SERVER_PEER_BYTES);
	c->deadline = timestamp_monotonic() + LEAVE_MS;
	if (!fcgi_server_await(f, c, FCGI_PEER_LEAVING, EPOLLIN))
		fcgi_server_close(f, c);
	fcgi_server_wake(f);
}

/* Makes ready for the next request of the connection. */
static void
keep(struct fastcgi *f, struct fcgi_peer *c)
{
	fcgi_reader_next(&c->reader);
	c->kept = true;
	c->reserved = false;
	fcgi_peers_hold(&f->all, c, c->ahead.len);
	c->heard = timestamp_monotonic();
	if (c->ahead.len == 0 &&
	    fcgi_server_await(f, c, FCGI_PEER_IDLE, EPOLLIN)) {
		if (f->hungry)
			fcgi_server_wake(f);
		return;
	}
	fcgi_peers_put(&f->all, c, FCGI_PEER_RETURNED);
	fcgi_server_wake(f);
}

static void
end_answer(struct fastcgi *f, struct fcgi_peer *c)
{
	text_free(&c->answer);
	c->sent = 0;
	if (c->reader.phase != FCGI_READER_ENDED)
		leave(f, c);
	else if (c->reader.keep && !f->stopping)
		keep(f, c);
	else
		fcgi_server_close(f, c);
}

/* Writes what can be written.  Returns false when the peer is gone. */
static bool
send_bytes(struct fcgi_peer *c)
{
	while (c->sent < c->answer.len) {
		ssize_t n = write(c->fd, c->answer.data + c->sent,
		    c->answer.len - c->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->sent += (size_t)n;
	}
	return true;
}

void
fcgi_answer_fallback(struct fastcgi *f, struct fcgi_peer *c)
{
	unsigned char records[FALLBACK_BYTES + 4 * FCGI_RECORD_HEADER_BYTES];
	unsigned char *at = records;
	size_t len = strlen(f->settings.fallback);

	if (len > FALLBACK_BYTES)
		len = FALLBACK_BYTES;
	fcgi_record_head(at, FCGI_RECORD_STDOUT, c->reader.id, len);
	at += FCGI_RECORD_HEADER_BYTES;
	memcpy(at, f->settings.fallback, len);
	at += len;
	fcgi_record_head(at, FCGI_RECORD_STDOUT, c->reader.id, 0);
	at += FCGI_RECORD_HEADER_BYTES;
	fcgi_record_head(at, FCGI_RECORD_END, c->reader.id, 8);
	at += FCGI_RECORD_HEADER_BYTES;
	memset(at, 0, 8);
	at += 8;
	/* Without memory there is nothing that could wait for the rest. */
	if (write(c->fd, records, (size_t)(at - records)) < 0 ||
	    c->reader.phase == FCGI_READER_ENDED)
		fcgi_server_close(f, c);
	else
		leave(f, c);
}

void
fcgi_answer_send(struct fastcgi *f, struct fcgi_peer *c)
{
	if (c->answer.failed) {
		text_free(&c->answer);
		fcgi_answer_fallback(f, c);
	} else if (!send_bytes(c)) {
		fcgi_server_close(f, c);
	} else if (c->sent == c->answer.len) {
		end_answer(f, c);
	} else {
		if (c->place != FCGI_PEER_SENDING)
			c->deadline = timestamp_monotonic() +
			    f->settings.timeout_ms;
		if (!fcgi_server_await(f, c, FCGI_PEER_SENDING, EPOLLOUT))
			fcgi_server_close(f, c);
		fcgi_server_wake(f);
	}
}
