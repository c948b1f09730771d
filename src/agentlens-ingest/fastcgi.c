#include "agentlens-ingest/fastcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agentlens-ingest/fcgi_answer.h"
#include "agentlens-ingest/fcgi_input.h"
#include "agentlens-ingest/fcgi_request.h"
#include "agentlens-ingest/fcgi_server.h"
#include "base/log.h"
#include "base/timestamp.h"

#define BUDGET_BYTES (32 * 1024 * 1024)

#define PEERS_MAX 16384

/* Descriptors for the database: twice its file, log and index, its folder, and
 * some. */
#define DESCRIPTORS_KEPT 10

/* How often time limits are looked at, and what waits for room. */
#define SWEEP_MS 250
#define HUNGRY_MS 50

#define EVENTS 64

bool
fastcgi_is_served(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening,
	    &len) == 0 && listening != 0;
}

/* Throws away what comes. */
static void
read_leaving(struct fastcgi *f, struct fcgi_peer *c)
{
	ssize_t got = read(c->fd, f->buffer, sizeof(f->buffer));

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		fcgi_server_close(f, c);
	else
		fcgi_server_await(f, c, FCGI_PEER_LEAVING, EPOLLIN);
}

/* Requests that came behind one that is answered now. */
static void
take_returned(struct fastcgi *f)
{
	struct fcgi_peer *c;

	while ((c = fcgi_peers_first(&f->all, FCGI_PEER_RETURNED)) != NULL) {
		struct text bytes = c->ahead;
		c->ahead = TEXT_EMPTY;
		c->heard = f->now;
		fcgi_input_take(f, c, (unsigned char *)bytes.data, bytes.len);
		text_free(&bytes);
	}
}

/* --- New connections ----------------------------------------------------- */

static void
listen_socket(struct fastcgi *f, bool listening)
{
	/* A connection wakes one of the processes that wait, not all. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	if (f->listening == listening)
		return;
	if (epoll_ctl(f->all.epoll_fd, listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
	    STDIN_FILENO, &event) == 0)
		f->listening = listening;
}

/* Whether a connection can be taken, if there is one; and nobody is closed for
 * one that is not there. */
static bool
have_vacancy(struct fastcgi *f)
{
	struct pollfd socket = { .fd = STDIN_FILENO, .events = POLLIN };
	bool full = f->all.open >= f->peers_max;

	/* Before a connection is taken, so that none is dropped for want of
	 * memory. */
	if (f->spare == NULL)
		f->spare = calloc(1, sizeof(*f->spare));
	if (f->spare == NULL)
		return false;
	if ((!full && fcgi_peers_have_room(&f->all, fcgi_input_room())) ||
	    poll(&socket, 1, 0) == 0)
		return true;
	return (!full || fcgi_server_make_descriptor(f)) && fcgi_server_make_room(f, NULL, fcgi_input_room());
}

static void
begin_connection(struct fastcgi *f, int fd)
{
	struct fcgi_peer *c = f->spare;

	f->spare = NULL;
	c->fastcgi = f;
	c->fd = fd;
	c->place = FCGI_PEER_NOWHERE;
	c->reader.body_max = f->settings.body_max;
	c->heard = f->now;
	c->deadline = f->now + f->settings.timeout_ms;
	f->all.open++;
	fcgi_peers_hold(&f->all, c, FCGI_SERVER_PEER_BYTES);
	fcgi_input_read(f, c);
}

static void
accept_connections(struct fastcgi *f)
{
	int i;

	for (i = 0; i < EVENTS && have_vacancy(f); i++) {
		int fd = accept4(STDIN_FILENO, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		int error = errno;
		if (fd >= 0)
			begin_connection(f, fd);
		else if (error == EAGAIN)
			return;
		else if ((error == EMFILE || error == ENFILE) ?
		    !fcgi_server_make_descriptor(f) :
		    error == ENOMEM || error == ENOBUFS)
			break;
	}
	if (i == EVENTS)
		return;
	/* It passes. */
	listen_socket(f, false);
	f->hungry = true;
}

/* --- The loop ------------------------------------------------------------ */

/* Goes on with what waited for room, in the order in which it came. */
static void
feed(struct fastcgi *f)
{
	struct fcgi_peer *c;

	if (!f->hungry)
		return;
	f->hungry = false;
	while ((c = fcgi_peers_first(&f->all, FCGI_PEER_PARKED)) != NULL &&
	    fcgi_server_make_room(f, c, fcgi_input_needed(c))) {
		if (c->reader.phase == FCGI_READER_BODY)
			c->deadline = f->now + f->settings.timeout_ms;
		fcgi_input_read(f, c);
	}
	if (c == NULL && !f->stopping && have_vacancy(f))
		listen_socket(f, true);
	f->hungry |= c != NULL || (!f->listening && !f->stopping);
}

static void
expire(struct fastcgi *f, struct fcgi_peer *c)
{
	if (c->place == FCGI_PEER_PARKED)
		fcgi_server_tell(f, &f->no_bytes,
		    "they waited for memory in vain");
	if (c->place == FCGI_PEER_WAITING &&
	    c->reader.phase == FCGI_READER_BODY) {
		fcgi_peers_disarm(&f->all, c);
		fcgi_input_hand_over(f, c);
	} else {
		fcgi_server_close(f, c);
	}
}

/* Looks at the time limits. */
static void
sweep(struct fastcgi *f)
{
	static const enum fcgi_peer_place limited[] = { FCGI_PEER_WAITING,
		FCGI_PEER_PARKED, FCGI_PEER_SENDING, FCGI_PEER_LEAVING };
	struct fcgi_peer *c, *next;

	if (f->now - f->swept < SWEEP_MS && !f->stopping)
		return;
	f->swept = f->now;
	for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
		for (c = fcgi_peers_first(&f->all, limited[i]); c != NULL;
		    c = next) {
			next = fcgi_peers_next(&f->all, c);
			if (f->now >= c->deadline)
				expire(f, c);
		}
	/* The next request of a kept connection may be on its way. */
	while (f->stopping &&
	    (c = fcgi_peers_first(&f->all, FCGI_PEER_IDLE)) != NULL) {
		fcgi_peers_disarm(&f->all, c);
		fcgi_input_read(f, c);
	}
}

static void
handle_connection(struct fastcgi *f, struct fcgi_peer *c)
{
	switch (fcgi_peers_place(&f->all, c)) {
	case FCGI_PEER_IDLE:
	case FCGI_PEER_WAITING:
		fcgi_input_read(f, c);
		break;
	case FCGI_PEER_SENDING:
		fcgi_answer_send(f, c);
		break;
	case FCGI_PEER_LEAVING:
		read_leaving(f, c);
		break;
	default:
		/* It was evicted since. */
		break;
	}
}

static int
wait_ms(struct fastcgi *f)
{
	static const enum fcgi_peer_place limited[] = { FCGI_PEER_WAITING,
		FCGI_PEER_PARKED, FCGI_PEER_SENDING, FCGI_PEER_LEAVING };

	if (f->hungry)
		return HUNGRY_MS;
	if (f->stopping)
		return SWEEP_MS;
	for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
		if (fcgi_peers_first(&f->all, limited[i]) != NULL)
			return SWEEP_MS;
	return -1;
}

static void
handle_events(struct fastcgi *f, const struct epoll_event *events, int count)
{
	uint64_t woken;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == NULL)
			accept_connections(f);
		else if (events[i].data.ptr != f)
			handle_connection(f, events[i].data.ptr);
		else if (read(f->wake_fd, &woken, sizeof(woken)) < 0)
			continue;
	}
}

