#include "gateway.h"

#include <ctype.h>
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
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "timestamp.h"

/* Known only where libfcgi has a .pc file. */
#ifndef LIBFCGI_VERSION
#define LIBFCGI_VERSION "of an unknown version"
#endif

#define CHUNK 16384

/* Some servers leave CGI's standard input open behind the body. */
#define SURPLUS_MS 100

/* How long an answer of CGI waits for a body that it did not need. */
#define DRAIN_MS 10000

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

struct request {
	struct gateway *gateway; /* NULL: CGI */
	FCGX_Request fastcgi;
	bool kept;      /* the web server may send more on the connection */
	sem_t answered; /* then the thread that has it waits for this */
	struct watch *watch; /* of the thread that reads it */

	bool body_ended;
	bool written; /* CGI: the response, whole */
};

struct gateway {
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
struct server {
	struct gateway *gateway;
	int epoll_fd; /* waits for the socket, and for the end */
	struct request *request; /* with its connection, or NULL */
	struct peer peer;
	struct watch watch;
};

/* What reading a piece of the body came to. */
enum piece {
	PIECE_DATA,
	PIECE_END,
	PIECE_BROKEN, /* the web server went away */
	PIECE_LATE
};

/* The peer whose connection this thread reads. */
static _Thread_local struct peer *thread_peer;

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
	if (got > 0 && thread_peer != NULL &&
	    peer_look(thread_peer, buffer, (size_t)got) != 0)
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

const char *
request_variable(const struct request *request, const char *name)
{
	return request->gateway != NULL ?
	    FCGX_GetParam(name, request->fastcgi.envp) : getenv(name);
}

const char *
request_header(const void *request, const char *name)
{
	char variable[64];
	int len = snprintf(variable, sizeof(variable), "HTTP_%s", name);

	if (len < 0 || (size_t)len >= sizeof(variable))
		return NULL;
	for (char *c = variable; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
		else
			*c = (char)toupper((unsigned char)*c);
	}
	const char *value = request_variable(request, variable);
	return value == NULL || *value == '\0' ? NULL : value;
}

const char *
request_path(const struct request *request)
{
	static const char health[] = "/health";
	const char *path = request_variable(request, "PATH_INFO");
	const char *uri = request_variable(request, "REQUEST_URI");

	if (path != NULL && *path != '\0')
		return path;
	if (uri == NULL)
		return "";
	size_t len = strcspn(uri, "?#");
	if (len > strlen(health) && strncmp(uri + len - strlen(health), health,
	    strlen(health)) == 0)
		return health;
	return "";
}

/* The next bytes of a FastCGI body.  The library reads a whole buffer at a
 * time; asking for one byte waits for that, and the rest of it is there. */
static enum piece
read_fastcgi(FCGX_Stream *in, char *buffer, size_t *len)
{
	int first = FCGX_GetChar(in);

	if (first == EOF)
		return FCGX_GetError(in) == 0 ? PIECE_END :
		    FCGX_GetError(in) == EAGAIN ? PIECE_LATE : PIECE_BROKEN;
	buffer[0] = (char)first;
	int there = (int)(in->stop - in->rdNext);
	if (there > CHUNK - 1)
		there = CHUNK - 1;
	*len = 1 + (there <= 0 ? 0 :
	    (size_t)FCGX_GetStr(buffer + 1, there, in));
	return PIECE_DATA;
}

/* Waits for input of CGI.  Returns whether there is some, or its end. */
static bool
wait_cgi(int64_t wait_ms)
{
	static const struct timespec pause = { 0, 1000000 };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t deadline = timestamp_monotonic() + wait_ms;
	int ready;

	/* Neither a signal nor a want of memory is the sender's fault. */
	while ((ready = poll(&input, 1, wait_ms < 0 ? 0 : (int)wait_ms)) < 0 &&
	    (wait_ms = deadline - timestamp_monotonic()) > 0)
		nanosleep(&pause, NULL);
	return ready > 0;
}

static enum piece
read_cgi(char *buffer, size_t *len, int64_t wait_ms)
{
	ssize_t got;

	if (!wait_cgi(wait_ms))
		return PIECE_LATE;
	while ((got = read(STDIN_FILENO, buffer, CHUNK)) < 0 && errno == EINTR)
		;
	if (got < 0)
		return errno == EAGAIN ? PIECE_LATE : PIECE_BROKEN;
	*len = (size_t)got;
	return got == 0 ? PIECE_END : PIECE_DATA;
}

/* CONTENT_LENGTH as a number; -1 when there is none, -2 when it is not one. */
static long long
content_length(const struct request *request)
{
	const char *text = request_variable(request, "CONTENT_LENGTH");
	char *end;

	if (text == NULL || *text == '\0')
		return -1;
	errno = 0;
	long long length = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0)
		return -2;
	return length;
}

