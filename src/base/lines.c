#include "base/lines.h"

#include <stdlib.h>
#include <string.h>

/* The next line, as a C string without its newline; NULL when it has no
 * newline, or a NUL inside. */
static char *
take_line(struct lines *lines)
{
	char *line = lines->at;
	char *newline = memchr(line, '\n', (size_t)(lines->end - line));

	if (newline == NULL ||
	    memchr(line, '\0', (size_t)(newline - line)) != NULL) {
		lines->failed = true;
		return NULL;
	}
	*newline = '\0';
	lines->at = newline + 1;
	return line;
}

void
lines_begin(struct lines *lines, struct text *text, const char *title)
{
	*lines = (struct lines){ text->data, text->data + text->len, false };
	const char *line = text->len == 0 ? NULL : take_line(lines);
	if (line == NULL || strcmp(line, title) != 0)
		lines->failed = true;
}

bool
lines_next(struct lines *lines, const char **name, const char **value)
{
	if (lines->failed || lines->at == lines->end)
		return false;
	char *line = take_line(lines);
	char *colon = line == NULL ? NULL : strstr(line, ": ");
	if (colon == NULL) {
		lines->failed = true;
		return false;
	}
	*colon = '\0';
	*name = line;
	*value = colon + 2;
	return true;
}

const char *
lines_take(struct lines *lines, const char *name)
{
	const char *found, *value;

	if (lines_next(lines, &found, &value) && strcmp(found, name) == 0)
		return value;
	lines->failed = true;
	return NULL;
}

bool
lines_number(const char *text, uint64_t *number)
{
	char *end;

	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' &&
	    end - text <= 18;
}
