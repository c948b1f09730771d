#include "base/envfile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct file {
	const char *at;
	const char *end;
	int line;
};

static int
next(struct file *f)
{
	if (f->at == f->end)
		return EOF;
	if (*f->at == '\n')
		f->line++;
	return (unsigned char)*f->at++;
}

static void
skip_line(struct file *f)
{
	int c;
	while ((c = next(f)) != EOF && c != '\n')
		;
}

/* Reads up to the closing quote.  Everything is literal, except that inside
 * double quotes a backslash escapes " \ ` $ and joins two lines.  Returns -1
 * when the quote is not closed. */
static int
read_quoted(struct file *f, char quote, struct text *value)
{
	int c;

	while ((c = next(f)) != EOF && c != quote) {
		char byte = (char)c;
		if (quote == '"' && c == '\\') {
			c = next(f);
			if (c == '\n')
				continue;
			if (c == EOF)
				return -1;
			if (strchr("\"\\`$", c) == NULL)
				text_puts(value, "\\");
			byte = (char)c;
		}
		text_add(value, &byte, 1);
	}
	return c == EOF ? -1 : 0;
}

/* The rest of a line after "NAME=".  Unquoted space at its end is dropped. */
static int
read_value(struct file *f, struct text *value)
{
	size_t keep = 0;
	int c;

	while ((c = next(f)) != EOF && c != '\n') {
		char byte = (char)c;
		if (c == '"' || c == '\'') {
			if (read_quoted(f, byte, value) != 0)
				return -1;
			keep = value->len;
			continue;
		}
		if (c == '\\') {
			c = next(f);
			if (c == '\n' || c == EOF)
				continue;
			byte = (char)c;
			text_add(value, &byte, 1);
			keep = value->len;
			continue;
		}
		if (value->len == 0 && isspace(c))
			continue;
		text_add(value, &byte, 1);
		if (!isspace(c))
			keep = value->len;
	}
	text_truncate(value, keep);
	return 0;
}

/* Reads a name up to its "="; `c` is its first byte.  Returns the byte that
 * ended it. */
static int
read_name(struct file *f, int c, char name[ENVFILE_NAME_SIZE])
{
	size_t len = 0;

	for (; c != EOF && c != '=' && c != '\n'; c = next(f))
		if (len < ENVFILE_NAME_SIZE - 1)
			name[len++] = (char)c;
	while (len > 0 && isspace((unsigned char)name[len - 1]))
		len--;
	name[len] = '\0';
	/* What stands before a NUL must not pass for the whole name. */
	if (strlen(name) != len)
		name[0] = '\0';
	return c;
}

/* Reads the rest of an assignment and hands it on. */
static int
take_value(struct file *f, const char *path, int line, const char *name,
    envfile_fn *take, void *context, struct error *error)
{
	struct text value = TEXT_EMPTY;
	int result;

	if (read_value(f, &value) != 0)
		result = error_set(error, "%s:%d: a quote is not closed",
		    path, line);
	else if (value.failed)
		result = error_set(error, "out of memory");
	else if (memchr(text_string(&value), '\0', value.len) != NULL)
		result = error_set(error, "%s:%d: the value of %s has a NUL "
		    "byte", path, line, name);
	else
		result = take(context, path, line, name, text_string(&value));
	/* The value may be a secret. */
	if (value.data != NULL)
		explicit_bzero(value.data, value.size);
	text_free(&value);
	return result;
}

/* Reads one assignment or comment.  Returns 0, 1 at the end of the file, or
 * -1 with a sentence. */
static int
read_assignment(struct file *f, const char *path, envfile_fn *take,
    void *context, struct error *error)
{
	char name[ENVFILE_NAME_SIZE];
	int c;

	do
		c = next(f);
	while (c != EOF && isspace(c));
	if (c == EOF)
		return 1;
	if (c == '#' || c == ';') {
		skip_line(f);
		return 0;
	}
	int line = f->line;
	if (read_name(f, c, name) != '=')
		return error_set(error, "%s:%d: a line must be NAME=value",
		    path, line);
	return take_value(f, path, line, name, take, context, error);
}

int
envfile_read(const char *path, const char *content, size_t len,
    envfile_fn *take, void *context, struct error *error)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct file f = { content, content + len, 1 };
	int result;

	/* Some editors on Windows begin a file with a byte order mark. */
	if (len >= strlen(bom) && memcmp(content, bom, strlen(bom)) == 0)
		f.at += strlen(bom);
	do
		result = read_assignment(&f, path, take, context, error);
	while (result == 0);
	return result < 0 ? -1 : 0;
}
