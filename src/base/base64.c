#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_write(struct text *out, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)b[i] << 16 |
		    (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
		    (left > 2 ? b[i + 2] : 0);
		char quad[4] = "====";
		for (size_t at = 0; at < 4 && at <= left; at++)
			quad[at] = alphabet[group >> (18 - 6 * at) & 63];
		text_add(out, quad, sizeof(quad));
	}
}

/* The six bits of a character, or -1. */
static int
value_of(char c)
{
	const char *at = memchr(alphabet, c, sizeof(alphabet));

	return at == NULL ? -1 : (int)(at - alphabet);
}

/* Reads four characters.  Returns how many bytes they are, or -1. */
static int
read_group(const char *text, unsigned char bytes[3])
{
	int count = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
	uint32_t group = 0;

	for (int i = 0; i < 4; i++) {
		int value = i <= count ? value_of(text[i]) : 0;
		if (value < 0)
			return -1;
		group = group << 6 | (uint32_t)value;
	}
	if ((group & ((UINT32_C(1) << (8 * (3 - count))) - 1)) != 0)
		return -1;
	for (int i = 0; i < 3; i++)
		bytes[i] = (unsigned char)(group >> (16 - 8 * i));
	return count;
}

int
base64_read(const char *text, size_t len, unsigned char *bytes, size_t size,
    size_t *bytes_len)
{
	*bytes_len = 0;
	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		unsigned char group[3];
		int count = read_group(text + i, group);
		if (count < 0 || (count < 3 && i + 4 != len) ||
		    (size_t)count > size - *bytes_len)
			return -1;
		memcpy(bytes + *bytes_len, group, (size_t)count);
		*bytes_len += (size_t)count;
	}
	return 0;
}

int
base64_read_exactly(const char *text, size_t len, unsigned char *bytes,
    size_t size)
{
	size_t bytes_len;

	return base64_read(text, len, bytes, size, &bytes_len) == 0 &&
	    bytes_len == size ? 0 : -1;
}
