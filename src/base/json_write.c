#include "base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ECMA-262 calls a key an array index up to this value; such keys come first
 * in an object, in ascending order. */
#define ARRAY_INDEX_MAX UINT32_C(4294967294)

void
json_write_string(struct text *out, const char *string, size_t len)
{
	static const char short_escapes[] = "\b\t\n\f\r\"\\";
	static const char short_names[] = "btnfr\"\\";
	const char *at = string, *end = string + len;

	text_puts(out, "\"");
	while (at < end) {
		const char *run = at;
		while (at < end && (unsigned char)*at >= 0x20 && *at != '"' &&
		    *at != '\\' && (unsigned char)*at != 0xc0)
			at++;
		text_add(out, run, (size_t)(at - run));
		if (at == end)
			break;
		const char *found = *at == '\0' ? NULL :
		    strchr(short_escapes, *at);
		if (found != NULL) {
			text_puts(out, "\\");
			text_add(out, &short_names[found - short_escapes], 1);
			at++;
		} else if ((unsigned char)*at == 0xc0) {
			/* C0 80, a NUL inside a key; see json.h. */
			text_puts(out, "\\u0000");
			at += 2;
		} else {
			text_printf(out, "\\u%04x", (unsigned char)*at);
			at++;
		}
	}
	text_puts(out, "\"");
}

/*
 * The shortest decimal digits that read back as the double, which is positive
 * and finite: digits d1 d2 … dk and an exponent n for the value
 * 0.d1d2…dk * 10^n.  Returns k (ECMA-262, Number::toString, step 5).
 */
static int
shortest_digits(double number, char digits[20], int *n)
{
	char text[32];
	/* A double holds any 15 digits, so that a shorter number has zeros at
	 * the end of its 15; only subnormals hold fewer. */
	int precision = number < 2.2250738585072014e-308 ? 1 : 15;
	int exponent;

	for (;; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, number);
		if (strtod(text, NULL) == number || precision == 17)
			break;
		/*
		 * Below a power of two the doubles lie closer together than
		 * above, so the nearest decimal can miss it from below while
		 * the next one above still reads back.
		 */
		if (frexp(number, &exponent) == 0.5) {
			char *last = &text[strcspn(text, "e") - 1];
			if (*last != '9') {
				++*last;
				if (strtod(text, NULL) == number)
					break;
			}
		}
	}

	int k = 0;
	const char *c = text;
	for (; *c != 'e'; c++)
		if (*c != '.')
			digits[k++] = *c;
	while (k > 1 && digits[k - 1] == '0')
		k--;
	*n = (int)strtol(c + 1, NULL, 10) + 1;
	return k;
}

static void
add_zeros(struct text *out, int count)
{
	while (count-- > 0)
		text_puts(out, "0");
}

static void
write_number(struct text *out, double number)
{
	char digits[20];
	int n;

	/* -0, too, is written as 0. */
	if (number == floor(number) && fabs(number) < 9007199254740992.0) {
		text_printf(out, "%lld", (long long)number);
		return;
	}
	if (number < 0) {
		text_puts(out, "-");
		number = -number;
	}

	int k = shortest_digits(number, digits, &n);
	if (k <= n && n <= 21) {
		text_add(out, digits, (size_t)k);
		add_zeros(out, n - k);
	} else if (0 < n && n <= 21) {
		text_add(out, digits, (size_t)n);
		text_puts(out, ".");
		text_add(out, digits + n, (size_t)(k - n));
	} else if (-6 < n && n <= 0) {
		text_puts(out, "0.");
		add_zeros(out, -n);
		text_add(out, digits, (size_t)k);
	} else {
		text_add(out, digits, 1);
		if (k > 1) {
			text_puts(out, ".");
			text_add(out, digits + 1, (size_t)(k - 1));
		}
		text_printf(out, "e%+d", n - 1);
	}
}

/* Whether a key is an array index: "0", or digits without a leading zero. */
static bool
array_index(const char *key, uint32_t *index)
{
	uint64_t value = 0;
	size_t len = strlen(key);

	if (len == 0 || len > 10 || (key[0] == '0' && len > 1))
		return false;
	for (; *key != '\0'; key++) {
		if (*key < '0' || *key > '9')
			return false;
		value = value * 10 + (uint64_t)(*key - '0');
	}
	*index = (uint32_t)value;
	return value <= ARRAY_INDEX_MAX;
}

static void
write_member(struct text *out, const char *key, struct json_object *value,
    bool *first)
{
	if (!*first)
		text_puts(out, ",");
	*first = false;
	json_write_string(out, key, strlen(key));
	text_puts(out, ":");
	json_write(out, value);
}

struct indexed {
	uint32_t index;
	const char *key;
	struct json_object *value;
};

static int
compare_indexed(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void
write_indexed(struct text *out, struct json_object *object, size_t count,
    bool *first)
{
	struct indexed *members = calloc(count, sizeof(*members));
	size_t filled = 0;
	uint32_t index;

	if (members == NULL) {
		out->failed = true;
		return;
	}
	json_object_object_foreach(object, key, value) {
		if (array_index(key, &index))
			members[filled++] = (struct indexed){ index, key,
				value };
	}
	qsort(members, filled, sizeof(*members), compare_indexed);
	for (size_t i = 0; i < filled; i++)
		write_member(out, members[i].key, members[i].value, first);
	free(members);
}

static void
write_object(struct text *out, struct json_object *object)
{
	size_t indexes = 0;
	uint32_t index;
	bool first = true;

	text_puts(out, "{");
	json_object_object_foreach(object, any_key, any_value) {
		(void)any_value;
		indexes += array_index(any_key, &index);
	}
	if (indexes > 0)
		write_indexed(out, object, indexes, &first);
	json_object_object_foreach(object, key, value) {
		if (indexes == 0 || !array_index(key, &index))
			write_member(out, key, value, &first);
	}
	text_puts(out, "}");
}

void
json_write(struct text *out, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		text_puts(out, "null");
		break;
	case json_type_boolean:
		text_puts(out, json_object_get_boolean(value) ? "true" :
		    "false");
		break;
	case json_type_double:
	case json_type_int:
		write_number(out, json_object_get_double(value));
		break;
	case json_type_string:
		json_write_string(out, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
		break;
	case json_type_array:
		text_puts(out, "[");
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			if (i > 0)
				text_puts(out, ",");
			json_write(out, json_object_array_get_idx(value, i));
		}
		text_puts(out, "]");
		break;
	case json_type_object:
		write_object(out, value);
		break;
	}
}