static void *
loop_thread(void *context)
{
	struct fastcgi *f = context;
	struct epoll_event events[EVENTS];

	listen_socket(f, true);
	/* Then it is tried again. */
	f->hungry = !f->listening;
	while (!f->stopping || f->all.open > 0) {
		int count = epoll_wait(f->all.epoll_fd, events, EVENTS,
		    wait_ms(f));
		f->now = timestamp_monotonic();
		if (f->stopping)
			listen_socket(f, false);
		handle_events(f, events, count);
		fcgi_server_bury(f);
		take_returned(f);
		feed(f);
		sweep(f);
		workers_add(f->workers, &f->light, false);
		workers_add(f->workers, &f->heavy, true);
	}
	return NULL;
}

/* --- Its beginning and end ----------------------------------------------- */

static int
open_descriptors(struct fastcgi *f)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = f };
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	/* Another process may take the connection that woke this one: accept()
	 * must not wait then. */
	if (flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) != 0)
		return -1;
	f->all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return f->all.epoll_fd < 0 || f->wake_fd < 0 || epoll_ctl(f->all.epoll_fd,
	    EPOLL_CTL_ADD, f->wake_fd, &event) != 0 ? -1 : 0;
}

/* How many connections there can be, beside the descriptors that are open and
 * those that the database will need. */
static long
count_vacancies(const struct fastcgi *f)
{
	struct rlimit limit;
	long taken = f->wake_fd + 1 + DESCRIPTORS_KEPT;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	if (limit.rlim_cur > (rlim_t)(PEERS_MAX + taken))
		return PEERS_MAX;
	return (long)limit.rlim_cur > taken ? (long)limit.rlim_cur - taken : 1;
}

static size_t
choose_budget(size_t body_max)
{
	size_t two = 2 * (body_max + fcgi_input_room());

	return two > BUDGET_BYTES ? two : BUDGET_BYTES;
}

struct fastcgi *
fastcgi_open(const struct fastcgi_settings *settings)
{
	struct fastcgi *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->settings = *settings;
	f->wake_fd = -1;
	f->disorder.warning = "a connection to the FastCGI socket is not a "
	    "web server's";
	f->no_bytes.warning = f->no_descriptors.warning =
	    "connections wait, or are closed while their peers keep silent";
	fcgi_peers_init(&f->all, -1, choose_budget(settings->body_max));
	if (open_descriptors(f) != 0 || fcgi_request_init() != 0) {
		log_line(LOG_ERROR, "error", "the listening socket cannot be "
		    "used", "reason", strerror(errno), NULL);
		fastcgi_close(f);
		return NULL;
	}
	f->peers_max = count_vacancies(f);
	f->workers = workers_open(settings->threads);
	if (f->workers == NULL ||
	    pthread_create(&f->loop, NULL, loop_thread, f) != 0) {
		fastcgi_close(f);
		return NULL;
	}
	return f;
}

void
fastcgi_stop(struct fastcgi *f)
{
	f->stopping = true;
	fcgi_server_wake(f);
	pthread_join(f->loop, NULL);
	/* One may still be on its way out of what answers requests. */
	workers_close(f->workers);
	f->workers = NULL;
}

void
fastcgi_close(struct fastcgi *f)
{
	workers_close(f->workers);
	fcgi_peers_destroy(&f->all);
	free(f->spare);
	if (f->wake_fd >= 0)
		close(f->wake_fd);
	if (f->all.epoll_fd >= 0)
		close(f->all.epoll_fd);
	free(f);
}

const char *
fastcgi_library_version(void)
{
	return fcgi_request_library_version();
}
