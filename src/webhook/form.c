#include "webhook/form.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"

bool
form_is_one(const char *body, size_t len)
{
	if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r\n", body[i]) == NULL || body[i] == '\0')
			return strchr("{[\"", body[i]) == NULL;
	return false;
}

/* Appends a name or value with what stands for other bytes decoded. */
static bool
add_decoded(struct text *out, const char *at, size_t len)
{
	const char *end = at + len;
	unsigned char byte;

	while (at < end) {
		const char *run = at;
		while (at < end && *at != '%' && *at != '+')
			at++;
		text_add(out, run, (size_t)(at - run));
		if (at == end)
			break;
		if (*at++ == '+') {
			text_puts(out, " ");
			continue;
		}
		if (end - at < 2 || hex_read(at, &byte, 1) != 0)
			return false;
		text_add(out, &byte, 1);
		at += 2;
	}
	return true;
}

struct pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* Takes the next field off the form; false at its end. */
static bool
next_pair(const char **at, const char *end, struct pair *pair)
{
	while (*at < end && **at == '&')
		++*at;
	if (*at == end)
		return false;
	const char *stop = memchr(*at, '&', (size_t)(end - *at));
	if (stop == NULL)
		stop = end;
	const char *equals = memchr(*at, '=', (size_t)(stop - *at));
	const char *name_end = equals != NULL ? equals : stop;
	const char *value = equals != NULL ? equals + 1 : stop;
	*pair = (struct pair){ *at, (size_t)(name_end - *at), value,
		(size_t)(stop - value) };
	*at = stop;
	return true;
}

bool
form_add_field(struct text *out, const char *body, size_t len,
    const char *name)
{
	const char *at = body;
	struct pair pair;

	while (next_pair(&at, body + len, &pair))
		if (pair.name_len == strlen(name) &&
		    memcmp(pair.name, name, pair.name_len) == 0)
			return add_decoded(out, pair.value, pair.value_len);
	return false;
}

/* Appends a name or value as a JSON string. */
static bool
add_string(struct text *out, const char *at, size_t len)
{
	struct text decoded = TEXT_EMPTY;
	bool good = add_decoded(&decoded, at, len);

	/* json.c writes this byte, which UTF-8 never has, as a NUL. */
	if (memchr(text_string(&decoded), 0xc0, decoded.len) != NULL)
		good = false;
	json_write_string(out, text_string(&decoded), decoded.len);
	out->failed |= decoded.failed;
	text_free(&decoded);
	return good;
}

bool
form_write_json(struct text *out, const char *body, size_t len)
{
	const char *at = body;
	struct pair pair;
	bool good = true, first = true;

	text_puts(out, "{");
	while (good && next_pair(&at, body + len, &pair)) {
		text_puts(out, first ? "" : ",");
		first = false;
		good = add_string(out, pair.name, pair.name_len);
		text_puts(out, ":");
		good = good && add_string(out, pair.value, pair.value_len);
	}
	text_puts(out, "}");
	return good;
}
