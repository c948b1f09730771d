#include "agentlens-ingest/fastcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agentlens-ingest/fcgi_guard.h"
#include "base/log.h"
#include "base/timestamp.h"

/* Known only where libfcgi has a .pc file. */
#ifndef LIBFCGI_VERSION
#define LIBFCGI_VERSION "of an unknown version"
#endif

/* How often the time limits of reading are looked at; and how long after its
 * limit a peer that still sends loses its connection altogether. */
#define WATCH_MS 250
#define WATCH_GRACE_MS 1000

#define STOP_TRIES 3

/*
 * A connection that is being read.  The library reads on, however slowly the
 * bytes come, and skips any number of records that are not ours, so that a
 * limit for each read alone would let a peer hold a thread for ever.
 */
struct watch {
	pthread_mutex_t lock;
	int fd;
	int64_t deadline; /* ms; 0: none */
	struct watch *next;
};

struct fastcgi_request {
	struct request request; /* first: one is cast to the other */
	struct fastcgi *server;
	FCGX_Request fcgx;
	bool kept;      /* the web server may send more on the connection */
	sem_t answered; /* then the thread that has it waits for this */
	struct watch *watch; /* of the thread that reads it */
};

struct fastcgi {
	int timeout_ms;
	sem_t vacancies; /* how many more requests may be in hand */
	atomic_bool stopping;
	int stop_fd; /* readable then, to wake who waits */

	pthread_mutex_t watches_lock; /* guards the list */
	struct watch *watches;
	bool watched; /* the thread below was started */
	pthread_t watcher;
};

/* What a thread that serves has of its own. */
struct worker {
	struct fastcgi *fastcgi;
	int epoll_fd; /* waits for the socket, and for the end */
	struct fastcgi_request *request; /* with its connection, or NULL */
	struct fcgi_guard guard;
	struct watch watch;
};

/* Of the connection that this thread reads. */
static _Thread_local struct fcgi_guard *thread_guard;

/*
 * All that the library reads comes through this function of its own, which is
 * found here before it is found there: what the library cannot take from a
 * peer never reaches it, and looks like the end of the connection.  It also
 * takes an interrupted call for a broken connection, which it is not: a
 * process that is stopped and continued has such calls.
 */
int
OS_Read(int fd, char *buffer, size_t len)
{
	ssize_t got;

	do
		got = read(fd, buffer, len);
	while (got < 0 && errno == EINTR);
	if (got > 0 && thread_guard != NULL &&
	    fcgi_guard_look(thread_guard, buffer, (size_t)got) != 0)
		return 0;
	return (int)got;
}

/* The same for what it writes. */
int
OS_Write(int fd, char *buffer, size_t len)
{
	ssize_t written;

	do
		written = write(fd, buffer, len);
	while (written < 0 && errno == EINTR);
	return (int)written;
}

static struct fastcgi_request *
request_of(const struct request *request)
{
	return (struct fastcgi_request *)request;
}

static const char *
read_variable(const struct request *request, const char *name)
{
	return FCGX_GetParam(name, request_of(request)->fcgx.envp);
}

/* The next bytes of the body.  The library reads a whole buffer at a time;
 * asking for one byte waits for that, and the rest of it is there. */
static enum request_piece
read_piece(struct request *request, const struct request_reading *reading,
    char *buffer, size_t *len)
{
	FCGX_Stream *in = request_of(request)->fcgx.in;
	int first = FCGX_GetChar(in);

	(void)reading;
	if (first == EOF && FCGX_GetError(in) == 0)
		return REQUEST_PIECE_END;
	if (first == EOF)
		return FCGX_GetError(in) == EAGAIN ? REQUEST_PIECE_LATE :
		    REQUEST_PIECE_BROKEN;
	buffer[0] = (char)first;
	int there = (int)(in->stop - in->rdNext);
	if (there > REQUEST_PIECE_BYTES - 1)
		there = REQUEST_PIECE_BYTES - 1;
	*len = 1 + (there <= 0 ? 0 :
	    (size_t)FCGX_GetStr(buffer + 1, there, in));
	return REQUEST_PIECE_DATA;
}

