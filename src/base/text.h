/* A growable piece of text: bytes with a length, and a NUL behind them once
 * there is memory for any.  Nothing here knows what it says. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Start from TEXT_EMPTY, end with text_free().  When memory runs out the text
 * turns `failed` and ignores what is appended; callers check that once, at the
 * end, instead of after every piece.
 */
struct text {
	char *data;
	size_t len;
	size_t size;
	bool failed;
};

#define TEXT_EMPTY ((struct text){ 0 })

/* Appends len bytes. */
void text_add(struct text *text, const void *bytes, size_t len);

/* Appends a C string. */
void text_puts(struct text *text, const char *string);

/* Appends as printf() does. */
void text_printf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Cuts the text to its first len bytes; a shorter one stays as it is.  The
 * memory stays, for what is appended next. */
void text_truncate(struct text *text, size_t len);

/* Puts a C string in front. */
void text_prepend(struct text *text, const char *string);

/*
 * Makes room for at least `more` bytes beyond the length, so that they can be
 * written in place.  Returns 0, or -1 when memory ran out.
 */
int text_reserve(struct text *text, size_t more);

/* The text as a C string; "" for an empty one.  Owned by the text. */
const char *text_string(const struct text *text);

/* Whether the UTF-8 at s, which ends with a NUL, begins with a control
 * character: C0, DEL, or C1, which are the bytes C2 80 to C2 9F. */
bool text_is_control(const char *s);

/* The length of the UTF-8 sequence (RFC 3629) with which `left` bytes, at least
 * one, begin; 0 when it is malformed. */
size_t text_character(const char *bytes, size_t left);

/* How many of the len bytes at s are UTF-8, from the first on: len when all
 * are.  A NUL is a character like others. */
size_t text_utf8(const char *s, size_t len);

/* The bytes of the longest beginning of the UTF-8 at s that is at most max
 * bytes long and does not end inside a character. */
size_t text_fit(const char *s, size_t max);

/* Reads the len bytes at s as a decimal number from 0 to max: digits alone,
 * and no zero in front of others.  Returns 0, or -1 when they are none. */
int text_read_number(const char *s, size_t len, int64_t max, int64_t *number);

/* Releases the memory; the text is empty again and may be used anew. */
void text_free(struct text *text);

/* Whether a string is a token of HTTP (RFC 9110, section 5.6.2), as the name of
 * a header field is. */
bool text_is_token(const char *s);

#endif
