#include "webhook/field.h"

#include "base/timestamp.h"

/* Longer than any date that makes sense, and short in metadata. */
#define TIME_BYTES_MAX 64

enum refusal_code
field_check_string(struct json_object *value, const char *name,
    struct refusal *refusal)
{
	if (json_is_string(value))
		return REFUSAL_NONE;
	return refusal_set_field(refusal, name, REFUSAL_RULE_STRING);
}

enum refusal_code
field_check_number(struct json_object *value, const char *name,
    struct refusal *refusal)
{
	if (json_is_number(value))
		return REFUSAL_NONE;
	return refusal_set_field(refusal, name, REFUSAL_RULE_NUMBER);
}

enum refusal_code
field_check_id(struct json_object *value, const char *name,
    struct refusal *refusal)
{
	enum refusal_code code = field_check_string(value, name, refusal);
	if (code != REFUSAL_NONE)
		return code;

	const char *s = json_object_get_string(value);
	int len = json_object_get_string_len(value);
	if (len > FIELD_ID_BYTES_MAX)
		return refusal_set_field(refusal, name, REFUSAL_RULE_LENGTH);
	for (int i = 0; i < len; i++)
		if (text_is_control(s + i))
			return refusal_set_field(refusal, name,
			    REFUSAL_RULE_CONTROL);
	return REFUSAL_NONE;
}

enum refusal_code
field_read_object(struct json_object *value, const char *name,
    struct json_object **object, struct refusal *refusal)
{
	if (json_as_object(value, object) != 0)
		return refusal_set(refusal, REFUSAL_NO_MEMORY);
	if (*object != NULL)
		return REFUSAL_NONE;
	return refusal_set_field(refusal, name, REFUSAL_RULE_OBJECT);
}

enum refusal_code
field_read_time(struct json_object *value, const char *name, int64_t *ms,
    struct refusal *refusal)
{
	if (json_is_number(value)) {
		double number = json_object_get_double(value);
		if (number >= 0 && number < (double)TIMESTAMP_MAX + 1) {
			*ms = (int64_t)number;
			return REFUSAL_NONE;
		}
	} else if (json_is_string(value)) {
		size_t len = (size_t)json_object_get_string_len(value);
		if (len <= TIME_BYTES_MAX && timestamp_parse(
		    json_object_get_string(value), len, ms) == 0)
			return REFUSAL_NONE;
	}
	return refusal_set_field(refusal, name, REFUSAL_RULE_TIME);
}
