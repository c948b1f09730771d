#include "base/json_path.h"

#include <stdlib.h>
#include <string.h>

/* One step of a path; returns NULL when there is nothing. */
static struct json_object *
step(struct json_object *value, const char *name, size_t len)
{
	char key[JSON_PATH_NAME_SIZE];
	bool only = len > 2 && memcmp(name + len - 2, "[]", 2) == 0;

	if (only)
		len -= 2;
	if (len == 0 || len >= sizeof(key))
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	if (json_object_is_type(value, json_type_array))
		value = len < 8 && strspn(key, "0123456789") == len ?
		    json_object_array_get_idx(value, strtoul(key, NULL, 10)) :
		    NULL;
	else
		value = json_get(value, key);
	if (!only)
		return value;
	return json_object_is_type(value, json_type_array) &&
	    json_object_array_length(value) == 1 ?
	    json_object_array_get_idx(value, 0) : NULL;
}

struct json_object *
json_path_find(struct json_object *value, const char *path, size_t len)
{
	const char *end = path + len;

	while (value != NULL && path <= end) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		size_t name_len = (size_t)((dot != NULL ? dot : end) - path);
		value = step(value, path, name_len);
		path += name_len + 1;
	}
	return value;
}

bool
json_path_add_text(struct text *out, struct json_object *value)
{
	size_t before = out->len;

	if (json_is_string(value))
		text_add(out, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	else if (json_is_number(value) ||
	    json_object_is_type(value, json_type_boolean))
		json_write(out, value);
	return out->len > before;
}
