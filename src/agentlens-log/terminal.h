/* Standard output on a terminal: safe text, colours, width. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "reader/describe.h"

enum terminal_style {
	TERMINAL_PLAIN,
	TERMINAL_BOLD,
	TERMINAL_DIM,
	TERMINAL_GOOD, /* green */
	TERMINAL_WARN, /* yellow */
	TERMINAL_BAD,  /* red */
	TERMINAL_STYLES
};

/* Finds out what standard output is.  Colours are used only on a terminal, and
 * not with NO_COLOR (no-color.org) or TERM=dumb. */
void terminal_init(void);

/* Whether standard output is a terminal. */
bool terminal_is_terminal(void);

/* Columns of the terminal, as $COLUMNS or else the terminal says; 0, for no
 * limit, when standard output is no terminal. */
int terminal_width(void);

/* The escape sequence that begins a style, and the one that ends it; "" without
 * colours. */
const char *terminal_begin(enum terminal_style style);
const char *terminal_end(void);

/* Appends a text with escapes in place of control characters, characters that
 * are not seen, and broken UTF-8: what a stranger sent must not steer the
 * terminal. */
void terminal_add_safe(struct text *out, const char *text);

/* Appends a safe text, cut with an ellipsis to a width in columns, 0 for no
 * limit, and with `fill` filled up to it with blanks. */
void terminal_add_cell(struct text *out, const char *text, int width,
    bool fill);

/* Prints a safe text in a style. */
void terminal_print(enum terminal_style style, const char *text);

/* Columns that a safe text takes on a terminal. */
int terminal_columns(const char *text);

/* How many bytes of a safe text fit into *columns, which becomes the columns
 * that they take. */
size_t terminal_fit(const char *text, int *columns);

/* The style for an event of this tone. */
enum terminal_style terminal_tone(enum describe_tone tone);

/* Returns whether all that was printed could be written; warns if not, unless
 * the reader of a pipe has gone. */
bool terminal_finish(void);

/* Prints "agentlens-log: " and a sentence to standard error. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
