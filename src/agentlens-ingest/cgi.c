#include "agentlens-ingest/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/timestamp.h"

/* How long the end of the input is waited for behind the body: some servers
 * leave it open. */
#define SURPLUS_MS 100

/* How long an answer waits for the rest of a body that it does not need. */
#define DRAIN_MS 10000

struct cgi {
	struct request request; /* first: one is cast to the other */
	bool written; /* the whole response was written */
};

static const char *
read_variable(const struct request *request, const char *name)
{
	(void)request;
	return getenv(name);
}

/* Waits for input.  Returns whether there is some, or its end. */
static bool
wait_for_input(int64_t wait_ms)
{
	static const struct timespec pause = { 0, 1000000 };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t deadline = timestamp_monotonic() + wait_ms;
	int ready;

	/* A signal or lack of memory ends poll() early, and is not the
	 * sender's doing. */
	while ((ready = poll(&input, 1, wait_ms < 0 ? 0 : (int)wait_ms)) < 0 &&
	    (wait_ms = deadline - timestamp_monotonic()) > 0)
		nanosleep(&pause, NULL);
	return ready > 0;
}

static enum request_piece
read_piece(struct request *request, const struct request_reading *r,
    char *buffer, size_t *len)
{
	bool whole = r->announced >= 0 && r->got >= r->announced;
	int64_t left = r->deadline - timestamp_monotonic();
	ssize_t got;

	(void)request;
	/* RFC 3875 does not promise an end of the input: a whole body after
	 * which nothing comes has ended. */
	if (whole && left > SURPLUS_MS)
		left = SURPLUS_MS;
	if (!wait_for_input(left))
		return whole ? REQUEST_PIECE_END : REQUEST_PIECE_LATE;
	while ((got = read(STDIN_FILENO, buffer, REQUEST_PIECE_BYTES)) < 0 &&
	    errno == EINTR)
		;
	if (got < 0 && errno != EAGAIN)
		return REQUEST_PIECE_BROKEN;
	if (got < 0)
		return whole ? REQUEST_PIECE_END : REQUEST_PIECE_LATE;
	*len = (size_t)got;
	return got == 0 ? REQUEST_PIECE_END : REQUEST_PIECE_DATA;
}

/* Here read_piece() itself waits no longer than the deadline. */
static void
ignore_limit(struct request *request, int64_t deadline)
{
	(void)request;
	(void)deadline;
}

/* Lines go to standard error anyway, which is the web server's log. */
static void
log_to_standard_error(struct request *request)
{
	(void)request;
}

/*
 * Reads the rest of a body that the answer did not need.  Under Apache's
 * mod_cgid input and output are one socket: when it is closed with bytes
 * unread, it is reset, and the answer is lost.
 */
static void
drain(struct request *request)
{
	struct request_reading r = {
		.announced = request_content_length(request),
		.deadline = timestamp_monotonic() + DRAIN_MS,
	};
	char buffer[REQUEST_PIECE_BYTES];
	size_t len;

	if (request->body_ended || r.announced == 0)
		return;
	/* Without a length there may be neither a body nor an end. */
	if (r.announced < 0)
		r.announced = 0;
	while (request_read_piece(request, &r, buffer, &len) ==
	    REQUEST_PIECE_DATA)
		r.got += (long long)len;
}

static void
answer(struct request *request, const char *response, size_t len)
{
	struct cgi *cgi = (struct cgi *)request;
	size_t written = 0;

	drain(request);
	while (written < len) {
		ssize_t n = write(STDOUT_FILENO, response + written,
		    len - written);
		if (n < 0 && errno != EINTR)
			break;
		written += n < 0 ? 0 : (size_t)n;
	}
	cgi->written = written == len;

	/* Closing the output lets the web server go on, while this program
	 * takes its time to close the database. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		close(null);
	}
}

int
cgi_serve(request_handler *handler, void *context)
{
	static const struct request_way way = {
		.variable = read_variable,
		.read = read_piece,
		.limit = ignore_limit,
		.log = log_to_standard_error,
		.answer = answer,
	};
	struct cgi cgi = { .request.way = &way };

	handler(context, &cgi.request);
	return cgi.written ? 0 : -1;
}
