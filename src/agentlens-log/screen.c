#include "screen.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "command.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 20

static int terminal_width;
static bool coloured;

static const char *const colours[SCREEN_COLOURS] = {
	[SCREEN_PLAIN] = "\033[0m",
	[SCREEN_BOLD] = "\033[1m",
	[SCREEN_DIM] = "\033[2m",
	[SCREEN_RED] = "\033[31m",
	[SCREEN_GREEN] = "\033[32m",
	[SCREEN_YELLOW] = "\033[33m",
	[SCREEN_BLUE] = "\033[34m",
};

void
screen_init(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	/* What is stored is UTF-8 whatever the user's locale is; this is for
	 * mbrtowc() and wcwidth(). */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		setlocale(LC_CTYPE, "en_US.UTF-8");
	if (!isatty(STDOUT_FILENO))
		return;
	terminal_width = WIDTH_DEFAULT;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
		terminal_width = size.ws_col < WIDTH_MIN ? WIDTH_MIN :
		    size.ws_col;
	coloured = (no_color == NULL || *no_color == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

int
screen_width(void)
{
	return terminal_width;
}

void
screen_colour(struct text *out, enum screen_colour colour)
{
	if (coloured)
		text_puts(out, colours[colour]);
}

/* Characters that are not seen but change what is: they could make a line
 * read as another. */
static bool
is_treacherous(wchar_t c)
{
	return c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	    (c >= 0xe0000 && c <= 0xe007f);
}

/* Writes a character, or its escape, and returns its columns. */
static int
write_character(char piece[16], const char *bytes, size_t len, wchar_t c)
{
	static const char letters[] = "\b\b\f\f\n\n\r\r\t\t";
	int columns = wcwidth(c);
	const char *letter = c > 0 && c < 0x80 ? strchr(letters, (int)c) :
	    NULL;

	if (columns >= 0 && c != 0 && !is_treacherous(c)) {
		memcpy(piece, bytes, len);
		piece[len] = '\0';
		return columns;
	}
	if (letter != NULL)
		return snprintf(piece, 16, "\\%c",
		    "bbffnnrrtt"[letter - letters]);
	return snprintf(piece, 16, c < 0x100 ? "\\x%02x" : "\\u%04x",
	    (unsigned)c);
}

int
screen_add(struct text *out, const char *bytes, size_t len, int width)
{
	size_t room_at = out->len; /* where an ellipsis would still fit */
	int columns = 0, room_columns = 0;

	for (size_t at = 0; at < len;) {
		mbstate_t state = { 0 };
		wchar_t c = 0;
		char piece[16];
		int more;
		size_t taken = mbrtowc(&c, bytes + at, len - at, &state);

		if (taken == (size_t)-1 || taken == (size_t)-2) {
			taken = 1;
			more = snprintf(piece, sizeof(piece), "\\x%02x",
			    (unsigned char)bytes[at]);
		} else {
			taken = taken == 0 ? 1 : taken;
			more = write_character(piece, bytes + at, taken, c);
		}
		if (width > 0 && columns + more > width) {
			out->len = room_at;
			text_puts(out, "\xe2\x80\xa6");
			return room_columns + 1;
		}
		text_puts(out, piece);
		columns += more;
		at += taken;
		if (columns < width) {
			room_at = out->len;
			room_columns = columns;
		}
	}
	return columns;
}

int
screen_puts(struct text *out, const char *string, int width)
{
	return string == NULL ? screen_add(out, "-", 1, width) :
	    screen_add(out, string, strlen(string), width);
}

void
screen_pad(struct text *out, int columns)
{
	while (columns-- > 0)
		text_puts(out, " ");
}

void
screen_cell(struct text *out, const char *string, int width)
{
	screen_pad(out, width - screen_puts(out, string, width));
}

void
screen_format(struct text *out, const char *format, ...)
{
	char piece[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	text_puts(out, piece);
}

void
screen_span(struct text *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {
		{ INT64_C(86400000), "d" },
		{ 3600000, "h" },
		{ 60000, "min" },
		{ 1000, "s" },
	};

	if (ms < 0) {
		text_puts(out, "-");
		ms = -ms;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t whole = ms / units[i].ms;
		if (whole == 0)
			continue;
		screen_format(out, "%lld %s", (long long)whole,
		    units[i].name);
		/* Two units are enough, and tenths of a second below ten. */
		if (units[i].ms == 1000 && whole < 10 && ms % 1000 >= 100) {
			out->len -= 3;
			screen_format(out, "%d.%d s", (int)whole,
			    (int)(ms % 1000 / 100));
		} else if (units[i].ms > 1000) {
			int64_t rest = ms % units[i].ms / units[i + 1].ms;
			if (rest != 0)
				screen_format(out, " %lld %s",
				    (long long)rest, units[i + 1].name);
		}
		return;
	}
	screen_format(out, "%lld ms", (long long)ms);
}

void
screen_bar(struct text *out, int64_t value, int64_t most, int width)
{
	static const char *const eighths[] = { "", "\xe2\x96\x8f",
		"\xe2\x96\x8e", "\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b",
		"\xe2\x96\x8a", "\xe2\x96\x89" };
	int length = most <= 0 ? 0 :
	    (int)((double)value / (double)most * width * 8 + 0.5);

	/* What is there at all is seen. */
	if (value > 0 && length == 0)
		length = 1;
	for (int i = 0; i < length / 8; i++)
		text_puts(out, "\xe2\x96\x88");
	text_puts(out, eighths[length % 8]);
	screen_pad(out, width - (length + 7) / 8);
}

void
screen_time(struct text *out, const char *timestamp)
{
	int64_t ms;

	if (timestamp == NULL || strlen(timestamp) != TIMESTAMP_SIZE - 1 ||
	    timestamp_parse(timestamp, TIMESTAMP_SIZE - 1, &ms) != 0) {
		screen_puts(out, timestamp, 0);
		return;
	}
	text_add(out, timestamp, 10);
	text_puts(out, " ");
	text_add(out, timestamp + 11, 8);
}

int
screen_write(struct text *out)
{
	bool failed = out->failed;

	if (failed)
		errno = ENOMEM;
	else
		failed = fwrite(text_string(out), 1, out->len, stdout) !=
		    out->len;
	if (failed)
		complain("standard output: %s", strerror(errno));
	out->len = 0;
	return failed ? -1 : 0;
}
