#include "agentlens-ingest/fcgi_request.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <limits.h>
#include <stdlib.h>

#include "agentlens-ingest/fcgi_stream.h"
#include "base/log.h"

/* Known only where libfcgi has a .pc file. */
#ifndef LIBFCGI_VERSION
#define LIBFCGI_VERSION "of an unknown version"
#endif

#define CHUNK 16384

/* The library wants a connection, and asks nothing of the system but by the
 * functions below.  No file has this number. */
#define NO_DESCRIPTOR INT_MAX

struct fcgi_request {
	struct request request;
	FCGX_Request fastcgi;
	struct fcgi_stream stream;
	struct text log; /* until the answer */

	bool ended;      /* the body came to its end */
	size_t body_len; /* of what came */
	fcgi_request_done *done;
	void *context;
};

/* The request that this thread has the library work on. */
static _Thread_local struct fcgi_stream *thread_stream;

/*
 * All that the library reads comes through this function of its own, and all
 * that it writes goes through the next: they are found here before they are
 * found there.
 */
int
OS_Read(int fd, char *buffer, size_t len)
{
	if (fd != NO_DESCRIPTOR || thread_stream == NULL) {
		errno = EBADF;
		return -1;
	}
	return (int)fcgi_stream_read(thread_stream, buffer, len);
}

int
OS_Write(int fd, char *buffer, size_t len)
{
	if (fd != NO_DESCRIPTOR || thread_stream == NULL) {
		errno = EBADF;
		return -1;
	}
	text_add(&thread_stream->written, buffer, len);
	return (int)len;
}

static const char *
get_variable(const struct request *request, const char *name)
{
	const struct fcgi_request *r = (const struct fcgi_request *)request;

	return FCGX_GetParam(name, r->fastcgi.envp);
}

/*
 * Has the library read the parameters.  A second time it ends the first, and
 * all that is known of the request with it.
 */
static int
accept_stream(struct fcgi_request *r)
{
	r->fastcgi.ipcFd = NO_DESCRIPTOR;
	/* It begins with ending the last request, and would close a
	 * connection that is not to be kept. */
	r->fastcgi.keepConnection = 1;
	thread_stream = &r->stream;
	int result = FCGX_Accept_r(&r->fastcgi);
	thread_stream = NULL;
	return result == 0 ? 0 : -1;
}

/* Releases the library's buffers, 17 KiB, until the request is answered. */
static int
rest(struct fcgi_request *r)
{
	FCGX_FreeStream(&r->fastcgi.in);
	FCGX_FreeStream(&r->fastcgi.out);
	FCGX_FreeStream(&r->fastcgi.err);
	return fcgi_stream_renew(&r->stream);
}

/* Reads what there is. */
static void
read_stream(struct fcgi_request *r, struct text *body)
{
	char buffer[CHUNK];
	int got;

	thread_stream = &r->stream;
	text_reserve(body, r->body_len);
	while ((got = FCGX_GetStr(buffer, sizeof(buffer), r->fastcgi.in)) > 0)
		text_add(body, buffer, (size_t)got);
	thread_stream = NULL;
}

static enum request_end
read_body(struct request *request, struct request_reading *reading)
{
	struct fcgi_request *r = (struct fcgi_request *)request;

	reading->got = (long long)r->body_len;
	if (!r->ended)
		return REQUEST_END_LATE;
	if (r->body_len > reading->max_len)
		return REQUEST_END_WHOLE;
	read_stream(r, reading->body);
	if (rest(r) != 0)
		reading->body->failed = true;
	return reading->body->failed || reading->body->len == r->body_len ?
	    REQUEST_END_WHOLE : REQUEST_END_BROKEN;
}

static void
log_to_request(void *context, const char *line, size_t len)
{
	struct fcgi_request *r = context;

	text_add(&r->log, line, len);
}

static void
send_log(struct request *request)
{
	log_set_sink(log_to_request, request);
}

static void
write_answer(struct fcgi_request *r, const char *response, size_t len)
{
	thread_stream = &r->stream;
	FCGX_PutStr(text_string(&r->log), (int)r->log.len, r->fastcgi.err);
	FCGX_PutStr(response, (int)len, r->fastcgi.out);
	FCGX_FClose(r->fastcgi.err);
	FCGX_FClose(r->fastcgi.out);
	thread_stream = NULL;
}

static void
answer(struct request *request, const char *response, size_t len)
{
	struct fcgi_request *r = (struct fcgi_request *)request;
	struct text written;

	if (r->fastcgi.out != NULL || accept_stream(r) == 0)
		write_answer(r, response, len);
	else
		r->stream.written.failed = true;
	FCGX_Free(&r->fastcgi, 0);
	written = r->stream.written;
	r->stream.written = TEXT_EMPTY;
	fcgi_stream_free(&r->stream);
	text_free(&r->log);
	r->done(r->context, &written);
	free(r);
}

static const struct request_way way = {
	.variable = get_variable,
	.read_body = read_body,
	.log = send_log,
	.answer = answer,
};

int
fcgi_request_init(void)
{
	return FCGX_Init() == 0 ? 0 : -1;
}

struct request *
fcgi_request_open(struct fcgi_reader *reader, fcgi_request_done *done,
    void *context)
{
	struct fcgi_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->request.way = &way;
	r->ended = reader->phase == FCGI_READER_ENDED;
	r->body_len = reader->body_len;
	r->done = done;
	r->context = context;
	/* Without a socket of its own the library never accepts by itself. */
	FCGX_InitRequest(&r->fastcgi, -1, 0);
	if (fcgi_stream_begin(&r->stream, reader) != 0 ||
	    accept_stream(r) != 0) {
		fcgi_stream_free(&r->stream);
		free(r);
		return NULL;
	}
	return &r->request;
}

char *const *
fcgi_request_variables(const struct request *request)
{
	return ((const struct fcgi_request *)request)->fastcgi.envp;
}

const char *
fcgi_request_library_version(void)
{
	return LIBFCGI_VERSION;
}
