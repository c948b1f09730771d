#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* libfcgi sends its error stream in records of 504 bytes, and nginx and
 * mod_proxy_fcgi log one entry a record. */
#define LINE_MAX_BYTES 500
#define VALUE_MAX_BYTES 240

/* What a line that was too long ends with; there is always room for it. */
#define CUT_MARK "..."
#define LINE_ROOM (LINE_MAX_BYTES - sizeof(CUT_MARK "\n") + 1)

struct line {
	char data[LINE_MAX_BYTES];
	size_t len;
};

const char *const log_level_names[LOG_LEVELS + 1] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static _Atomic enum log_level threshold = LOG_WARN;
static _Thread_local log_sink *thread_sink;
static _Thread_local void *thread_context;

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_set_sink(log_sink *sink, void *context)
{
	thread_sink = sink;
	thread_context = context;
}

static void
line_add(struct line *line, const char *bytes, size_t len)
{
	size_t room = LINE_ROOM - line->len;
	if (len > room)
		len = room;
	memcpy(line->data + line->len, bytes, len);
	line->len += len;
}

static bool
needs_quotes(const char *value)
{
	return *value == '\0' || strpbrk(value, " \"=\\") != NULL;
}

static void
line_add_value(struct line *line, const char *value)
{
	bool quoted = needs_quotes(value);
	const char *s = value;
	size_t taken = 0;

	if (quoted)
		line_add(line, "\"", 1);
	for (; *s != '\0'; s++, taken++) {
		/* Cut between characters: a byte 10xxxxxx continues one. */
		if (taken >= VALUE_MAX_BYTES && (*s & 0xc0) != 0x80)
			break;
		char escaped[5];
		if (text_is_control(s)) {
			bool two_bytes = (*s & 0x80) != 0;
			for (int i = 0; i <= two_bytes; i++) {
				snprintf(escaped, sizeof(escaped), "\\x%02x",
				    (unsigned char)s[i]);
				line_add(line, escaped, 4);
			}
			s += two_bytes;
		} else if (*s == '"' || *s == '\\') {
			line_add(line, "\\", 1);
			line_add(line, s, 1);
		} else {
			line_add(line, s, 1);
		}
	}
	if (*s != '\0')
		line_add(line, CUT_MARK, strlen(CUT_MARK));
	if (quoted)
		line_add(line, "\"", 1);
}

static void
line_write(struct line *line)
{
	if (line->len == LINE_ROOM) {
		memcpy(line->data + line->len, CUT_MARK, strlen(CUT_MARK));
		line->len += strlen(CUT_MARK);
	}
	line->data[line->len++] = '\n';

	if (thread_sink != NULL) {
		thread_sink(thread_context, line->data, line->len);
		return;
	}
	/* A log that cannot be written leaves nowhere to say so. */
	ssize_t ignored = write(STDERR_FILENO, line->data, line->len);
	(void)ignored;
}

void
log_line(enum log_level level, ...)
{
	if (level > threshold)
		return;

	int saved_errno = errno;
	struct line line = { .len = 0 };
	line.len = (size_t)snprintf(line.data, sizeof(line.data),
	    PACKAGE_NAME "[%ld]: %s:", (long)getpid(), log_level_names[level]);

	va_list pairs;
	va_start(pairs, level);
	const char *key;
	while ((key = va_arg(pairs, const char *)) != NULL) {
		const char *value = va_arg(pairs, const char *);
		if (value == NULL)
			continue;
		line_add(&line, " ", 1);
		line_add(&line, key, strlen(key));
		line_add(&line, "=", 1);
		line_add_value(&line, value);
	}
	va_end(pairs);

	line_write(&line);
	errno = saved_errno;
}
