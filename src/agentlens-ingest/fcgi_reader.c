#include "agentlens-ingest/fcgi_reader.h"

#include <stdlib.h>
#include <string.h>

/* More digits are no length of a body that could be kept. */
#define LENGTH_DIGITS 15

static enum fcgi_reader_event
fail(struct fcgi_reader *r, const char *fault)
{
	r->fault = fault;
	return FCGI_READER_DISORDER;
}

static unsigned
record_type(const struct fcgi_reader *r)
{
	return r->header[1];
}

static unsigned
record_id(const struct fcgi_reader *r)
{
	return (unsigned)r->header[2] << 8 | r->header[3];
}

static enum fcgi_reader_event
check_begin(struct fcgi_reader *r)
{
	if (r->phase != FCGI_READER_IDLE)
		return fail(r, "a request begins within another");
	if (record_id(r) == 0 || r->content != FCGI_RECORD_BEGIN_BYTES)
		return fail(r, "a beginning that is none");
	return FCGI_READER_MORE;
}

static enum fcgi_reader_event
check_management(struct fcgi_reader *r)
{
	if (record_type(r) != FCGI_RECORD_GET_VALUES)
		return fail(r, "a management record of an unknown type");
	if (r->content > FCGI_READER_VALUES_MAX)
		return fail(r, "it asks for too many values");
	return FCGI_READER_MORE;
}

static enum fcgi_reader_event
check_params(struct fcgi_reader *r)
{
	if (r->phase != FCGI_READER_PARAMS)
		return fail(r, "parameters where none may be");
	if (r->content > FCGI_READER_PARAMS_MAX - r->params.len)
		return fail(r, "the parameters are too long");
	return FCGI_READER_MORE;
}

/* Whether a record with this header, which is whole, may come here. */
static enum fcgi_reader_event
check_header(struct fcgi_reader *r)
{
	r->content = (size_t)r->header[4] << 8 | r->header[5];
	r->padding = r->header[6];
	if (r->header[0] != FCGI_RECORD_VERSION)
		return fail(r, "no FastCGI of version 1");
	if (record_type(r) == FCGI_RECORD_BEGIN)
		return check_begin(r);
	if (record_id(r) == 0)
		return check_management(r);
	if (record_type(r) == FCGI_RECORD_ABORT) {
		if (r->content != 0)
			return fail(r, "an abort with a content");
		if (r->phase == FCGI_READER_IDLE)
			return FCGI_READER_MORE;
	}
	if (r->phase == FCGI_READER_IDLE || record_id(r) != r->id)
		return fail(r, "a record of a request that has not begun");
	switch (record_type(r)) {
	case FCGI_RECORD_ABORT:
		return FCGI_READER_MORE;
	case FCGI_RECORD_PARAMS:
		return check_params(r);
	case FCGI_RECORD_STDIN:
		return r->phase == FCGI_READER_BODY ? FCGI_READER_MORE :
		    fail(r, "a body where none may be");
	default:
		return fail(r, "a record of an unknown type");
	}
}

/* Once it is too long, nothing of a body is kept. */
static void
take_body(struct fcgi_reader *r, const unsigned char *bytes, size_t len)
{
	r->body_len += len;
	if (r->body_len > r->body_max)
		text_free(&r->body);
	else
		text_add(&r->body, bytes, len);
}

static void
take_content(struct fcgi_reader *r, const unsigned char *bytes, size_t len)
{
	switch (record_type(r)) {
	case FCGI_RECORD_BEGIN:
		memcpy(r->begin + sizeof(r->begin) - r->content, bytes, len);
		break;
	case FCGI_RECORD_PARAMS:
		text_add(&r->params, bytes, len);
		break;
	case FCGI_RECORD_STDIN:
		take_body(r, bytes, len);
		break;
	default:
		text_add(&r->values, bytes, len);
		break;
	}
	r->content -= len;
}

static enum fcgi_reader_event
end_begin(struct fcgi_reader *r)
{
	r->phase = FCGI_READER_PARAMS;
	r->id = record_id(r);
	r->keep = (r->begin[2] & FCGI_RECORD_KEEP) != 0;
	return r->begin[0] == 0 && r->begin[1] == FCGI_RECORD_RESPONDER ?
	    FCGI_READER_MORE : FCGI_READER_ROLE;
}

/* The length that a body is to have, or -1. */
static long long
read_number(const char *digits, size_t len)
{
	long long number = 0;

	if (len == 0 || len > LENGTH_DIGITS)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		number = 10 * number + (digits[i] - '0');
	}
	return number;
}

