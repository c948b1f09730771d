/* Text for a person: columns of a terminal, colours, and nothing that came
 * from outside taken for a command of the terminal. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum screen_colour {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_DIM,
	SCREEN_RED,
	SCREEN_GREEN,
	SCREEN_YELLOW,
	SCREEN_BLUE,
	SCREEN_COLOURS
};

/* Looks at standard output; call it once, before the rest. */
void screen_init(void);

/* Columns of the terminal, or 0 when standard output is none. */
int screen_width(void);

/* Appends what switches to a colour; nothing when standard output is no
 * terminal, or NO_COLOR is set (no-color.org), or TERM is "dumb". */
void screen_colour(struct text *out, enum screen_colour colour);

/*
 * Appends len bytes, which should be UTF-8.  Control characters, those that
 * turn the direction of writing, and what is no UTF-8 are written as escapes
 * (\n, \x1b, \u202e).  Above `width` columns (0: no limit) the text is cut,
 * with an ellipsis in its last column.  Returns the columns that it takes.
 */
int screen_add(struct text *out, const char *bytes, size_t len, int width);

/* The same for a C string; NULL is a dash. */
int screen_puts(struct text *out, const char *string, int width);

/* The same, filled up with blanks to the width. */
void screen_cell(struct text *out, const char *string, int width);

/* Appends blanks. */
void screen_pad(struct text *out, int columns);

/* Appends a time span in words: "340 ms", "42 s", "3 min 5 s", "2 h 10 min",
 * "4 d 6 h". */
void screen_span(struct text *out, int64_t ms);

/* Appends a bar of `width` columns for value / most, in eighths of a
 * column; the rest of the width is left empty. */
void screen_bar(struct text *out, int64_t value, int64_t most, int width);

/* Appends as printf() does; for what is ours and short, up to 255 bytes. */
void screen_format(struct text *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a stored time as people read it, "2026-11-23 10:00:00"; one of
 * another form as it is. */
void screen_time(struct text *out, const char *timestamp);

/*
 * Writes the text to standard output and empties it.  Returns 0, or -1 having
 * said why.
 */
int screen_write(struct text *out);

#endif