struct reading {
	long long announced; /* CONTENT_LENGTH, or -1 */
	long long got;
	int64_t deadline;
};

static enum piece
read_piece(struct request *request, struct reading *r, char *buffer,
    size_t *len)
{
	int64_t left = r->deadline - timestamp_monotonic();
	bool whole = r->announced >= 0 && r->got >= r->announced;

	*len = 0;
	if (left <= 0)
		return PIECE_LATE;
	if (request->gateway != NULL)
		return read_fastcgi(request->fastcgi.in, buffer, len);
	if (!whole)
		return read_cgi(buffer, len, left);
	/* RFC 3875 does not promise an end of the input, so one that stays
	 * open is one. */
	enum piece piece = read_cgi(buffer, len,
	    left < SURPLUS_MS ? left : SURPLUS_MS);
	return piece == PIECE_LATE ? PIECE_END : piece;
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

enum reply_kind
request_read_body(struct request *request, size_t max_len, int timeout_ms,
    struct text *body, struct reply *reply)
{
	struct reading r = {
		.announced = content_length(request),
		.deadline = timestamp_monotonic() + timeout_ms,
	};
	char buffer[CHUNK];
	enum piece piece;
	size_t len;

	watch_until(request->watch, r.deadline);
	if (r.announced == -2)
		return reply_set(reply, REPLY_BAD_LENGTH, "%s", "");
	while ((piece = read_piece(request, &r, buffer, &len)) == PIECE_DATA) {
		r.got += (long long)len;
		if (r.got <= (long long)max_len)
			text_add(body, buffer, len);
	}

	watch_until(request->watch, 0);
	request->body_ended = piece != PIECE_DATA;
	if (piece == PIECE_BROKEN && timestamp_monotonic() >= r.deadline)
		piece = PIECE_LATE;
	if (r.got > (long long)max_len || r.announced > (long long)max_len)
		return reply_set(reply, REPLY_TOO_LARGE, "%zu bytes", max_len);
	if (piece == PIECE_LATE)
		return reply_set(reply, REPLY_TOO_SLOW, "%d ms", timeout_ms);
	if (piece == PIECE_BROKEN ||
	    (r.announced >= 0 && r.got != r.announced))
		return reply_set(reply, REPLY_WRONG_LENGTH, "%s", "");
	if (body->failed)
		return reply_set(reply, REPLY_INTERNAL, "%s", REPLY_NO_MEMORY);
	return REPLY_NONE;
}

bool
gateway_is_fastcgi(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening,
	    &len) == 0 && listening != 0;
}

/*
 * Reads what an answer did not need of the body.  Under Apache's mod_cgid
 * input and output are one socket: closed with bytes unread, it is reset, and
 * the answer is lost.
 */
static void
drain_cgi(struct request *request)
{
	struct reading r = {
		.announced = content_length(request),
		.deadline = timestamp_monotonic() + DRAIN_MS,
	};
	char buffer[CHUNK];
	size_t len;

	if (request->body_ended || r.announced == 0)
		return;
	/* Without a length there may be no body, nor an end of it. */
	if (r.announced < 0)
		r.announced = 0;
	while (read_piece(request, &r, buffer, &len) == PIECE_DATA)
		r.got += (long long)len;
}

static void
answer_cgi(struct request *request, const char *response, size_t len)
{
	size_t written = 0;

	drain_cgi(request);
	while (written < len) {
		ssize_t n = write(STDOUT_FILENO, response + written,
		    len - written);
		if (n < 0 && errno != EINTR)
			break;
		written += n < 0 ? 0 : (size_t)n;
	}
	request->written = written == len;

	/* The end of the output lets the web server go on, while closing the
	 * database takes its time. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		close(null);
	}
}

int
gateway_serve_cgi(gateway_handler *handler, void *context)
{
	struct request request = { .gateway = NULL };

	handler(context, &request);
	return request.written ? 0 : -1;
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
watch_always(void *context)
{
	struct gateway *gateway = context;
	struct pollfd stop = { .fd = gateway->stop_fd, .events = POLLIN };
	bool ended = false;

	/* After the end too: there are requests to be finished. */
	while (!ended) {
		if (!gateway->stopping)
			poll(&stop, 1, WATCH_MS);
		else
			poll(NULL, 0, WATCH_MS);
		int64_t now = timestamp_monotonic();
		pthread_mutex_lock(&gateway->watches_lock);
		for (struct watch *w = gateway->watches; w != NULL;
		    w = w->next)
			end_late(w, now);
		ended = gateway->stopping && gateway->watches == NULL;
		pthread_mutex_unlock(&gateway->watches_lock);
	}
	return NULL;
}

