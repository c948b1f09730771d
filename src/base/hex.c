#include "base/hex.h"

static const char digits_of[] = "0123456789abcdef";

void
hex_write(const void *bytes, size_t len, char *out)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits_of[b[i] >> 4];
		*out++ = digits_of[b[i] & 15];
	}
	*out = '\0';
}

void
hex_add(struct text *out, const void *bytes, size_t len)
{
	if (text_reserve(out, 2 * len) != 0)
		return;
	hex_write(bytes, len, out->data + out->len);
	out->len += 2 * len;
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_read(const char *digits, unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++, digits += 2) {
		int high = hex_digit(digits[0]);
		int low = high < 0 ? -1 : hex_digit(digits[1]);
		if (low < 0)
			return -1;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

int
hex_read_exactly(const char *digits, size_t digits_len, unsigned char *bytes,
    size_t len)
{
	if (digits_len != 2 * len)
		return -1;
	for (size_t i = 0; i < digits_len; i++)
		if (digits[i] >= 'A' && digits[i] <= 'F')
			return -1;
	return hex_read(digits, bytes, len);
}
