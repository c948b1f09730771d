#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
text_reserve(struct text *text, size_t more)
{
	if (text->failed)
		return -1;
	if (more < text->size - text->len)
		return 0;

	/* What is known beforehand is taken exactly. */
	size_t size = text->size > 0 ? text->size : more < 256 ? 256 :
	    more < SIZE_MAX ? more + 1 : more;
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

void
text_printf(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || text_reserve(text, (size_t)len) != 0) {
		text->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
	va_end(args);
	text->len += (size_t)len;
}

void
text_truncate(struct text *text, size_t len)
{
	if (len >= text->len)
		return;
	text->len = len;
	text->data[len] = '\0';
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
text_character(const char *bytes, size_t left)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t len;
	unsigned char low = 0x80, high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;

	if (s[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (s[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */

	if (left < len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t
text_utf8(const char *s, size_t len)
{
	size_t good = 0;

	while (good < len) {
		size_t next = text_character(s + good, len - good);
		if (next == 0)
			break;
		good += next;
	}
	return good;
}

size_t
text_fit(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len <= max)
		return len;
	/* s[len] is the first byte that is left out: where it is 10xxxxxx, it
	 * continues a character that would be cut. */
	for (len = max; len > 0 && (s[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

int
text_read_number(const char *s, size_t len, int64_t max, int64_t *number)
{
	int64_t n = 0;

	if (len == 0 || (s[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = s[i] - '0';
		if (digit < 0 || digit > 9 || n > (max - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	*number = n;
	return 0;
}

void
text_free(struct text *text)
{
	free(text->data);
	*text = TEXT_EMPTY;
}

bool
text_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (isalnum((unsigned char)*s) || (*s != '\0' &&
	    strchr("!#$%&'*+-.^_`|~", *s) != NULL))
		s++;
	return *s == '\0';
}
