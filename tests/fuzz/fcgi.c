/*
 * What fcgi_reader.c understands of any bytes, against what libfcgi then reads
 * of the stream that is written anew from it: every variable in its order, and
 * every byte of the body.  The first byte of an input says in what pieces the
 * rest comes; pieces must make no difference.
 */
#include <stdlib.h>
#include <string.h>

#include "agentlens-ingest/fcgi_request.h"
#include "fuzz.h"

#define BODY_MAX 2048

#define ANSWER "Status: 200 OK\r\n\r\nanswer"

/* A request as the reader understood it, before the library has it. */
struct understood {
	unsigned id;
	bool ended;
	struct text params;
	struct text body;
	size_t body_len;
	int answered;
};

static void
open_target(void)
{
	fuzz_require(fcgi_request_init() == 0);
}

/* The answer is whole records of this request, which ends once. */
static void
require_answer(void *context, struct text *records)
{
	struct understood *u = context;
	const unsigned char *at = (const unsigned char *)records->data;
	struct text out = TEXT_EMPTY;
	int ended = 0;

	fuzz_require(!records->failed);
	for (size_t left = records->len; left > 0;) {
		fuzz_require(left >= 8 && at[0] == FCGI_RECORD_VERSION);
		size_t len = (size_t)at[4] << 8 | at[5];
		size_t whole = 8 + len + at[6];
		fuzz_require(left >= whole);
		fuzz_require(((unsigned)at[2] << 8 | at[3]) == u->id);
		fuzz_require(ended == 0);
		if (at[1] == 6)
			text_add(&out, at + 8, len);
		ended += at[1] == FCGI_RECORD_END;
		at += whole;
		left -= whole;
	}
	fuzz_require(ended == 1);
	fuzz_require(out.len == strlen(ANSWER) &&
	    memcmp(out.data, ANSWER, out.len) == 0);
	text_free(&out);
	text_free(records);
	u->answered++;
}

static void
require_variables(const struct understood *u, const struct request *request)
{
	const char *at = text_string(&u->params), *end = at + u->params.len;
	char *const *variable = fcgi_request_variables(request);
	struct fcgi_record_pair pair;

	fuzz_require(strcmp(*variable++, "FCGI_ROLE=RESPONDER") == 0);
	while (fcgi_record_next_pair(&at, end, &pair) > 0) {
		fuzz_require(*variable != NULL);
		fuzz_require(strlen(*variable) ==
		    pair.name_len + 1 + pair.value_len);
		fuzz_require(memcmp(*variable, pair.name, pair.name_len) == 0);
		fuzz_require((*variable)[pair.name_len] == '=');
		fuzz_require(memcmp(*variable + pair.name_len + 1, pair.value,
		    pair.value_len) == 0);
		variable++;
	}
	fuzz_require(*variable == NULL);
}

static void
require_body(const struct understood *u, struct request *request)
{
	long long announced = request_content_length(request);
	struct refusal refusal = { 0 };
	struct text body = TEXT_EMPTY;
	enum refusal_code code = request_read_body(request, BODY_MAX, 1000,
	    &body, &refusal);

	if (announced == -2)
		fuzz_require(code == REFUSAL_BAD_LENGTH);
	else if (u->body_len > BODY_MAX || announced > BODY_MAX)
		fuzz_require(code == REFUSAL_TOO_LARGE);
	else if (!u->ended)
		fuzz_require(code == REFUSAL_TOO_SLOW);
	else if (announced >= 0 && (size_t)announced != u->body_len)
		fuzz_require(code == REFUSAL_WRONG_LENGTH);
	else
		fuzz_require(code == REFUSAL_NONE);
	if (code == REFUSAL_NONE)
		fuzz_require(body.len == u->body.len && memcmp(
		    text_string(&body), text_string(&u->body), body.len) == 0);
	text_free(&body);
}

/* Has the library read what was understood. */
static void
compare(struct fcgi_reader *reader, bool leave_body)
{
	struct understood u = {
		.id = reader->id,
		.ended = reader->phase == FCGI_READER_ENDED,
		.body_len = reader->body_len,
	};

	fuzz_require(u.body_len > BODY_MAX ? reader->body.len == 0 :
	    reader->body.len == u.body_len);
	text_add(&u.params, text_string(&reader->params), reader->params.len);
	text_add(&u.body, text_string(&reader->body), reader->body.len);
	struct request *request = fcgi_request_open(reader, require_answer,
	    &u);
	fuzz_require(request != NULL);
	fuzz_require(reader->params.len == 0 && reader->body.len == 0);
	require_variables(&u, request);
	if (!leave_body)
		require_body(&u, request);
	request_answer(request, ANSWER, strlen(ANSWER));
	fuzz_require(u.answered == 1);
	text_free(&u.params);
	text_free(&u.body);
}

/* Reads a connection to its end.  `story` gets a letter for each event, and
 * what was understood by then. */
static void
read_all(const unsigned char *data, size_t size, size_t piece, bool leave_body,
    struct text *story)
{
	struct fcgi_reader r = { .body_max = BODY_MAX };
	enum fcgi_reader_event event = FCGI_READER_MORE;

	for (size_t at = 0; at < size && event < FCGI_READER_ROLE;) {
		size_t len = piece < size - at ? piece : size - at, taken = 0;
		event = fcgi_reader_take(&r, data + at, len, &taken);
		fuzz_require(taken <= len);
		fuzz_require(event != FCGI_READER_MORE || taken == len);
		fuzz_require(r.params.len <= FCGI_READER_PARAMS_MAX);
		at += taken;
		if (event == FCGI_READER_MORE)
			continue;
		text_add(story, &"MHWAVRDN"[event], 1);
		text_add(story, &r.body_len, sizeof(r.body_len));
		text_add(story, &at, sizeof(at));
		if (event == FCGI_READER_WHOLE)
			compare(&r, leave_body);
		if (event == FCGI_READER_WHOLE || event == FCGI_READER_ABORTED)
			fcgi_reader_next(&r);
		text_free(&r.values);
	}
	/* A body that is late. */
	if (event < FCGI_READER_ROLE && r.phase == FCGI_READER_BODY)
		compare(&r, leave_body);
	fcgi_reader_free(&r);
}

static void
run(const unsigned char *data, size_t size)
{
	struct text story = TEXT_EMPTY, again = TEXT_EMPTY;

	if (size == 0)
		return;
	read_all(data + 1, size - 1, size, data[0] & 1, &story);
	read_all(data + 1, size - 1, 1 + (data[0] >> 1), false, &again);
	fuzz_require(story.len == again.len && memcmp(text_string(&story),
	    text_string(&again), story.len) == 0);
	text_free(&story);
	text_free(&again);
}

const struct fuzz_target fuzz_fcgi = {
	.name = "fcgi",
	.open = open_target,
	.run = run,
};
