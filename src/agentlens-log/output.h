/* What the subcommands print: safe text, tables, JSON lines. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum output_style {
	OUTPUT_PLAIN,
	OUTPUT_BOLD,
	OUTPUT_DIM,
	OUTPUT_GOOD, /* green */
	OUTPUT_WARN, /* yellow */
	OUTPUT_BAD,  /* red */
	OUTPUT_STYLES
};

/* Looks at standard output: colour only on a terminal, without NO_COLOR
 * (no-color.org) and not on TERM=dumb. */
void output_init(void);

bool output_is_terminal(void);

/* Columns of the terminal; $COLUMNS before what the terminal says; 0 when
 * there is no limit, as standard output is no terminal. */
int output_width(void);

/* What begins a style and what ends it: "" without colour. */
const char *output_begin(enum output_style style);
const char *output_end(void);

/* Appends text with its control characters and broken UTF-8 made visible:
 * what a stranger sent must not steer the terminal. */
void output_add_safe(struct text *out, const char *text);

/* Appends text so, cut with an ellipsis to a width of columns (0: no limit),
 * and filled up to it with blanks. */
void output_add_cell(struct text *out, const char *text, int width, bool fill);

/* Prints text so, in a style. */
void output_print(enum output_style style, const char *text);

/* Columns that a text takes on a terminal. */
int output_columns(const char *text);

/* --- Tables ------------------------------------------------------------- */

struct output_column {
	const char *title;
	bool right;  /* set flush right */
	bool shrink; /* is cut when the terminal is too narrow; one may */
};

struct output_table;

/* Keeps the rows, for the columns are as wide as the widest cell. */
struct output_table *output_table_open(const struct output_column *columns,
    int count);

/* Adds a cell, row after row; NULL is an empty one. */
void output_table_add(struct output_table *table, enum output_style style,
    const char *text);

/* Prints it and releases it. */
void output_table_close(struct output_table *table);

/* --- JSON lines: {"a":…,"b":…} ------------------------------------------- */

/* Appends members; the first brings the brace.  A NULL text is null. */
void output_json_text(struct text *out, const char *name, const char *value);
void output_json_number(struct text *out, const char *name, int64_t value);
void output_json_bool(struct text *out, const char *name, bool value);
/* JSON as it stands, of a payload for one; as a string when it is no JSON. */
void output_json_raw(struct text *out, const char *name, const char *json);

/* Prints the line with its closing brace, and empties it. */
void output_json_end(struct text *out);

/* Whether all that was printed has arrived.  Complains when not. */
bool output_finish(void);

#endif
