#include "base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

/* Slots that json-c gives a new object, used or not. */
#define OBJECT_SLOTS 16

struct reader {
	const char *start;
	const char *at;
	const char *end;
	struct text scratch; /* the string last read */
	struct text keys;    /* of the members being read, each with a NUL */
	struct json_object *digits[10]; /* the numbers 0 to 9, or NULL */
	struct json_object *empty[2]; /* the list, the object; or NULL */
	const char *reason;
};

static const char out_of_memory[] = "out of memory";

static int read_value(struct reader *r, int depth, struct json_object **value);

static int
fail(struct reader *r, const char *reason)
{
	if (r->reason == NULL)
		r->reason = reason;
	return -1;
}

static int
check_utf8(struct reader *r)
{
	size_t len = (size_t)(r->end - r->at);
	size_t good = text_utf8(r->at, len);

	if (good == len)
		return 0;
	r->at += good;
	return fail(r, "not UTF-8");
}

static void
skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' ||
	    *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static bool
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static int
read_hex4(struct reader *r, unsigned *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		if (r->at == r->end)
			return fail(r, "a string is not closed");
		int digit = hex_digit(*r->at);
		if (digit < 0)
			return fail(r, "a \\u escape needs four hex digits");
		*unit = *unit << 4 | (unsigned)digit;
	}
	return 0;
}

static void
add_code_point(struct text *out, unsigned c)
{
	char bytes[4];
	size_t len;

	if (c < 0x80) {
		bytes[0] = (char)c;
		len = 1;
	} else if (c < 0x800) {
		bytes[0] = (char)(0xc0 | c >> 6);
		bytes[1] = (char)(0x80 | (c & 0x3f));
		len = 2;
	} else if (c < 0x10000) {
		bytes[0] = (char)(0xe0 | c >> 12);
		bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (c & 0x3f));
		len = 3;
	} else {
		bytes[0] = (char)(0xf0 | c >> 18);
		bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (c & 0x3f));
		len = 4;
	}
	text_add(out, bytes, len);
}

/* After "\u": one code unit, or two that are a surrogate pair. */
static int
read_unicode_escape(struct reader *r)
{
	unsigned unit, low;

	if (read_hex4(r, &unit) != 0)
		return -1;
	if (unit >= 0xd800 && unit <= 0xdbff && r->end - r->at >= 2 &&
	    r->at[0] == '\\' && r->at[1] == 'u') {
		const char *back = r->at;
		r->at += 2;
		if (read_hex4(r, &low) != 0)
			return -1;
		if (low >= 0xdc00 && low <= 0xdfff)
			unit = 0x10000 + ((unit - 0xd800) << 10) +
			    (low - 0xdc00);
		else
			r->at = back;
	}
	if (unit >= 0xd800 && unit <= 0xdfff)
		unit = 0xfffd;
	add_code_point(&r->scratch, unit);
	return 0;
}

