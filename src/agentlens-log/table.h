/* Tables whose columns are as wide as their widest cells. */
#ifndef TABLE_H
#define TABLE_H

#include "agentlens-log/terminal.h"

struct table_column {
	const char *title;
	bool right;  /* set flush right */
	bool shrink; /* cut when the terminal is too narrow; one column only */
};

struct table_view;

/* Begins a table; `columns` is borrowed.  Returns NULL when memory runs out,
 * which the other functions take. */
struct table_view *table_open(const struct table_column *columns,
    int count);

/* Adds the next cell of the row; behind the last one a new row begins.  NULL is
 * an empty cell. */
void table_add(struct table_view *table, enum terminal_style style,
    const char *text);

/* Prints the table, unless it has no rows, and releases it.  Returns 0, or -1
 * when memory ran out; then nothing is printed. */
int table_close(struct table_view *table);

#endif