static void
watch_add(struct gateway *gateway, struct watch *watch)
{
	pthread_mutex_init(&watch->lock, NULL);
	pthread_mutex_lock(&gateway->watches_lock);
	watch->next = gateway->watches;
	gateway->watches = watch;
	pthread_mutex_unlock(&gateway->watches_lock);
}

static void
watch_remove(struct gateway *gateway, struct watch *watch)
{
	struct watch **at = &gateway->watches;

	pthread_mutex_lock(&gateway->watches_lock);
	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	pthread_mutex_unlock(&gateway->watches_lock);
	pthread_mutex_destroy(&watch->lock);
}

struct gateway *
gateway_open(int timeout_ms, long requests_max)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (gateway == NULL)
		return NULL;
	gateway->timeout_ms = timeout_ms;
	sem_init(&gateway->vacancies, 0, (unsigned)requests_max);
	gateway->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&gateway->watches_lock, NULL);

	/* Another thread or process may take the connection that woke this
	 * one: accept() must not wait then. */
	if (gateway->stop_fd < 0 || FCGX_Init() != 0 || flags < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) != 0) {
		log_line(LOG_ERROR, "error", "the listening socket cannot be "
		    "used", "reason", strerror(errno), NULL);
		gateway_close(gateway);
		return NULL;
	}
	gateway->watched = pthread_create(&gateway->watcher, NULL,
	    watch_always, gateway) == 0;
	if (!gateway->watched)
		log_line(LOG_WARN, "warning", "no thread could be started to "
		    "end slow connections", NULL);
	return gateway;
}

/*
 * A connection wakes one of the threads that wait, in whichever process, and
 * not all of them.
 */
