#include "base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

/* ECMA-262 calls a key an array index up to this value; such keys come first
 * in an object, in ascending order. */
#define ARRAY_INDEX_MAX UINT32_C(4294967294)

void
json_write_string(struct text *out, const char *string, size_t len)
{
	static const char short_escapes[] = "\b\t\n\f\r\"\\";
	static const char short_names[] = "btnfr\"\\";
	static const char hex[] = "0123456789abcdef";
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
			text_puts(out, "\\u00");
			text_add(out, &hex[*at >> 4], 1);
			text_add(out, &hex[*at & 15], 1);
			at++;
		}
	}
	text_puts(out, "\"");
}

static void
add_zeros(struct text *out, int count)
{
	while (count-- > 0)
		text_puts(out, "0");
}

/* Without printf(), which takes longer than all the rest. */
static void
write_whole(struct text *out, int64_t number)
{
	char text[20], *at = text + sizeof(text);
	uint64_t rest = number < 0 ? (uint64_t)-number : (uint64_t)number;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--at = '-';
	text_add(out, at, (size_t)(text + sizeof(text) - at));
}

static void
write_number(struct text *out, double number)
{
	char digits[DECIMAL_SIZE];
	int n;

	/* -0, too, is written as 0. */
	if (fabs(number) < 9007199254740992.0 &&
	    number == (double)(int64_t)number) {
		write_whole(out, (int64_t)number);
		return;
	}
	if (number < 0) {
		text_puts(out, "-");
		number = -number;
	}

	int k = decimal_shortest(number, digits, &n);
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
		text_puts(out, n > 0 ? "e+" : "e");
		write_whole(out, n - 1);
	}
}

/* Whether a key is an array index: "0", or digits without a leading zero. */
static bool
array_index(const char *key, uint32_t *index)
{
	const char *at = key;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9' && at - key < 10; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == key || *at != '\0' || (*key == '0' && at - key > 1))
		return false;
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

/* Writes the members whose keys are indexes, of which there are `count`. */
static void
write_indexed(struct text *out, struct json_object *object, size_t count,
    bool *first)
{
	struct indexed *members = calloc(count, sizeof(*members));
	size_t filled = 0;
	bool ascending = true;
	uint32_t index;

	if (members == NULL) {
		out->failed = true;
		return;
	}
	json_object_object_foreach(object, key, value) {
		if (!array_index(key, &index))
			continue;
		ascending &= filled == 0 || members[filled - 1].index < index;
		members[filled++] = (struct indexed){ index, key, value };
	}
	if (!ascending)
		qsort(members, filled, sizeof(*members), compare_indexed);
	for (size_t i = 0; i < filled; i++)
		write_member(out, members[i].key, members[i].value, first);
	free(members);
}

static void
write_object(struct text *out, struct json_object *object)
{
	size_t indexes = 0, count = 0;
	uint32_t index;
	bool first = true;

	text_puts(out, "{");
	json_object_object_foreach(object, any_key, any_value) {
		(void)any_value;
		indexes += array_index(any_key, &index);
		count++;
	}
	if (indexes > 0)
		write_indexed(out, object, indexes, &first);
	if (indexes < count) {
		json_object_object_foreach(object, key, value) {
			if (indexes == 0 || !array_index(key, &index))
				write_member(out, key, value, &first);
		}
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
