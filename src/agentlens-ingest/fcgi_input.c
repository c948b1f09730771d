#include "agentlens-ingest/fcgi_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agentlens-ingest/fcgi_answer.h"
#include "agentlens-ingest/fcgi_request.h"
#include "base/log.h"

/* A body that is longer takes the lane for heavy work. */
#define HEAVY_BYTES (16 * 1024)

/* What reading once can come to: new bytes, and a request of them. */
#define READ_ROOM (FCGI_SERVER_READ_BYTES + FCGI_SERVER_PEER_BYTES + \
    FCGI_REQUEST_BYTES)

static void
answered(void *context, struct text *records)
{
	struct fcgi_peer *c = context;

	c->answer = *records;
	fcgi_answer_send(c->fastcgi, c);
}

/* --- A worker ------------------------------------------------------------ */

/* There is no memory for the request that has begun, if one has. */
static void
refuse(struct fastcgi *f, struct fcgi_peer *c)
{
	log_line(LOG_ERROR, "error", "out of memory for a request", NULL);
	if (c->reader.phase == FCGI_READER_IDLE)
		fcgi_server_close(f, c);
	else
		fcgi_answer_fallback(f, c);
}

static void
run_request(struct work *work)
{
	struct fcgi_peer *c = (struct fcgi_peer *)work;
	struct fastcgi *f = c->fastcgi;
	struct request *request = fcgi_request_open(&c->reader, answered, c);

	if (request == NULL) {
		refuse(f, c);
		return;
	}
	request_log(request);
	f->settings.handler(f->settings.context, request);
	log_set_sink(NULL, NULL);
}

/* Reads no more of it until there is room. */
static void
park(struct fastcgi *f, struct fcgi_peer *c)
{
	if (c->place != FCGI_PEER_PARKED) {
		c->deadline = f->now + f->settings.timeout_ms;
		fcgi_peers_put(&f->all, c, FCGI_PEER_PARKED);
	}
	f->hungry = true;
}

/* What the body was announced to be, where it can be kept. */
static size_t
announced_bytes(const struct fcgi_reader *reader)
{
	return reader->phase == FCGI_READER_BODY && reader->announced > 0 &&
	    reader->announced <= (long long)reader->body_max ?
	    (size_t)reader->announced : 0;
}

/* The room that it needs to be read on. */
size_t
fcgi_input_needed(const struct fcgi_peer *c)
{
	size_t announced = announced_bytes(&c->reader);

	return READ_ROOM + (c->reserved || announced <= c->reader.body.len ?
	    0 : announced - c->reader.body.len);
}

static size_t
held_bytes(const struct fcgi_peer *c)
{
	const struct fcgi_reader *reader = &c->reader;
	size_t body = c->reserved ? announced_bytes(reader) : 0;

	if (body < reader->body.len)
		body = reader->body.len;
	return FCGI_SERVER_PEER_BYTES + reader->params.len + body +
	    reader->values.len + c->ahead.len;
}

/* --- Reading, by the loop ------------------------------------------------ */

size_t
fcgi_input_room(void)
{
	return READ_ROOM;
}

void
fcgi_input_hand_over(struct fastcgi *f, struct fcgi_peer *c)
{
	size_t body = c->reader.body.len;

	/* The library has the parameters once more. */
	fcgi_peers_hold(&f->all, c, held_bytes(c) + c->reader.params.len +
	    FCGI_REQUEST_BYTES);
	fcgi_peers_put(&f->all, c, FCGI_PEER_IN_HAND);
	c->work.run = run_request;
	workers_gather(body > HEAVY_BYTES ? &f->heavy : &f->light, &c->work);
}

/* Sends something short that the specification wants, which a peer that reads
 * has room for. */
static bool
send_record(struct fcgi_peer *c, struct text *record)
{
	bool sent = !record->failed && write(c->fd, record->data, record->len)
	    == (ssize_t)record->len;

	text_free(record);
	return sent;
}

static bool
send_end(struct fcgi_peer *c, unsigned protocol_status)
{
	struct text record = TEXT_EMPTY;

	fcgi_record_add_end(&record, c->reader.id, 0, protocol_status);
	return send_record(c, &record);
}

static void
add_value(struct text *values, const char *name, long number)
{
	char value[32];
	const struct fcgi_record_pair pair = { name, strlen(name), value,
		(size_t)snprintf(value, sizeof(value), "%ld", number) };

	fcgi_record_add_pair(values, &pair);
}