/* From now on reading ends at this time; 0: it may take what it takes. */
static void
watch_until(struct watch *watch, int64_t deadline)
{
	if (watch == NULL)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->deadline = deadline;
	pthread_mutex_unlock(&watch->lock);
}

static void
limit_request(struct request *request, int64_t deadline)
{
	watch_until(request_of(request)->watch, deadline);
}

bool
fastcgi_is_served(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening,
	    &len) == 0 && listening != 0;
}

/* First the peer can send no more, and may still get its answer. */
static void
end_late(struct watch *watch, int64_t now)
{
	pthread_mutex_lock(&watch->lock);
	if (watch->deadline != 0 && now >= watch->deadline)
		shutdown(watch->fd, now < watch->deadline + WATCH_GRACE_MS ?
		    SHUT_RD : SHUT_RDWR);
	pthread_mutex_unlock(&watch->lock);
}

static void *
watch_thread(void *context)
{
	struct fastcgi *fastcgi = context;
	struct pollfd stop = { .fd = fastcgi->stop_fd, .events = POLLIN };
	bool ended = false;

	/* After the end too: there are requests to be finished. */
	while (!ended) {
		if (!fastcgi->stopping)
			poll(&stop, 1, WATCH_MS);
		else
			poll(NULL, 0, WATCH_MS);
		int64_t now = timestamp_monotonic();
		pthread_mutex_lock(&fastcgi->watches_lock);
		for (struct watch *w = fastcgi->watches; w != NULL;
		    w = w->next)
			end_late(w, now);
		ended = fastcgi->stopping && fastcgi->watches == NULL;
		pthread_mutex_unlock(&fastcgi->watches_lock);
	}
	return NULL;
}

static void
watch_add(struct fastcgi *fastcgi, struct watch *watch)
{
	pthread_mutex_init(&watch->lock, NULL);
	pthread_mutex_lock(&fastcgi->watches_lock);
	watch->next = fastcgi->watches;
	fastcgi->watches = watch;
	pthread_mutex_unlock(&fastcgi->watches_lock);
}

static void
watch_remove(struct fastcgi *fastcgi, struct watch *watch)
{
	struct watch **at = &fastcgi->watches;

	pthread_mutex_lock(&fastcgi->watches_lock);
	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	pthread_mutex_unlock(&fastcgi->watches_lock);
	pthread_mutex_destroy(&watch->lock);
}

struct fastcgi *
fastcgi_open(int timeout_ms, long requests_max)
{
	struct fastcgi *fastcgi = calloc(1, sizeof(*fastcgi));
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (fastcgi == NULL)
		return NULL;
	fastcgi->timeout_ms = timeout_ms;
	sem_init(&fastcgi->vacancies, 0, (unsigned)requests_max);
	fastcgi->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&fastcgi->watches_lock, NULL);

	/* Another thread or process may take the connection that woke this
	 * one: accept() must not wait then. */
	if (fastcgi->stop_fd < 0 || FCGX_Init() != 0 || flags < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) != 0) {
		log_line(LOG_ERROR, "error", "the listening socket cannot be "
		    "used", "reason", strerror(errno), NULL);
		fastcgi_close(fastcgi);
		return NULL;
	}
	fastcgi->watched = pthread_create(&fastcgi->watcher, NULL,
	    watch_thread, fastcgi) == 0;
	if (!fastcgi->watched)
		log_line(LOG_WARN, "warning", "no thread could be started to "
		    "end slow connections", NULL);
	return fastcgi;
}

/*
 * A connection wakes one of the threads that wait, in whichever process, and
 * not all of them.
 */
