/*
 * Where in a delivery a value stands, as the table of sources says it:
 *
 *     h:X-GitHub-Delivery             a header field
 *     b:event.type                    a path in the body, see json_path.h
 *     s:t=                            a field of the signature header
 *     b:event.type, else b:type       the first that is there
 *     h:X-GitHub-Event + b:action     several, joined by dots
 *
 * and as text with such values in it, whose alternatives all need all of
 * theirs: "{repository.full_name}#{issue.number}, else {h:X-Other}"; where
 * there are no braces, each run of the characters of a path is a value:
 * "channel:thread_ts".  A time has its unit behind it, " s" or " ms".
 */
#ifndef LOCATOR_H
#define LOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "webhook/source.h"

enum locator_place {
	LOCATOR_NOWHERE, /* it is none */
	LOCATOR_HEADER = 'h',
	LOCATOR_BODY = 'b',
	LOCATOR_SIGNATURE = 's'
};

struct locator {
	enum locator_place place;
	const char *name; /* borrowed from the text */
	size_t len;
	int64_t unit_ms; /* of a time; 1000 unless said */
};

/* What values are looked up in.  The body may be NULL: then nothing is. */
struct locator_scope {
	source_header_fn *header;
	const void *context; /* its first argument */
	struct json_object *body;
};

/* Reads a single locator, without alternatives; NULL is none. */
struct locator locator_read(const char *text);

/* The first of a locator's alternatives that is a header field, as a string of
 * `size` bytes; returns false when there is none. */
bool locator_header_name(const char *text, char *name, size_t size);

/*
 * Appends the first alternative of `text` that is there.  Returns whether one
 * was; NULL has none.  s: is never there: only scheme.c knows that header.
 */
bool locator_add(struct text *out, const char *text,
    const struct locator_scope *scope);

/* Appends the parts of a name, joined by dots.  Parts that are missing are
 * left out, but without the first nothing is appended: returns false. */
bool locator_add_parts(struct text *out, const char *text,
    const struct locator_scope *scope);

/* Appends the first alternative of a text with values in it whose values are
 * all there.  Returns whether one was. */
bool locator_add_filled(struct text *out, const char *text,
    const struct locator_scope *scope);

/*
 * Whether a column's text can be read: `kind` is 'l' for one locator, 'p' for
 * parts and 'f' for a text with values.
 */
bool locator_is_valid(char kind, const char *text);

#endif
