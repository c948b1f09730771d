#include "agentlens-ingest/fcgi_stream.h"

#include <string.h>

/* The records around the parameters. */
#define HEAD_BYTES 64

/* Room for any answer of ours in records.  It is taken before the request is:
 * what is recorded can be answered then, without memory too. */
#define ANSWER_BYTES 4608

static void
add_begin(struct fcgi_stream *s, bool keep)
{
	const unsigned char begin[FCGI_RECORD_BEGIN_BYTES] = { 0,
		FCGI_RECORD_RESPONDER, keep ? FCGI_RECORD_KEEP : 0 };

	fcgi_record_add(&s->head, FCGI_RECORD_BEGIN, s->id, begin,
	    sizeof(begin));
}

static void
add_params(struct fcgi_stream *s, const struct text *params)
{
	const char *at = text_string(params), *end = at + params->len;
	struct text pairs = TEXT_EMPTY;
	struct fcgi_record_pair pair;

	text_reserve(&pairs, params->len);
	while (fcgi_record_next_pair(&at, end, &pair) > 0)
		fcgi_record_add_pair(&pairs, &pair);
	if (pairs.len > 0)
		fcgi_record_add(&s->head, FCGI_RECORD_PARAMS, s->id,
		    pairs.data, pairs.len);
	fcgi_record_add(&s->head, FCGI_RECORD_PARAMS, s->id, NULL, 0);
	s->head.failed |= pairs.failed;
	text_free(&pairs);
}

int
fcgi_stream_begin(struct fcgi_stream *s, struct fcgi_reader *reader)
{
	*s = (struct fcgi_stream){ .id = reader->id };
	text_reserve(&s->head, reader->params.len + HEAD_BYTES);
	text_reserve(&s->written, ANSWER_BYTES);
	add_begin(s, reader->keep);
	add_params(s, &reader->params);
	text_free(&reader->params);
	/* Without its end, a body is not one that the library could take for
	 * whole. */
	if (reader->phase == FCGI_READER_ENDED &&
	    reader->body_len == reader->body.len) {
		s->body = reader->body;
		reader->body = TEXT_EMPTY;
	} else {
		text_free(&reader->body);
		s->body_ended = true;
	}
	return s->head.failed || s->written.failed ? -1 : 0;
}

/* Begins the next record of the body; an empty one is the last. */
static void
begin_record(struct fcgi_stream *s)
{
	size_t left = s->body.len - s->body_read;

	s->record_left = left < FCGI_RECORD_CONTENT_MAX ? left :
	    FCGI_RECORD_CONTENT_MAX;
	s->body_ended = s->record_left == 0;
	s->mark_left = sizeof(s->mark);
	fcgi_record_head(s->mark, FCGI_RECORD_STDIN, s->id, s->record_left);
}

/* The piece that is to be read next. */
static const void *
next_piece(struct fcgi_stream *s, size_t **left, size_t *head_left)
{
	*head_left = s->head.len - s->head_read;
	if (*head_left > 0) {
		*left = head_left;
		return s->head.data + s->head_read;
	}
	if (s->mark_left == 0 && s->record_left == 0 && !s->body_ended)
		begin_record(s);
	if (s->mark_left > 0) {
		*left = &s->mark_left;
		return s->mark + sizeof(s->mark) - s->mark_left;
	}
	*left = &s->record_left;
	return s->record_left > 0 ? s->body.data + s->body_read : NULL;
}

size_t
fcgi_stream_read(struct fcgi_stream *s, void *buffer, size_t len)
{
	const void *piece;
	size_t done = 0, head_left, *left;

	while (done < len &&
	    (piece = next_piece(s, &left, &head_left)) != NULL) {
		size_t n = *left < len - done ? *left : len - done;
		memcpy((char *)buffer + done, piece, n);
		*left -= n;
		done += n;
		if (left == &head_left)
			s->head_read += n;
		else if (left == &s->record_left)
			s->body_read += n;
	}
	return done;
}

static void
end_reading(struct fcgi_stream *s)
{
	text_free(&s->head);
	text_free(&s->body);
	s->head_read = s->body_read = 0;
	s->mark_left = s->record_left = 0;
	s->body_ended = true;
}

int
fcgi_stream_renew(struct fcgi_stream *s)
{
	end_reading(s);
	add_begin(s, false);
	add_params(s, &TEXT_EMPTY);
	return s->head.failed ? -1 : 0;
}

void
fcgi_stream_free(struct fcgi_stream *s)
{
	end_reading(s);
	text_free(&s->written);
}
