/* Bytes as hexadecimal digits.  It does not know what the bytes are. */
#ifndef HEX_H
#define HEX_H

#include <stddef.h>

#include "base/text.h"

/* Appends the bytes as 2 * len lower-case digits. */
void hex_add(struct text *out, const void *bytes, size_t len);

/* Writes the bytes as 2 * len lower-case digits and a NUL. */
void hex_write(const void *bytes, size_t len, char *out);

/* The value of a digit in either case, 0 to 15; -1 when it is not one. */
int hex_digit(char c);

/* Reads 2 * len digits in either case; what follows them is not looked at.
 * Returns 0, or -1 when one of them is not a digit. */
int hex_read(const char *digits, unsigned char *bytes, size_t len);

/* The same of lower-case digits only, and exactly 2 * len of them. */
int hex_read_exactly(const char *digits, size_t digits_len,
    unsigned char *bytes, size_t len);

#endif
