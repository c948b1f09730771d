#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int
text_reserve(struct text *text, size_t more)
{
	if (text->failed)
		return -1;
	if (more < text->size - text->len)
		return 0;

	size_t size = text->size < 256 ? 256 : text->size;
	while (size - text->len <= more) {
		if (size > SIZE_MAX / 2) {
			text->failed = true;
			return -1;
		}
		size *= 2;
	}

	char *data = realloc(text->data, size);
	if (data == NULL) {
		text->failed = true;
		return -1;
	}
	text->data = data;
	text->size = size;
	return 0;
}

void
text_add(struct text *text, const void *bytes, size_t len)
{
	if (text_reserve(text, len) != 0)
		return;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
text_prepend(struct text *text, const char *string)
{
	size_t len = strlen(string);

	if (text_reserve(text, len) != 0)
		return;
	memmove(text->data + len, text->data, text->len);
	memcpy(text->data, string, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
text_puts(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

const char *
text_string(const struct text *text)
{
	return text->len == 0 ? "" : text->data;
}

bool
text_is_control(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	return u[0] < 0x20 || u[0] == 0x7f ||
	    (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f);
}

size_t
text_fit(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len <= max)
		return len;
	/* s[len] is the first byte to go: 10xxxxxx goes on with one. */
	for (len = max; len > 0 && (s[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

void
text_free(struct text *text)
{
	free(text->data);
	*text = TEXT_EMPTY;
}
