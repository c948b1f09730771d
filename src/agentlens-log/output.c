#include "output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "json.h"

#define GAP 2
#define WIDTH_MIN 40
#define SHRINK_MIN 8

static struct {
	bool terminal;
	bool colour;
	int width;
} screen;

static const char *const styles[OUTPUT_STYLES] = {
	[OUTPUT_PLAIN] = "",
	[OUTPUT_BOLD] = "\033[1m",
	[OUTPUT_DIM] = "\033[2m",
	[OUTPUT_GOOD] = "\033[32m",
	[OUTPUT_WARN] = "\033[33m",
	[OUTPUT_BAD] = "\033[31m",
};

static int
read_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;

	if (columns != NULL && *columns != '\0') {
		long width = strtol(columns, &end, 10);
		if (*end == '\0' && width >= WIDTH_MIN && width <= SHRT_MAX)
			return (int)width;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
	    size.ws_col >= WIDTH_MIN)
		return size.ws_col;
	return 80;
}

void
output_init(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	screen.terminal = isatty(STDOUT_FILENO) != 0;
	screen.colour = screen.terminal &&
	    (no_colour == NULL || *no_colour == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
	screen.width = screen.terminal ? read_width() : 0;
}

bool
output_is_terminal(void)
{
	return screen.terminal;
}

int
output_width(void)
{
	return screen.width;
}

const char *
output_begin(enum output_style style)
{
	return screen.colour ? styles[style] : "";
}

const char *
output_end(void)
{
	return screen.colour ? "\033[0m" : "";
}

/* The length of the UTF-8 character (RFC 3629) at s, or 0 for none. */
static size_t
character(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 :
	    u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return len;
}

/* Characters that turn the direction of what follows (Unicode, UAX 9) would
 * let a text look like another one. */
static bool
turns_direction(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	return u[0] == 0xe2 && ((u[1] == 0x80 && (u[2] == 0x8e ||
	    u[2] == 0x8f || (u[2] >= 0xa8 && u[2] <= 0xae))) ||
	    (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

void
output_add_safe(struct text *out, const char *text)
{
	char escape[8];

	while (*text != '\0') {
		size_t len = character(text);
		if (len > 0 && !text_is_control(text) &&
		    !turns_direction(text)) {
			text_add(out, text, len);
			text += len;
			continue;
		}
		if (len == 0)
			len = 1;
		for (; len > 0; len--, text++) {
			snprintf(escape, sizeof(escape), "\\x%02x",
			    (unsigned char)*text);
			text_puts(out, escape);
		}
	}
}

void
output_print(enum output_style style, const char *text)
{
	struct text safe = TEXT_EMPTY;

	output_add_safe(&safe, text);
	printf("%s%s%s", output_begin(style), text_string(&safe),
	    style == OUTPUT_PLAIN ? "" : output_end());
	text_free(&safe);
}

/* Of characters, and of those that East Asian scripts and pictures write
 * twice as wide (roughly Unicode's UAX 11); combining marks take none. */
static int
columns_of(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] == 0xcc || (u[0] == 0xcd && u[1] < 0xb0))
		return 0;
	if ((u[0] == 0xe1 && u[1] >= 0x84 && u[1] <= 0x85) ||
	    (u[0] >= 0xe3 && u[0] <= 0xec) || (u[0] == 0xed && u[1] < 0x9f) ||
	    (u[0] == 0xef && u[1] >= 0xa4 && u[1] <= 0xab) ||
	    (u[0] == 0xef && u[1] == 0xbc) ||
	    (u[0] == 0xf0 && u[1] == 0x9f && u[2] >= 0x8c))
		return 2;
	return 1;
}

/* Bytes of the beginning that fit into `columns`, which becomes what they
 * take. */
static size_t
fit(const char *text, int *columns)
{
	size_t at = 0;
	int used = 0;

	while (text[at] != '\0') {
		size_t len = character(text + at);
		int more = columns_of(text + at);
		if (used + more > *columns)
			break;
		used += more;
		at += len == 0 ? 1 : len;
	}
	*columns = used;
	return at;
}

int
output_columns(const char *text)
{
	int columns = INT_MAX;

	fit(text, &columns);
	return columns;
}

/* --- Tables -------------------------------------------------------------- */

struct cell {
	char *text;
	enum output_style style;
};

struct output_table {
	const struct output_column *columns;
	int count;
	struct cell *cells;
	size_t used;
	size_t size;
	bool failed;
};

struct output_table *
output_table_open(const struct output_column *columns, int count)
{
	struct output_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	table->count = count;
	return table;
}

void
output_table_add(struct output_table *table, enum output_style style,
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
	output_add_safe(&safe, text == NULL ? "" : text);
	table->cells[table->used++] = (struct cell){
		.text = strdup(text_string(&safe)), .style = style };
	table->failed |= table->cells[table->used - 1].text == NULL;
	text_free(&safe);
}

static void
measure(const struct output_table *table, int *widths)
{
	int all = 0, shrink = -1;

	for (int i = 0; i < table->count; i++)
		widths[i] = output_columns(table->columns[i].title);
	for (size_t i = 0; i < table->used; i++) {
		int *width = &widths[i % (size_t)table->count];
		int columns = output_columns(table->cells[i].text);
		if (columns > *width)
			*width = columns;
	}
	for (int i = 0; i < table->count; i++) {
		all += widths[i] + (i > 0 ? GAP : 0);
		if (table->columns[i].shrink)
			shrink = i;
	}
	if (screen.width > 0 && all > screen.width && shrink >= 0) {
		widths[shrink] -= all - screen.width;
		if (widths[shrink] < SHRINK_MIN)
			widths[shrink] = SHRINK_MIN;
	}
}

static void
print_cell(const struct output_column *column, enum output_style style,
    const char *text, int width, bool last)
{
	int columns = output_columns(text);
	size_t len = strlen(text);
	bool cut = column->shrink && columns > width;

	if (cut) {
		columns = width - 1;
		len = fit(text, &columns);
		columns++;
	}
	int pad = width > columns ? width - columns : 0;
	printf("%*s%s%.*s%s%s%*s", column->right ? pad : 0, "",
	    output_begin(style), (int)len, text, cut ? "…" : "",
	    style == OUTPUT_PLAIN ? "" : output_end(),
	    column->right || last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void
output_table_close(struct output_table *table)
{
	int count = table == NULL ? 0 : table->count;
	int *widths = calloc((size_t)count + 1, sizeof(*widths));

	if (table == NULL || table->failed || widths == NULL) {
		complain("out of memory");
	} else {
		measure(table, widths);
		for (int i = 0; i < count; i++)
			print_cell(&table->columns[i], OUTPUT_BOLD,
			    table->columns[i].title, widths[i],
			    i == count - 1);
		for (size_t i = 0; i < table->used; i++) {
			int at = (int)(i % (size_t)count);
			print_cell(&table->columns[at], table->cells[i].style,
			    table->cells[i].text, widths[at],
			    at == count - 1);
		}
	}
	for (size_t i = 0; table != NULL && i < table->used; i++)
		free(table->cells[i].text);
	if (table != NULL)
		free(table->cells);
	free(table);
	free(widths);
}

/* --- JSON ---------------------------------------------------------------- */

static void
add_name(struct text *out, const char *name)
{
	text_puts(out, out->len == 0 ? "{" : ",");
	json_write_string(out, name, strlen(name));
	text_puts(out, ":");
}

void
output_json_text(struct text *out, const char *name, const char *value)
{
	add_name(out, name);
	if (value == NULL)
		text_puts(out, "null");
	else
		json_write_string(out, value, strlen(value));
}

void
output_json_number(struct text *out, const char *name, int64_t value)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)value);
	add_name(out, name);
	text_puts(out, number);
}

void
output_json_bool(struct text *out, const char *name, bool value)
{
	add_name(out, name);
	text_puts(out, value ? "true" : "false");
}

void
output_json_raw(struct text *out, const char *name, const char *json)
{
	struct json_object *value = NULL;
	struct json_error error;

	add_name(out, name);
	if (json != NULL &&
	    json_read(json, strlen(json), &value, &error) == 0) {
		json_write(out, value);
		json_object_put(value);
	} else {
		text_puts(out, "null");
	}
}

void
output_json_end(struct text *out)
{
	text_puts(out, out->len == 0 ? "{}\n" : "}\n");
	fwrite(text_string(out), 1, out->len, stdout);
	text_free(out);
}

bool
output_finish(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return true;
	if (errno != EPIPE)
		complain("standard output: %s", strerror(errno));
	return false;
}
