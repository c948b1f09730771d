#include "agentlens-ingest/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/timestamp.h"

#define PIECE_BYTES 16384

/* How long the end of the input is waited for behind the body: some servers
 * leave it open. */
#define SURPLUS_MS 100

/* How long an answer waits for the rest of a body that it does not need. */
#define DRAIN_MS 10000

struct cgi {
	struct request request; /* first: one is cast to the other */
	bool body_ended;
	bool written; /* the whole response was written */
};

/* What reading a piece of the body came to. */
enum piece {
	PIECE_DATA,
	PIECE_END,
	PIECE_BROKEN, /* the web server went away */
	PIECE_LATE
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

/* The next piece, before the deadline. */
static enum piece
read_piece(const struct request_reading *r, char buffer[PIECE_BYTES],
    size_t *len)
{
	bool whole = r->announced >= 0 && r->got >= r->announced;
	int64_t left = r->deadline - timestamp_monotonic();
	ssize_t got;

	if (left <= 0)
		return PIECE_LATE;
	/* RFC 3875 does not promise an end of the input: a whole body after
	 * which nothing comes has ended. */
	if (whole && left > SURPLUS_MS)
		left = SURPLUS_MS;
	if (!wait_for_input(left))
		return whole ? PIECE_END : PIECE_LATE;
	while ((got = read(STDIN_FILENO, buffer, PIECE_BYTES)) < 0 &&
	    errno == EINTR)
		;
	if (got < 0 && errno != EAGAIN)
		return PIECE_BROKEN;
	if (got < 0)
		return whole ? PIECE_END : PIECE_LATE;
	*len = (size_t)got;
	return got == 0 ? PIECE_END : PIECE_DATA;
}

static enum request_end
read_body(struct request *request, struct request_reading *r)
{
	struct cgi *cgi = (struct cgi *)request;
	char buffer[PIECE_BYTES];
	enum piece piece;
	size_t len;

	while ((piece = read_piece(r, buffer, &len)) == PIECE_DATA) {
		r->got += (long long)len;
		if (r->got <= (long long)r->max_len)
			text_add(r->body, buffer, len);
	}
	cgi->body_ended = true;
	if (piece == PIECE_BROKEN && timestamp_monotonic() >= r->deadline)
		piece = PIECE_LATE;
	return piece == PIECE_END ? REQUEST_END_WHOLE :
	    piece == PIECE_BROKEN ? REQUEST_END_BROKEN : REQUEST_END_LATE;
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
drain(const struct cgi *cgi)
{
	struct request_reading r = {
		.announced = request_content_length(&cgi->request),
		.deadline = timestamp_monotonic() + DRAIN_MS,
	};
	char buffer[PIECE_BYTES];
	size_t len;

	if (cgi->body_ended || r.announced == 0)
		return;
	/* Without a length there may be neither a body nor an end. */
	if (r.announced < 0)
		r.announced = 0;
	while (read_piece(&r, buffer, &len) == PIECE_DATA)
		r.got += (long long)len;
}

static void
answer(struct request *request, const char *response, size_t len)
{
	struct cgi *cgi = (struct cgi *)request;
	size_t written = 0;

	drain(cgi);
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
		.read_body = read_body,
		.log = log_to_standard_error,
		.answer = answer,
	};
	struct cgi cgi = { .request.way = &way };

	handler(context, &cgi.request);
	return cgi.written ? 0 : -1;
}
