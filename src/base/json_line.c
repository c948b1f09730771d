#include "base/json_line.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"

static void
add_name(struct text *out, const char *name)
{
	text_puts(out, out->len == 0 ? "{" : ",");
	json_write_string(out, name, strlen(name));
	text_puts(out, ":");
}

static void
add_string(struct text *out, const char *value)
{
	struct text good = TEXT_EMPTY;

	for (size_t left = strlen(value); left > 0;) {
		size_t len = text_character(value, left);
		if (len == 0)
			text_puts(&good, "\xef\xbf\xbd");
		else
			text_add(&good, value, len);
		value += len == 0 ? 1 : len;
		left -= len == 0 ? 1 : len;
	}
	out->failed |= good.failed;
	json_write_string(out, text_string(&good), good.len);
	text_free(&good);
}

void
json_line_text(struct text *out, const char *name, const char *value)
{
	add_name(out, name);
	if (value == NULL)
		text_puts(out, "null");
	else
		add_string(out, value);
}

void
json_line_number(struct text *out, const char *name, int64_t value)
{
	add_name(out, name);
	text_printf(out, "%lld", (long long)value);
}

void
json_line_bool(struct text *out, const char *name, bool value)
{
	add_name(out, name);
	text_puts(out, value ? "true" : "false");
}

void
json_line_bytes(struct text *out, const char *name, const void *bytes,
    size_t len)
{
	add_name(out, name);
	if (bytes == NULL) {
		text_puts(out, "null");
		return;
	}
	text_puts(out, "\"");
	hex_add(out, bytes, len);
	text_puts(out, "\"");
}

void
json_line_raw(struct text *out, const char *name, const char *json)
{
	struct json_object *value = NULL;
	struct json_error error;

	add_name(out, name);
	if (json == NULL) {
		text_puts(out, "null");
	} else if (json_read(json, strlen(json), &value, &error) == 0) {
		json_write(out, value);
		json_object_put(value);
	} else {
		add_string(out, json);
	}
}

void
json_line_end(struct text *out)
{
	text_puts(out, out->len == 0 ? "{}" : "}");
}