/* Section 4.1 of the specification; what is not known is left out. */
static bool
send_values(struct fastcgi *f, struct fcgi_peer *c)
{
	const struct {
		const char *name;
		long number;
	} known[] = {
		{ "FCGI_MAX_CONNS", f->peers_max },
		{ "FCGI_MAX_REQS", f->peers_max },
		{ "FCGI_MPXS_CONNS", 0 },
	};
	const char *at = text_string(&c->reader.values);
	const char *end = at + c->reader.values.len;
	struct text values = TEXT_EMPTY, record = TEXT_EMPTY;
	struct fcgi_record_pair pair;

	while (fcgi_record_next_pair(&at, end, &pair) > 0)
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (fcgi_record_is_named(&pair, known[i].name))
				add_value(&values, known[i].name,
				    known[i].number);
	text_free(&c->reader.values);
	fcgi_record_add(&record, FCGI_RECORD_GET_VALUES_RESULT, 0,
	    text_string(&values), values.len);
	record.failed |= values.failed;
	text_free(&values);
	return send_record(c, &record);
}

static bool
end_aborted(struct fcgi_peer *c)
{
	if (!send_end(c, FCGI_RECORD_COMPLETE) || !c->reader.keep)
		return false;
	fcgi_reader_next(&c->reader);
	c->kept = true;
	c->reserved = false;
	return true;
}

/* Whether the connection goes on after an event that is not the whole
 * request. */
static bool
follow(struct fastcgi *f, struct fcgi_peer *c, enum fcgi_reader_event event)
{
	switch (event) {
	case FCGI_READER_HEADED:
		c->deadline = f->now + f->settings.timeout_ms;
		return true;
	case FCGI_READER_ABORTED:
		return end_aborted(c);
	case FCGI_READER_ASKED:
		return send_values(f, c);
	case FCGI_READER_ROLE:
		send_end(c, FCGI_RECORD_UNKNOWN_ROLE);
		return false;
	case FCGI_READER_DISORDER:
		fcgi_server_tell(f, &f->disorder, c->reader.fault);
		return false;
	case FCGI_READER_NO_MEMORY:
		return false;
	default:
		return true;
	}
}

/* A kept connection that is between two requests. */
static bool
is_idle(const struct fcgi_peer *c)
{
	return c->kept && c->reader.phase == FCGI_READER_IDLE &&
	    c->reader.header_len == 0;
}

/* Waits for more of its bytes. */
static void
wait_bytes(struct fastcgi *f, struct fcgi_peer *c)
{
	bool idle = is_idle(c);

	if (idle && f->stopping) {
		fcgi_server_close(f, c);
		return;
	}
	fcgi_peers_hold(&f->all, c, idle ? 0 : held_bytes(c));
	if (!fcgi_server_await(f, c, idle ? FCGI_PEER_IDLE : FCGI_PEER_WAITING,
	    EPOLLIN))
		park(f, c);
}

/* What is behind a request that is whole waits for its answer. */
static void
keep_ahead(struct fcgi_peer *c, const unsigned char *bytes, size_t len)
{
	if (!c->reader.keep || len == 0)
		return;
	text_add(&c->ahead, bytes, len);
	if (c->ahead.failed) {
		text_free(&c->ahead);
		c->reader.keep = false;
	}
}

void
fcgi_input_take(struct fastcgi *f, struct fcgi_peer *c,
    const unsigned char *bytes, size_t len)
{
	enum fcgi_reader_event event = FCGI_READER_MORE;
	size_t taken = 0;
	bool good = true;

	if (is_idle(c))
		c->deadline = f->now + f->settings.timeout_ms;
	while (taken < len && good && event != FCGI_READER_WHOLE) {
		event = fcgi_reader_take(&c->reader, bytes + taken,
		    len - taken, &taken);
		good = follow(f, c, event);
	}
	if (event == FCGI_READER_NO_MEMORY)
		refuse(f, c);
	else if (!good)
		fcgi_server_close(f, c);
	else if (event != FCGI_READER_WHOLE)
		wait_bytes(f, c);
	else {
		keep_ahead(c, bytes + taken, len - taken);
		fcgi_input_hand_over(f, c);
	}
}

void
fcgi_input_read(struct fastcgi *f, struct fcgi_peer *c)
{
	ssize_t got;

	if (!fcgi_server_make_room(f, c, fcgi_input_needed(c))) {
		park(f, c);
		return;
	}
	if (announced_bytes(&c->reader) > 0)
		c->reserved = true;
	do
		got = read(c->fd, f->buffer, sizeof(f->buffer));
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		wait_bytes(f, c);
	} else if (got <= 0) {
		fcgi_server_close(f, c);
	} else {
		c->heard = f->now;
		fcgi_input_take(f, c, f->buffer, (size_t)got);
	}
}
