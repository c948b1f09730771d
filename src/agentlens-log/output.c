#include "output.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

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

	/* What is stored is UTF-8, whatever the locale of the user is. */
	setlocale(LC_CTYPE, "C.UTF-8");
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

/* Characters that are not seen, and make what follows look like another
 * text: turns of direction (Unicode, UAX 9), joiners, tags. */
static bool
is_treacherous(wchar_t c)
{
	return c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	    (c >= 0xe0000 && c <= 0xe007f);
}

/* Reads the character at s.  Returns its bytes, and its columns; -1 columns
 * when it is not to be shown as it is. */
static size_t
character(const char *s, wchar_t *c, int *columns)
{
	mbstate_t state = { 0 };

	if (*s >= ' ' && *s <= '~') {
		*c = (unsigned char)*s;
		*columns = 1;
		return 1;
	}
	size_t len = mbrtowc(c, s, strnlen(s, MB_LEN_MAX), &state);
	*columns = -1;
	if (len == (size_t)-1 || len == (size_t)-2) {
		*c = WEOF;
		return 1;
	}
	if (!is_treacherous(*c))
		*columns = wcwidth(*c);
	return len == 0 ? 1 : len;
}

static void
add_escape(struct text *out, const char *s, wchar_t c)
{
	static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
	const char *letter = c > 0 && c < 0x80 ? strchr(from, (int)c) : NULL;
	char escape[16];

	if (letter != NULL)
		snprintf(escape, sizeof(escape), "\\%c", to[letter - from]);
	else if (c < 0x80) /* or no character, which is WEOF */
		snprintf(escape, sizeof(escape), "\\x%02x",
		    (unsigned char)*s);
	else
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);
	text_puts(out, escape);
}

void
output_add_safe(struct text *out, const char *text)
{
	while (*text != '\0') {
		wchar_t c;
		int columns;
		size_t len = character(text, &c, &columns);
		if (columns < 0)
			add_escape(out, text, c);
		else
			text_add(out, text, len);
		text += len;
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

/* Bytes of the beginning of a safe text that fit into `columns`, which becomes
 * what they take. */
static size_t
fit(const char *text, int *columns)
{
	size_t at = 0;
	int used = 0;

	while (text[at] != '\0') {
		wchar_t c;
		int more;
		size_t len = character(text + at, &c, &more);
		if (more > 0 && used + more > *columns)
			break;
		used += more > 0 ? more : 0;
		at += len;
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

void
output_add_cell(struct text *out, const char *text, int width, bool fill)
{
	struct text safe = TEXT_EMPTY;
	int columns;

	output_add_safe(&safe, text);
	columns = output_columns(text_string(&safe));
	if (width > 0 && columns > width) {
		columns = width - 1;
		text_add(out, text_string(&safe),
		    fit(text_string(&safe), &columns));
		text_puts(out, "…");
		columns++;
	} else {
		text_add(out, text_string(&safe), safe.len);
	}
	out->failed |= safe.failed;
	text_free(&safe);
	for (; fill && columns < width; columns++)
		text_puts(out, " ");
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

/* A text as a string of JSON; what is no UTF-8 in it becomes U+FFFD. */
static void
add_string(struct text *out, const char *text)
{
	struct text good = TEXT_EMPTY;

	while (*text != '\0') {
		wchar_t c;
		int columns;
		size_t len = character(text, &c, &columns);
		if (c == (wchar_t)WEOF)
			text_puts(&good, "\xef\xbf\xbd");
		else
			text_add(&good, text, len);
		text += len;
	}
	out->failed |= good.failed;
	json_write_string(out, text_string(&good), good.len);
	text_free(&good);
}

void
output_json_text(struct text *out, const char *name, const char *value)
{
	add_name(out, name);
	if (value == NULL)
		text_puts(out, "null");
	else
		add_string(out, value);
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
	if (json == NULL) {
		text_puts(out, "null");
	} else if (json_read(json, strlen(json), &value, &error) == 0) {
		json_write(out, value);
		json_object_put(value);
	} else {
		add_string(out, json);
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