static bool
is_good(const struct fcgi_record_pair *pair)
{
	return pair->name_len > 0 &&
	    memchr(pair->name, '=', pair->name_len) == NULL &&
	    memchr(pair->name, '\0', pair->name_len + pair->value_len) ==
	    NULL;
}

static enum fcgi_reader_event
end_params(struct fcgi_reader *r)
{
	const char *at = text_string(&r->params), *end = at + r->params.len;
	struct fcgi_record_pair pair;
	size_t pairs = 0;
	int more;

	r->announced = -1;
	while ((more = fcgi_record_next_pair(&at, end, &pair)) > 0) {
		if (!is_good(&pair))
			return fail(r, "a parameter that is none");
		if (++pairs > FCGI_READER_PAIRS_MAX)
			return fail(r, "too many parameters");
		/* Of two the library has the first. */
		if (r->announced < 0 &&
		    fcgi_record_is_named(&pair, "CONTENT_LENGTH"))
			r->announced = read_number(pair.value,
			    pair.value_len);
	}
	if (more < 0)
		return fail(r, "a parameter is longer than all of them");
	r->phase = FCGI_READER_BODY;
	return FCGI_READER_HEADED;
}

static enum fcgi_reader_event
end_values(struct fcgi_reader *r)
{
	const char *at = text_string(&r->values), *end = at + r->values.len;
	struct fcgi_record_pair pair;
	int more;

	while ((more = fcgi_record_next_pair(&at, end, &pair)) > 0)
		;
	return more == 0 ? FCGI_READER_ASKED :
	    fail(r, "a question that is none");
}

/* A record is there, with its padding. */
static enum fcgi_reader_event
end_record(struct fcgi_reader *r)
{
	bool was_empty = r->header[4] == 0 && r->header[5] == 0;

	r->header_len = 0;
	if (r->params.failed || r->body.failed || r->values.failed)
		return FCGI_READER_NO_MEMORY;
	switch (record_type(r)) {
	case FCGI_RECORD_BEGIN:
		return end_begin(r);
	case FCGI_RECORD_ABORT:
		return r->phase == FCGI_READER_IDLE ? FCGI_READER_MORE :
		    FCGI_READER_ABORTED;
	case FCGI_RECORD_GET_VALUES:
		return end_values(r);
	case FCGI_RECORD_PARAMS:
		return was_empty ? end_params(r) : FCGI_READER_MORE;
	default:
		if (!was_empty)
			return FCGI_READER_MORE;
		r->phase = FCGI_READER_ENDED;
		return FCGI_READER_WHOLE;
	}
}

/* Takes some bytes, which belong to one part of a record; `len` is at least
 * one. */
static size_t
take_part(struct fcgi_reader *r, const unsigned char *bytes, size_t len)
{
	size_t wanted = r->header_len < sizeof(r->header) ?
	    sizeof(r->header) - r->header_len : r->content > 0 ? r->content :
	    r->padding;
	size_t n = len < wanted ? len : wanted;

	if (r->header_len < sizeof(r->header)) {
		memcpy(r->header + r->header_len, bytes, n);
		r->header_len += n;
	} else if (r->content > 0) {
		take_content(r, bytes, n);
	} else {
		r->padding -= n;
	}
	return n;
}

enum fcgi_reader_event
fcgi_reader_take(struct fcgi_reader *r, const unsigned char *bytes, size_t len,
    size_t *taken)
{
	enum fcgi_reader_event event = FCGI_READER_MORE;

	for (size_t at = 0; at < len && event == FCGI_READER_MORE;) {
		bool in_header = r->header_len < sizeof(r->header);
		size_t n = take_part(r, bytes + at, len - at);

		at += n;
		*taken += n;
		if (r->header_len < sizeof(r->header))
			continue;
		if (in_header)
			event = check_header(r);
		if (event == FCGI_READER_MORE && r->content == 0 &&
		    r->padding == 0)
			event = end_record(r);
	}
	return event;
}

void
fcgi_reader_next(struct fcgi_reader *r)
{
	fcgi_reader_free(r);
	r->phase = FCGI_READER_IDLE;
	r->id = 0;
	r->keep = false;
	r->announced = 0;
	r->body_len = 0;
}

void
fcgi_reader_free(struct fcgi_reader *r)
{
	text_free(&r->params);
	text_free(&r->body);
	text_free(&r->values);
}
