#include "agentlens-log/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define SHRINK_MIN 8

struct cell {
	char *text;
	enum terminal_style style;
};

struct table_view {
	const struct table_column *columns;
	int count;
	struct cell *cells;
	size_t used;
	size_t size;
	bool failed; /* memory ran out */
};

struct table_view *
table_open(const struct table_column *columns, int count)
{
	struct table_view *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	table->count = count;
	return table;
}

void
table_add(struct table_view *table, enum terminal_style style,
    const char *text)
{
	struct text safe = TEXT_EMPTY;

	if (table == NULL || table->failed)
		return;
	if (table->used == table->size) {
		size_t size = table->size == 0 ? 64 : table->size * 2;
		struct cell *cells = reallocarray(table->cells, size,
		    sizeof(*cells));
		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->size = size;
	}
	terminal_add_safe(&safe, text == NULL ? "" : text);
	table->cells[table->used++] = (struct cell){
		.text = strdup(text_string(&safe)), .style = style };
	table->failed |= table->cells[table->used - 1].text == NULL;
	text_free(&safe);
}

static void
measure(const struct table_view *table, int *widths)
{
	int all = 0, shrink = -1;

	for (int i = 0; i < table->count; i++)
		widths[i] = terminal_columns(table->columns[i].title);
	for (size_t i = 0; i < table->used; i++) {
		int *width = &widths[i % (size_t)table->count];
		int columns = terminal_columns(table->cells[i].text);
		if (columns > *width)
			*width = columns;
	}
	for (int i = 0; i < table->count; i++) {
		all += widths[i] + (i > 0 ? GAP : 0);
		if (table->columns[i].shrink)
			shrink = i;
	}
	if (terminal_width() > 0 && all > terminal_width() && shrink >= 0) {
		widths[shrink] -= all - terminal_width();
		if (widths[shrink] < SHRINK_MIN)
			widths[shrink] = SHRINK_MIN;
	}
}

static void
print_cell(const struct table_column *column, enum terminal_style style,
    const char *text, int width, bool last)
{
	int columns = terminal_columns(text);
	size_t len = strlen(text);
	bool cut = column->shrink && columns > width;

	if (cut) {
		columns = width - 1;
		len = terminal_fit(text, &columns);
		columns++;
	}
	int pad = width > columns ? width - columns : 0;
	printf("%*s%s%.*s%s%s%*s", column->right ? pad : 0, "",
	    terminal_begin(style), (int)len, text, cut ? "…" : "",
	    style == TERMINAL_PLAIN ? "" : terminal_end(),
	    column->right || last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

static void
print_all(const struct table_view *table, const int *widths)
{
	for (int i = 0; i < table->count; i++)
		print_cell(&table->columns[i], TERMINAL_BOLD,
		    table->columns[i].title, widths[i], i == table->count - 1);
	for (size_t i = 0; i < table->used; i++) {
		int at = (int)(i % (size_t)table->count);
		print_cell(&table->columns[at], table->cells[i].style,
		    table->cells[i].text, widths[at], at == table->count - 1);
	}
}

int
table_close(struct table_view *table)
{
	if (table == NULL)
		return -1;
	int *widths = calloc((size_t)table->count, sizeof(*widths));
	int result = table->failed || widths == NULL ? -1 : 0;

	if (result == 0 && table->used > 0) {
		measure(table, widths);
		print_all(table, widths);
	}
	for (size_t i = 0; i < table->used; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
	free(widths);
	return result;
}
