#include "gateway.h"

#include <ctype.h>
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

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

struct request {
	FCGX_Request *fastcgi; /* NULL: CGI */
	bool body_ended;
};

struct gateway {
	int timeout_ms;
	atomic_bool stopping;
	int stop_fd; /* readable then, to wake who waits */
};

/* What a thread that serves has of its own. */
struct server {
	const struct gateway *gateway;
	int epoll_fd; /* waits for the socket, and for the end */
	FCGX_Request fastcgi;
};

/* What reading a piece of the body came to. */
enum piece {
	PIECE_DATA,
	PIECE_END,
	PIECE_BROKEN, /* the web server went away */
	PIECE_LATE
};

const char *
request_variable(const struct request *request, const char *name)
{
	return request->fastcgi != NULL ?
	    FCGX_GetParam(name, request->fastcgi->envp) : getenv(name);
}

const char *
request_header(const void *request, const char *name)
{
	char variable[64];
	int len = snprintf(variable, sizeof(variable), "HTTP_%s", name);

	if (len < 0 || (size_t)len >= sizeof(variable))
		return NULL;
	for (char *c = variable; *c != '\0'; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
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

static enum piece
read_cgi(char *buffer, size_t *len, int64_t wait_ms)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int ready = poll(&input, 1, wait_ms < 0 ? 0 : (int)wait_ms);

	if (ready == 0)
		return PIECE_LATE;
	ssize_t got = ready < 0 ? -1 : read(STDIN_FILENO, buffer, CHUNK);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? PIECE_LATE :
		    PIECE_BROKEN;
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
	if (request->fastcgi != NULL)
		return read_fastcgi(request->fastcgi->in, buffer, len);
	if (!whole)
		return read_cgi(buffer, len, left);
	/* RFC 3875 does not promise an end of the input, so one that stays
	 * open is one. */
	enum piece piece = read_cgi(buffer, len,
	    left < SURPLUS_MS ? left : SURPLUS_MS);
	return piece == PIECE_LATE ? PIECE_END : piece;
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

	if (r.announced == -2)
		return reply_set(reply, REPLY_BAD_LENGTH, "%s", "");
	while ((piece = read_piece(request, &r, buffer, &len)) == PIECE_DATA) {
		r.got += (long long)len;
		if (r.got <= (long long)max_len)
			text_add(body, buffer, len);
	}

	request->body_ended = piece != PIECE_DATA;
	if (r.got > (long long)max_len || r.announced > (long long)max_len)
		return reply_set(reply, REPLY_TOO_LARGE, "%zu bytes", max_len);
	if (piece == PIECE_LATE)
		return reply_set(reply, REPLY_TOO_SLOW, "%d ms", timeout_ms);
	if (piece == PIECE_BROKEN ||
	    (r.announced >= 0 && r.got != r.announced))
		return reply_set(reply, REPLY_WRONG_LENGTH, "%s", "");
	if (body->failed)
		return reply_set(reply, REPLY_INTERNAL, "%s", "");
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

int
gateway_serve_cgi(gateway_handler *handler, void *context)
{
	struct request request = { .fastcgi = NULL };
	struct text response = TEXT_EMPTY;
	size_t written = 0;

	handler(context, &request, &response);
	drain_cgi(&request);
	while (written < response.len) {
		ssize_t n = write(STDOUT_FILENO, response.data + written,
		    response.len - written);
		if (n < 0 && errno != EINTR)
			break;
		written += n < 0 ? 0 : (size_t)n;
	}
	int result = written == response.len && written > 0 ? 0 : -1;
	text_free(&response);

	/* The end of the output lets the web server go on, while closing the
	 * database takes its time. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	return result;
}

struct gateway *
gateway_open(int timeout_ms)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (gateway == NULL)
		return NULL;
	gateway->timeout_ms = timeout_ms;
	gateway->stop_fd = eventfd(0, EFD_CLOEXEC);

	/* Another thread or process may take the connection that woke this
	 * one: accept() must not wait then. */
	if (gateway->stop_fd < 0 || FCGX_Init() != 0 || flags < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) != 0) {
		log_line(LOG_ERROR, "error", "the listening socket cannot be "
		    "used", "reason", strerror(errno), NULL);
		gateway_close(gateway);
		return NULL;
	}
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
	return poll(fds, 2, timeout_ms) > 0 && fds[1].revents == 0;
}

/* Takes the next connection; -1 when serving shall end. */
static int
accept_connection(const struct server *server)
{
	const struct timeval timeout = {
		.tv_sec = server->gateway->timeout_ms / 1000,
		.tv_usec = server->gateway->timeout_ms % 1000 * 1000,
	};
	struct epoll_event ready;
	int fd;

	while ((fd = accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC)) < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			/* It passes; do not spin until it does. */
			log_line(LOG_ERROR, "error", "accepting a connection",
			    "reason", strerror(errno), NULL);
			poll(NULL, 0, 100);
		}
		epoll_wait(server->epoll_fd, &ready, 1, -1);
		if (server->gateway->stopping)
			return -1;
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

/*
 * Reads what an answer did not need of the body: a web server that still
 * writes when the connection is closed may never read the answer.
 */
static void
drain(FCGX_Request *fastcgi, int timeout_ms)
{
	int64_t deadline = timestamp_monotonic() + timeout_ms;
	char buffer[CHUNK];
	size_t len;

	while (read_fastcgi(fastcgi->in, buffer, &len) == PIECE_DATA &&
	    timestamp_monotonic() < deadline)
		;
}

static void
answer(struct server *server, gateway_handler *handler, void *context)
{
	FCGX_Request *fastcgi = &server->fastcgi;
	struct request request = { .fastcgi = fastcgi };
	struct text response = TEXT_EMPTY;

	log_set_sink(log_to_request, fastcgi);
	handler(context, &request, &response);
	log_set_sink(NULL, NULL);
	drain(fastcgi, server->gateway->timeout_ms);
	FCGX_PutStr(text_string(&response), (int)response.len, fastcgi->out);
	text_free(&response);
	FCGX_Finish_r(fastcgi);
}

/* Makes sure of a connection: the one that was kept, when its next request
 * comes in time, else a new one.  Returns false when serving shall end. */
static bool
connect_server(struct server *server)
{
	FCGX_Request *fastcgi = &server->fastcgi;

	if (fastcgi->ipcFd >= 0 && !wait_readable(server->gateway,
	    fastcgi->ipcFd, server->gateway->timeout_ms))
		FCGX_Free(fastcgi, 1);
	if (server->gateway->stopping)
		return false;
	if (fastcgi->ipcFd < 0)
		fastcgi->ipcFd = accept_connection(server);
	return fastcgi->ipcFd >= 0;
}

void
gateway_serve(struct gateway *gateway, gateway_handler *handler,
    void *context)
{
	struct server server = {
		.gateway = gateway,
		.epoll_fd = open_epoll(gateway),
	};
	FCGX_Request *fastcgi = &server.fastcgi;

	if (server.epoll_fd < 0) {
		log_line(LOG_ERROR, "error", "a thread cannot wait for "
		    "connections", "reason", strerror(errno), NULL);
		return;
	}
	/* Without a socket of its own the library never accepts by itself: it
	 * is handed each connection, with its time limits set. */
	FCGX_InitRequest(fastcgi, -1, 0);
	while (connect_server(&server)) {
		/* It begins with ending the last request, and would close a
		 * connection that is not to be kept. */
		fastcgi->keepConnection = 1;
		if (FCGX_Accept_r(fastcgi) == 0)
			answer(&server, handler, context);
	}
	FCGX_Free(fastcgi, fastcgi->ipcFd >= 0);
	close(server.epoll_fd);
}

void
gateway_stop(struct gateway *gateway)
{
	const uint64_t one = 1;

	gateway->stopping = true;
	if (write(gateway->stop_fd, &one, sizeof(one)) != sizeof(one))
		log_line(LOG_ERROR, "error", "cannot stop", NULL);
}

void
gateway_close(struct gateway *gateway)
{
	if (gateway->stop_fd >= 0)
		close(gateway->stop_fd);
	free(gateway);
}

const char *
gateway_library_version(void)
{
	return LIBFCGI_VERSION;
}
