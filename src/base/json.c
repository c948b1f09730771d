#include "base/json.h"

#include <string.h>

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

bool
json_is_list(struct json_object *value)
{
	return json_object_is_type(value, json_type_array);
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