static int
read_escape(struct reader *r)
{
	static const char names[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";

	if (r->at == r->end)
		return fail(r, "a string is not closed");
	if (take(r, 'u'))
		return read_unicode_escape(r);
	const char *name = *r->at == '\0' ? NULL : strchr(names, *r->at);
	if (name == NULL)
		return fail(r, "unknown escape in a string");
	r->at++;
	text_add(&r->scratch, &bytes[name - names], 1);
	return 0;
}

/* Reads a string, after its opening quote, into the scratch text. */
static int
read_string(struct reader *r)
{
	text_truncate(&r->scratch, 0);
	for (;;) {
		const char *run = r->at;
		while (r->at < r->end && *r->at != '"' && *r->at != '\\' &&
		    (unsigned char)*r->at >= 0x20)
			r->at++;
		text_add(&r->scratch, run, (size_t)(r->at - run));
		if (take(r, '"'))
			break;
		if (take(r, '\\')) {
			if (read_escape(r) != 0)
				return -1;
			continue;
		}
		return fail(r, r->at == r->end ? "a string is not closed" :
		    "control character in a string");
	}
	return r->scratch.failed ? fail(r, out_of_memory) : 0;
}

static bool
skip_digits(struct reader *r)
{
	const char *first = r->at;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return r->at > first;
}

/* The value of a number.  strtod() stops at the same byte: what it takes beyond
 * the grammar of JSON is hexadecimal, "0x", and that is refused right after
 * this.  Whole numbers of a few digits do without it. */
static double
value_of(const char *first, const char *end)
{
	int64_t whole = 0;
	const char *at = first;

	if (end - first > 15 || *first == '-')
		return strtod(first, NULL);
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		whole = whole * 10 + (*at - '0');
	return at == end ? (double)whole : strtod(first, NULL);
}

/* A number of one digit is the same one each time, for the reason that
 * use_empty() has. */
static int
use_digit(struct reader *r, int digit, struct json_object **value)
{
	if (r->digits[digit] == NULL)
		r->digits[digit] = json_object_new_double(digit);
	*value = json_object_get(r->digits[digit]);
	return *value == NULL ? fail(r, out_of_memory) : 0;
}

static int
read_number(struct reader *r, struct json_object **value)
{
	const char *first = r->at;

	take(r, '-');
	if (!take(r, '0') && !skip_digits(r))
		return fail(r, "a value was expected");
	if (take(r, '.') && !skip_digits(r))
		return fail(r, "a digit was expected");
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		if (!skip_digits(r))
			return fail(r, "a digit was expected");
	}

	if (r->at - first == 1)
		return use_digit(r, *first - '0', value);
	double number = value_of(first, r->at);
	if (isinf(number)) {
		r->at = first;
		return fail(r, "number too large");
	}
	*value = json_object_new_double(number);
	return *value == NULL ? fail(r, out_of_memory) : 0;
}

static int
read_literal(struct reader *r, const char *literal)
{
	size_t len = strlen(literal);
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, literal, len) != 0)
		return fail(r, "a value was expected");
	r->at += len;
	return 0;
}

/* Reads a key and its colon.  It is the last of r->keys then, as a C string:
 * those of the objects around it are before it. */
static int
read_key(struct reader *r)
{
	skip_space(r);
	if (!take(r, '"'))
		return fail(r, "a key was expected");
	if (read_string(r) != 0)
		return -1;

	const char *at = text_string(&r->scratch), *end = at + r->scratch.len;
	while (at < end) {
		size_t run = strnlen(at, (size_t)(end - at));
		text_add(&r->keys, at, run);
		at += run;
		if (at < end) {
			text_puts(&r->keys, "\xc0\x80");
			at++;
		}
	}
	text_add(&r->keys, "", 1);
	if (r->keys.failed)
		return fail(r, out_of_memory);

	skip_space(r);
	return take(r, ':') ? 0 : fail(r, "a colon was expected");
}

/* Gives back the slots that an object does not need.  Each takes 40 bytes, so
 * that a body of empty objects, three bytes each, would take 265 times its
 * size. */
static void
shrink_object(struct json_object *object)
{
	int used = json_object_object_length(object);
	int needed = used + used / 2 + 1;

	/* Where that fails, the object merely stays as large as it is. */
	if (needed < OBJECT_SLOTS)
		(void)lh_table_resize(json_object_get_object(object), needed);
}

static struct json_object *
new_array(void)
{
#if JSON_C_VERSION_NUM >= ((0 << 16) | (15 << 8))
	return json_object_new_array_ext(1);
#else
	return json_object_new_array();
#endif
}

static int
read_object(struct reader *r, int depth, struct json_object *object)
{
	do {
		struct json_object *member;
		size_t key = r->keys.len;
		if (read_key(r) != 0 || read_value(r, depth, &member) != 0)
			return -1;
		if (json_object_object_add(object, r->keys.data + key,
		    member) != 0) {
			json_object_put(member);
			return fail(r, out_of_memory);
		}
		text_truncate(&r->keys, key);
		skip_space(r);
	} while (take(r, ','));
	shrink_object(object);
	return take(r, '}') ? 0 : fail(r, "a comma or } was expected");
}