static int
open_epoll(const struct gateway *gateway)
{
	struct epoll_event socket = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event stop = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd >= 0 && (epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &socket) !=
	    0 || epoll_ctl(fd, EPOLL_CTL_ADD, gateway->stop_fd, &stop) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits until `fd` can be read, at most timeout_ms.  Returns whether it can;
 * not when serving shall end. */
static bool
wait_readable(const struct gateway *gateway, int fd, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = gateway->stop_fd, .events = POLLIN },
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
accept_connection(const struct server *server)
{
	struct gateway *gateway = server->gateway;
	const struct timeval timeout = {
		.tv_sec = gateway->timeout_ms / 1000,
		.tv_usec = gateway->timeout_ms % 1000 * 1000,
	};
	struct epoll_event ready;
	int fd;

	for (;;) {
		wait_for(&gateway->vacancies);
		fd = gateway->stopping ? -1 :
		    accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			break;
		int error = errno;
		sem_post(&gateway->vacancies);
		if (gateway->stopping)
			return -1;
		if (error == EMFILE || error == ENFILE || error == ENOMEM ||
		    error == ENOBUFS) {
			/* It passes; do not spin until it does. */
			log_line(LOG_ERROR, "error", "accepting a connection",
			    "reason", strerror(error), NULL);
			poll(NULL, 0, 100);
		}
		epoll_wait(server->epoll_fd, &ready, 1, -1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return fd;
}

static void
log_to_request(void *context, const char *line, size_t len)
{
	FCGX_Request *fastcgi = context;
	FCGX_PutStr(line, (int)len, fastcgi->err);
}

void
request_log(struct request *request)
{
	if (request->gateway != NULL)
		log_set_sink(log_to_request, &request->fastcgi);
}

/*
 * Reads what an answer did not need of the body: a web server that still
 * writes when the connection is closed may never read the answer.
 */
static void
drain(struct request *request)
{
	int64_t deadline = timestamp_monotonic() +
	    request->gateway->timeout_ms;
	char buffer[CHUNK];
	enum piece piece = PIECE_DATA;
	size_t len;

	watch_until(request->watch, deadline);
	while (piece == PIECE_DATA && timestamp_monotonic() < deadline)
		piece = read_fastcgi(request->fastcgi.in, buffer, &len);
	watch_until(request->watch, 0);
}

/* Gives back the request, its connection, and its vacancy. */
static void
close_request(struct request *request)
{
	struct gateway *gateway = request->gateway;

	FCGX_Free(&request->fastcgi, request->fastcgi.ipcFd >= 0);
	sem_destroy(&request->answered);
	free(request);
	sem_post(&gateway->vacancies);
}

void
request_answer(struct request *request, const char *response, size_t len)
{
	FCGX_Request *fastcgi = &request->fastcgi;

	log_set_sink(NULL, NULL);
	if (request->gateway == NULL) {
		answer_cgi(request, response, len);
		return;
	}
	if (!request->body_ended)
		drain(request);
	/* With all of it read there is nothing that closing could lose, so the
	 * library need not wait for the web server to close first; and who
	 * has not sent all by now could keep it waiting for ever. */
	FCGX_Detach(fastcgi);
	FCGX_PutStr(response, (int)len, fastcgi->out);
	FCGX_Finish_r(fastcgi);
	if (request->kept)
		sem_post(&request->answered);
	else
		close_request(request);
}

/* Before a connection is taken, so that none is dropped for want of memory.
 * NULL when serving shall end. */
static struct request *
make_request(const struct gateway *gateway)
{
	struct request *request;

	while ((request = calloc(1, sizeof(*request))) == NULL &&
	    !gateway->stopping) {
		log_line(LOG_ERROR, "error", "accepting a connection",
		    "reason", strerror(ENOMEM), NULL);
		poll(NULL, 0, 100);
	}
	return request;
}

/* Makes sure of a connection: the one that was kept, when its next request
 * comes in time, else a new one.  Returns false when serving shall end. */
static bool
connect_server(struct server *server)
{
	struct request *request = server->request;

	if (request != NULL && (request->fastcgi.ipcFd < 0 ||
	    !wait_readable(server->gateway, request->fastcgi.ipcFd,
	    server->gateway->timeout_ms))) {
		close_request(request);
		server->request = NULL;
	}
	if (server->request != NULL)
		return true;

	request = make_request(server->gateway);
	int fd = request == NULL ? -1 : accept_connection(server);
	if (fd < 0) {
		free(request);
		return false;
	}
	request->gateway = server->gateway;
	request->watch = &server->watch;
	sem_init(&request->answered, 0, 0);
	/* Without a socket of its own the library never accepts by itself: it
	 * is handed each connection, with its time limits set. */
	FCGX_InitRequest(&request->fastcgi, -1, 0);
	request->fastcgi.ipcFd = fd;
	server->request = request;
	server->watch.fd = fd;
	server->peer = (struct peer){ 0 };
	return true;
}

/* Has one request handled.  It is the server's again when its connection is
 * kept. */
static void
serve_request(struct server *server, gateway_handler *handler, void *context)
{
	struct request *request = server->request;

	watch_until(&server->watch, timestamp_monotonic() +
	    server->gateway->timeout_ms);
	/* It begins with ending the last request, and would close a
	 * connection that is not to be kept. */
	request->fastcgi.keepConnection = 1;
	request->body_ended = false;
	bool whole = FCGX_Accept_r(&request->fastcgi) == 0;
	watch_until(&server->watch, 0);
	if (server->peer.fault != NULL)
		log_line(LOG_WARN, "warning", "a connection to the FastCGI "
		    "socket is not a web server's", "reason",
		    server->peer.fault, NULL);
	if (!whole)
		return;
	request->kept = request->fastcgi.keepConnection;
	if (!request->kept)
		server->request = NULL;
	request_log(request);
	handler(context, request);
	log_set_sink(NULL, NULL);
	if (server->request != NULL)
		wait_for(&request->answered);
}

void
gateway_serve(struct gateway *gateway, gateway_handler *handler,
    void *context)
{
	struct server server = {
		.gateway = gateway,
		.epoll_fd = open_epoll(gateway),
	};

	if (server.epoll_fd < 0) {
		log_line(LOG_ERROR, "error", "a thread cannot wait for "
		    "connections", "reason", strerror(errno), NULL);
		return;
	}
	watch_add(gateway, &server.watch);
	thread_peer = &server.peer;
	while (connect_server(&server))
		serve_request(&server, handler, context);
	thread_peer = NULL;
	watch_remove(gateway, &server.watch);
	if (server.request != NULL)
		close_request(server.request);
	close(server.epoll_fd);
}

void
gateway_stop(struct gateway *gateway)
{
	const uint64_t one = 1;

	gateway->stopping = true;
	/* Whoever waits is woken by nothing else. */
	for (int tries = 0; tries < STOP_TRIES; tries++)
		if (write(gateway->stop_fd, &one, sizeof(one)) == sizeof(one))
			return;
	log_line(LOG_ERROR, "error", "cannot stop", "reason", strerror(errno),
	    NULL);
}

void
gateway_close(struct gateway *gateway)
{
	if (gateway->watched)
		pthread_join(gateway->watcher, NULL);
	pthread_mutex_destroy(&gateway->watches_lock);
	if (gateway->stop_fd >= 0)
		close(gateway->stop_fd);
	sem_destroy(&gateway->vacancies);
	free(gateway);
}

const char *
gateway_library_version(void)
{
	return LIBFCGI_VERSION;
}