static int
open_epoll(const struct fastcgi *fastcgi)
{
	struct epoll_event socket = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event stop = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd >= 0 && (epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &socket) !=
	    0 || epoll_ctl(fd, EPOLL_CTL_ADD, fastcgi->stop_fd, &stop) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits until `fd` can be read, at most timeout_ms.  Returns whether it can;
 * not when serving shall end. */
static bool
wait_readable(const struct fastcgi *fastcgi, int fd, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = fastcgi->stop_fd, .events = POLLIN },
	};
	int ready;

	do
		ready = poll(fds, 2, timeout_ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0 && fds[1].revents == 0;
}

static void
wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

/* Takes the next connection, and a vacancy for it; -1 when serving shall
 * end. */
static int
accept_connection(const struct worker *worker)
{
	struct fastcgi *fastcgi = worker->fastcgi;
	const struct timeval timeout = {
		.tv_sec = fastcgi->timeout_ms / 1000,
		.tv_usec = fastcgi->timeout_ms % 1000 * 1000,
	};
	struct epoll_event ready;
	int fd;

	for (;;) {
		wait_for(&fastcgi->vacancies);
		fd = fastcgi->stopping ? -1 :
		    accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			break;
		int error = errno;
		sem_post(&fastcgi->vacancies);
		if (fastcgi->stopping)
			return -1;
		if (error == EMFILE || error == ENFILE || error == ENOMEM ||
		    error == ENOBUFS) {
			/* It passes; do not spin until it does. */
			log_line(LOG_ERROR, "error", "accepting a connection",
			    "reason", strerror(error), NULL);
			poll(NULL, 0, 100);
		}
		epoll_wait(worker->epoll_fd, &ready, 1, -1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return fd;
}

static void
log_to_request(void *context, const char *line, size_t len)
{
	FCGX_Request *fcgx = context;

	FCGX_PutStr(line, (int)len, fcgx->err);
}

static void
set_log_sink(struct request *request)
{
	log_set_sink(log_to_request, &request_of(request)->fcgx);
}

/*
 * Reads what an answer did not need of the body: a web server that still
 * writes when the connection is closed may never read the answer.
 */
static void
drain(struct request *request)
{
	const struct request_reading r = {
		.deadline = timestamp_monotonic() +
		    request_of(request)->server->timeout_ms,
	};
	char buffer[REQUEST_PIECE_BYTES];
	size_t len;

	limit_request(request, r.deadline);
	while (request_read_piece(request, &r, buffer, &len) ==
	    REQUEST_PIECE_DATA)
		;
	limit_request(request, 0);
}

/* Gives back the request, its connection, and its vacancy. */
static void
close_request(struct fastcgi_request *request)
{
	struct fastcgi *fastcgi = request->server;

	FCGX_Free(&request->fcgx, request->fcgx.ipcFd >= 0);
	sem_destroy(&request->answered);
	free(request);
	sem_post(&fastcgi->vacancies);
}

static void
answer(struct request *ended, const char *response, size_t len)
{
	struct fastcgi_request *request = request_of(ended);
	FCGX_Request *fcgx = &request->fcgx;

	if (!ended->body_ended)
		drain(ended);
	/* With all of it read there is nothing that closing could lose, so the
	 * library need not wait for the web server to close first; and who
	 * has not sent all by now could keep it waiting for ever. */
	FCGX_Detach(fcgx);
	FCGX_PutStr(response, (int)len, fcgx->out);
	FCGX_Finish_r(fcgx);
	if (request->kept)
		sem_post(&request->answered);
	else
		close_request(request);
}

static const struct request_way way = {
	.variable = read_variable,
	.read = read_piece,
	.limit = limit_request,
	.log = set_log_sink,
	.answer = answer,
};

/* Before a connection is taken, so that none is dropped for want of memory.
 * NULL when serving shall end. */
static struct fastcgi_request *
make_request(const struct fastcgi *fastcgi)
{
	struct fastcgi_request *request;

	while ((request = calloc(1, sizeof(*request))) == NULL &&
	    !fastcgi->stopping) {
		log_line(LOG_ERROR, "error", "accepting a connection",
		    "reason", strerror(ENOMEM), NULL);
		poll(NULL, 0, 100);
	}
	return request;
}

/* Makes sure of a connection: the one that was kept, when its next request
 * comes in time, else a new one.  Returns false when serving shall end. */
static bool
connect_worker(struct worker *worker)
{
	struct fastcgi_request *request = worker->request;

	if (request != NULL && (request->fcgx.ipcFd < 0 ||
	    !wait_readable(worker->fastcgi, request->fcgx.ipcFd,
	    worker->fastcgi->timeout_ms))) {
		close_request(request);
		worker->request = NULL;
	}
	if (worker->request != NULL)
		return true;

	request = make_request(worker->fastcgi);
	int fd = request == NULL ? -1 : accept_connection(worker);
	if (fd < 0) {
		free(request);
		return false;
	}
	request->request.way = &way;
	request->server = worker->fastcgi;
	request->watch = &worker->watch;
	sem_init(&request->answered, 0, 0);
	/* Without a socket of its own the library never accepts by itself: it
	 * is handed each connection, with its time limits set. */
	FCGX_InitRequest(&request->fcgx, -1, 0);
	request->fcgx.ipcFd = fd;
	worker->request = request;
	worker->watch.fd = fd;
	worker->guard = (struct fcgi_guard){ 0 };
	return true;
}

/* Has one request handled.  It is the server's again when its connection is
 * kept. */
static void
serve_request(struct worker *worker, request_handler *handler, void *context)
{
	struct fastcgi_request *request = worker->request;

	watch_until(&worker->watch, timestamp_monotonic() +
	    worker->fastcgi->timeout_ms);
	/* It begins with ending the last request, and would close a
	 * connection that is not to be kept. */
	request->fcgx.keepConnection = 1;
	request->request.body_ended = false;
	bool whole = FCGX_Accept_r(&request->fcgx) == 0;
	watch_until(&worker->watch, 0);
	if (worker->guard.fault != NULL)
		log_line(LOG_WARN, "warning", "a connection to the FastCGI "
		    "socket is not a web server's", "reason",
		    worker->guard.fault, NULL);
	if (!whole)
		return;
	request->kept = request->fcgx.keepConnection;
	if (!request->kept)
		worker->request = NULL;
	set_log_sink(&request->request);
	handler(context, &request->request);
	log_set_sink(NULL, NULL);
	if (worker->request != NULL)
		wait_for(&request->answered);
}

void
fastcgi_serve(struct fastcgi *fastcgi, request_handler *handler,
    void *context)
{
	struct worker worker = {
		.fastcgi = fastcgi,
		.epoll_fd = open_epoll(fastcgi),
	};

	if (worker.epoll_fd < 0) {
		log_line(LOG_ERROR, "error", "a thread cannot wait for "
		    "connections", "reason", strerror(errno), NULL);
		return;
	}
	watch_add(fastcgi, &worker.watch);
	thread_guard = &worker.guard;
	while (connect_worker(&worker))
		serve_request(&worker, handler, context);
	thread_guard = NULL;
	watch_remove(fastcgi, &worker.watch);
	if (worker.request != NULL)
		close_request(worker.request);
	close(worker.epoll_fd);
}

void
fastcgi_stop(struct fastcgi *fastcgi)
{
	const uint64_t one = 1;

	fastcgi->stopping = true;
	/* Whoever waits is woken by nothing else. */
	for (int tries = 0; tries < STOP_TRIES; tries++)
		if (write(fastcgi->stop_fd, &one, sizeof(one)) == sizeof(one))
			return;
	log_line(LOG_ERROR, "error", "cannot stop", "reason", strerror(errno),
	    NULL);
}

void
fastcgi_close(struct fastcgi *fastcgi)
{
	if (fastcgi->watched)
		pthread_join(fastcgi->watcher, NULL);
	pthread_mutex_destroy(&fastcgi->watches_lock);
	if (fastcgi->stop_fd >= 0)
		close(fastcgi->stop_fd);
	sem_destroy(&fastcgi->vacancies);
	free(fastcgi);
}

const char *
fastcgi_library_version(void)
{
	return LIBFCGI_VERSION;
}