static int
read_array(struct reader *r, int depth, struct json_object *array)
{
	do {
		struct json_object *element;
		if (read_value(r, depth, &element) != 0)
			return -1;
		if (json_object_array_add(array, element) != 0) {
			json_object_put(element);
			return fail(r, out_of_memory);
		}
		skip_space(r);
	} while (take(r, ','));
	return take(r, ']') ? 0 : fail(r, "a comma or ] was expected");
}

static struct json_object *
new_container(bool is_object)
{
	return is_object ? json_object_new_object() : new_array();
}

/* An empty list or object is the same one each time, since nobody changes what
 * was read: in a text of nothing else, making them would take most of the
 * time. */
static int
use_empty(struct reader *r, bool is_object, struct json_object **value)
{
	struct json_object **empty = &r->empty[is_object];

	if (*empty == NULL) {
		*empty = new_container(is_object);
		if (*empty != NULL && is_object)
			shrink_object(*empty);
	}
	*value = json_object_get(*empty);
	return *value == NULL ? fail(r, out_of_memory) : 0;
}

static int
read_container(struct reader *r, int depth, struct json_object **value)
{
	bool is_object = *r->at++ == '{';

	if (depth > JSON_DEPTH_MAX)
		return fail(r, "nested deeper than 64");
	skip_space(r);
	if (take(r, is_object ? '}' : ']'))
		return use_empty(r, is_object, value);
	struct json_object *container = new_container(is_object);
	if (container == NULL)
		return fail(r, out_of_memory);
	int result = is_object ? read_object(r, depth + 1, container) :
	    read_array(r, depth + 1, container);
	if (result != 0) {
		json_object_put(container);
		return -1;
	}
	*value = container;
	return 0;
}

/* `depth` is the depth that a container here would have. */
static int
read_value(struct reader *r, int depth, struct json_object **value)
{
	*value = NULL;
	skip_space(r);
	if (r->at == r->end)
		return fail(r, "the text ends early");

	switch (*r->at) {
	case '{':
	case '[':
		return read_container(r, depth, value);
	case '"':
		r->at++;
		if (read_string(r) != 0)
			return -1;
		*value = json_object_new_string_len(
		    text_string(&r->scratch), (int)r->scratch.len);
		return *value == NULL ? fail(r, out_of_memory) : 0;
	case 't':
	case 'f':
		if (read_literal(r, *r->at == 't' ? "true" : "false") != 0)
			return -1;
		*value = json_object_new_boolean(r->at[-2] == 'u');
		return *value == NULL ? fail(r, out_of_memory) : 0;
	case 'n':
		return read_literal(r, "null");
	default:
		return read_number(r, value);
	}
}

static void
free_reader(struct reader *r)
{
	for (int i = 0; i < 10; i++)
		json_object_put(r->digits[i]);
	json_object_put(r->empty[false]);
	json_object_put(r->empty[true]);
	text_free(&r->keys);
	text_free(&r->scratch);
}

int
json_read(const char *text, size_t len, struct json_object **value,
    struct json_error *error)
{
	struct reader r = { .start = text, .at = text, .end = text + len };
	int result;

	*value = NULL;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	result = check_utf8(&r);
	if (result == 0)
		result = read_value(&r, 1, value);
	if (result == 0) {
		skip_space(&r);
		if (r.at != r.end)
			result = fail(&r, "more after the value");
	}
	if (result != 0) {
		json_object_put(*value);
		*value = NULL;
		error->reason = r.reason;
		error->offset = (size_t)(r.at - r.start);
		error->no_memory = r.reason == out_of_memory;
	}
	free_reader(&r);
	return result;
}
