#include "agentlens-log/terminal.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>


#define WIDTH_MIN 40

static struct {
	bool terminal;
	bool colour;
	int width;
} screen;

static const char *const styles[TERMINAL_STYLES] = {
	[TERMINAL_PLAIN] = "",
	[TERMINAL_BOLD] = "\033[1m",
	[TERMINAL_DIM] = "\033[2m",
	[TERMINAL_GOOD] = "\033[32m",
	[TERMINAL_WARN] = "\033[33m",
	[TERMINAL_BAD] = "\033[31m",
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
terminal_init(void)
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
terminal_is_terminal(void)
{
	return screen.terminal;
}

int
terminal_width(void)
{
	return screen.width;
}

const char *
terminal_begin(enum terminal_style style)
{
	return screen.colour ? styles[style] : "";
}

const char *
terminal_end(void)
{
	return screen.colour ? "\033[0m" : "";
}

/* Characters that are not seen and can make a text look like another one:
 * changes of direction (Unicode, UAX 9), joiners, fillers, variation selectors,
 * tags.  They are those with the property Default_Ignorable_Code_Point, line
 * and paragraph separators, marks of interlinear annotation, and the blank of
 * Braille. */
static const struct {
	unsigned first, last;
} treacherous[] = {
	{ 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
	{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb },
	{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool
is_treacherous(wchar_t c)
{
	for (size_t i = 0; i < sizeof(treacherous) / sizeof(treacherous[0]);
	    i++)
		if ((unsigned)c >= treacherous[i].first &&
		    (unsigned)c <= treacherous[i].last)
			return true;
	return false;
}

/* Reads the character at s.  Returns its bytes; *columns is -1 when it must not
 * be printed as it is. */
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
terminal_add_safe(struct text *out, const char *text)
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
terminal_print(enum terminal_style style, const char *text)
{
	struct text safe = TEXT_EMPTY;

	terminal_add_safe(&safe, text);
	printf("%s%s%s", terminal_begin(style), text_string(&safe),
	    style == TERMINAL_PLAIN ? "" : terminal_end());
	text_free(&safe);
}

size_t
terminal_fit(const char *text, int *columns)
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
terminal_columns(const char *text)
{
	int columns = INT_MAX;

	terminal_fit(text, &columns);
	return columns;
}

void
terminal_add_cell(struct text *out, const char *text, int width, bool fill)
{
	struct text safe = TEXT_EMPTY;
	int columns;

	terminal_add_safe(&safe, text);
	columns = terminal_columns(text_string(&safe));
	if (width > 0 && columns > width) {
		columns = width - 1;
		text_add(out, text_string(&safe),
		    terminal_fit(text_string(&safe), &columns));
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

enum terminal_style
terminal_tone(enum describe_tone tone)
{
	static const enum terminal_style tones[] = {
		[TONE_PLAIN] = TERMINAL_PLAIN,
		[TONE_GOOD] = TERMINAL_GOOD,
		[TONE_WARN] = TERMINAL_WARN,
		[TONE_BAD] = TERMINAL_BAD,
	};
	return tones[tone];
}

void
warn(const char *format, ...)
{
	struct text safe = TEXT_EMPTY;
	char *sentence;
	va_list args;

	fflush(stdout);
	va_start(args, format);
	if (vasprintf(&sentence, format, args) < 0)
		sentence = NULL;
	va_end(args);
	/* A name in it may be one that a file gave. */
	terminal_add_safe(&safe, sentence == NULL ? format : sentence);
	fprintf(stderr, "agentlens-log: %s\n", text_string(&safe));
	text_free(&safe);
	free(sentence);
}

bool
terminal_finish(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return true;
	if (errno != EPIPE)
		warn("standard output: %s", strerror(errno));
	return false;
}
