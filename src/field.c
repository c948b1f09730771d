#include "field.h"

#include "timestamp.h"

/* Longer than any date that makes sense, and short in metadata. */
#define TIME_BYTES_MAX 64

enum reply_kind
field_check_string(struct json_object *value, const char *name,
    struct reply *reply)
{
	if (json_is_string(value))
		return REPLY_NONE;
	return reply_set(reply, REPLY_BAD_FIELD, "'%s' must be a string",
	    name);
}

enum reply_kind
field_check_number(struct json_object *value, const char *name,
    struct reply *reply)
{
	if (json_is_number(value))
		return REPLY_NONE;
	return reply_set(reply, REPLY_BAD_FIELD, "'%s' must be a number",
	    name);
}

enum reply_kind
field_check_id(struct json_object *value, const char *name,
    struct reply *reply)
{
	enum reply_kind kind = field_check_string(value, name, reply);
	if (kind != REPLY_NONE)
		return kind;

	const char *s = json_object_get_string(value);
	int len = json_object_get_string_len(value);
	if (len > FIELD_ID_BYTES_MAX)
		return reply_set(reply, REPLY_BAD_FIELD,
		    "'%s' must be at most %d bytes", name, FIELD_ID_BYTES_MAX);
	for (int i = 0; i < len; i++)
		if (text_is_control(s + i))
			return reply_set(reply, REPLY_BAD_FIELD,
			    "'%s' must not have control characters", name);
	return REPLY_NONE;
}

enum reply_kind
field_read_object(struct json_object *value, const char *name,
    struct json_object **object, struct reply *reply)
{
	if (json_as_object(value, object) != 0)
		return reply_set(reply, REPLY_INTERNAL, "%s", REPLY_NO_MEMORY);
	if (*object != NULL)
		return REPLY_NONE;
	return reply_set(reply, REPLY_BAD_FIELD, "'%s' must be an object",
	    name);
}

enum reply_kind
field_read_time(struct json_object *value, const char *name, int64_t *ms,
    struct reply *reply)
{
	if (json_is_number(value)) {
		double number = json_object_get_double(value);
		if (number >= 0 && number < (double)TIMESTAMP_MAX + 1) {
			*ms = (int64_t)number;
			return REPLY_NONE;
		}
	} else if (json_is_string(value)) {
		size_t len = (size_t)json_object_get_string_len(value);
		if (len <= TIME_BYTES_MAX && timestamp_parse(
		    json_object_get_string(value), len, ms) == 0)
			return REPLY_NONE;
	}
	return reply_set(reply, REPLY_BAD_FIELD, "'%s' must be an ISO 8601 "
	    "date and time, or milliseconds since 1970", name);
}
