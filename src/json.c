#include "json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ECMA-262 calls a key an array index up to this value; such keys come first
 * in an object, in ascending order. */
#define ARRAY_INDEX_MAX UINT32_C(4294967294)

/* Places that a new object of json-c has, used or not. */
#define OBJECT_PLACES 16

struct reader {
	const char *start;
	const char *at;
	const char *end;
	struct text scratch; /* the string last read */
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

/* Length of the UTF-8 sequence at s (RFC 3629), or 0 when it is malformed. */
static size_t
utf8_sequence(const unsigned char *s, const unsigned char *end)
{
	size_t left = (size_t)(end - s);
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

static int
check_utf8(struct reader *r)
{
	const unsigned char *s = (const unsigned char *)r->at;
	const unsigned char *end = (const unsigned char *)r->end;

	while (s < end) {
		size_t len = utf8_sequence(s, end);
		if (len == 0) {
			r->at = (const char *)s;
			return fail(r, "not UTF-8");
		}
		s += len;
	}
	return 0;
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
		char c = *r->at;
		unsigned digit;
		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A' + 10);
		else
			return fail(r, "a \\u escape needs four hex digits");
		*unit = *unit << 4 | digit;
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
	r->scratch.len = 0;
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

	/* The byte after the number is none that strtod() could use: it is
	 * outside the grammar above, or an "x" whose text is refused next. */
	double number = strtod(first, NULL);
	if (isinf(number)) {
		r->at = first;
		return fail(r, "number too large");
	}
	*value = json_object_new_double(number);
	return *value == NULL ? fail(r, out_of_memory) : 0;
}

static int
read_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return fail(r, "a value was expected");
	r->at += len;
	return 0;
}

/* Reads a key and its colon.  The caller frees the key. */
static char *
read_key(struct reader *r)
{
	skip_space(r);
	if (!take(r, '"')) {
		fail(r, "a key was expected");
		return NULL;
	}
	if (read_string(r) != 0)
		return NULL;

	size_t nuls = 0;
	for (size_t i = 0; i < r->scratch.len; i++)
		nuls += r->scratch.data[i] == '\0';
	char *key = malloc(r->scratch.len + nuls + 1), *to = key;
	if (key == NULL) {
		fail(r, out_of_memory);
		return NULL;
	}
	for (size_t i = 0; i < r->scratch.len; i++) {
		if (r->scratch.data[i] == '\0') {
			*to++ = (char)0xc0;
			*to++ = (char)0x80;
		} else {
			*to++ = r->scratch.data[i];
		}
	}
	*to = '\0';

	skip_space(r);
	if (!take(r, ':')) {
		fail(r, "a colon was expected");
		free(key);
		return NULL;
	}
	return key;
}

/* A place takes 40 bytes, so that a body of empty objects, three bytes each,
 * would take 265 times its size. */
static void
give_back_places(struct json_object *object)
{
	int used = json_object_object_length(object);
	int needed = used + used / 2 + 1;

	/* What cannot be had smaller stays as it is. */
	if (needed < OBJECT_PLACES)
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
	skip_space(r);
	if (take(r, '}')) {
		give_back_places(object);
		return 0;
	}
	do {
		struct json_object *member;
		char *key = read_key(r);
		if (key == NULL)
			return -1;
		if (read_value(r, depth, &member) != 0) {
			free(key);
			return -1;
		}
		int added = json_object_object_add(object, key, member);
		free(key);
		if (added != 0) {
			json_object_put(member);
			return fail(r, out_of_memory);
		}
		skip_space(r);
	} while (take(r, ','));
	give_back_places(object);
	return take(r, '}') ? 0 : fail(r, "a comma or } was expected");
}

static int
read_array(struct reader *r, int depth, struct json_object *array)
{
	skip_space(r);
	if (take(r, ']'))
		return 0;
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

static int
read_container(struct reader *r, int depth, struct json_object **value)
{
	bool is_object = *r->at++ == '{';

	if (depth > JSON_DEPTH_MAX)
		return fail(r, "nested deeper than 64");
	struct json_object *container = is_object ?
	    json_object_new_object() : new_array();
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
		if (read_word(r, *r->at == 't' ? "true" : "false") != 0)
			return -1;
		*value = json_object_new_boolean(r->at[-2] == 'u');
		return *value == NULL ? fail(r, out_of_memory) : 0;
	case 'n':
		return read_word(r, "null");
	default:
		return read_number(r, value);
	}
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
	text_free(&r.scratch);
	return result;
}

void
json_write_string(struct text *out, const char *string, size_t len)
{
	static const char short_escapes[] = "\b\t\n\f\r\"\\";
	static const char short_names[] = "btnfr\"\\";
	const char *at = string, *end = string + len;
	char escape[8];

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
			snprintf(escape, sizeof(escape), "\\%c",
			    short_names[found - short_escapes]);
			at++;
		} else if ((unsigned char)*at == 0xc0) {
			snprintf(escape, sizeof(escape), "\\u0000");
			at += 2;
		} else {
			snprintf(escape, sizeof(escape), "\\u%04x",
			    (unsigned)(unsigned char)*at);
			at++;
		}
		text_puts(out, escape);
	}
	text_puts(out, "\"");
}

/*
 * The shortest decimal digits that read back as the double, which is positive
 * and finite: digits d1 d2 … dk and an exponent n with value 0.d1d2…dk * 10^n.
 * Returns k.  (ECMA-262, Number::toString, step 5.)
 */
static int
shortest_digits(double number, char digits[20], int *n)
{
	char text[32];
	/* A double holds any 15 digits, so fewer than that show as trailing
	 * zeros of 15; only subnormals hold less. */
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
			char *last = strchr(text, 'e') - 1;
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
	char digits[20], text[32];
	int n;

	/* -0 too is written as 0. */
	if (number == floor(number) && fabs(number) < 9007199254740992.0) {
		snprintf(text, sizeof(text), "%lld", (long long)number);
		text_puts(out, text);
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
		snprintf(text, sizeof(text), "e%+d", n - 1);
		text_puts(out, text);
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

struct json_object *
json_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;
	if (json_is_object(object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

const char *
json_get_string(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);
	if (!json_is_string(value))
		return NULL;
	const char *string = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);
	return len == 0 || strlen(string) != len ? NULL : string;
}

bool
json_is_object(struct json_object *value)
{
	return json_object_is_type(value, json_type_object);
}

bool
json_is_string(struct json_object *value)
{
	return json_object_is_type(value, json_type_string);
}

bool
json_is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_double);
}

int
json_as_object(struct json_object *value, struct json_object **object)
{
	struct json_error error;

	*object = NULL;
	if (json_is_object(value))
		*object = json_object_get(value);
	else if (json_is_string(value) &&
	    json_read(json_object_get_string(value),
	    (size_t)json_object_get_string_len(value), object, &error) != 0)
		return error.no_memory ? -1 : 0;
	if (!json_is_object(*object)) {
		json_object_put(*object);
		*object = NULL;
	}
	return 0;
}

int
json_add(struct json_object *object, const char *key,
    struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, key, value) == 0)
		return 0;
	json_object_put(value);
	return -1;
}

const char *
json_library_version(void)
{
	return json_c_version();
}
