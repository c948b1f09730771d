#include "webhook/field.h"

#include "base/timestamp.h"

/* Longer than any date that makes sense, and short in metadata. */
#define TIME_BYTES_MAX 64

/* Milliseconds below this, March 1973, are a number of seconds by mistake. */
#define TIME_MS_MIN 1e11

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

static enum refusal_rule
read_epoch(double number, int64_t *ms)
{
	if (number < 0 || number >= (double)TIMESTAMP_MAX + 1)
		return REFUSAL_RULE_YEAR;
	if (number < TIME_MS_MIN)
		return REFUSAL_RULE_SECONDS;
	*ms = (int64_t)number;
	return REFUSAL_RULE_NONE;
}

static enum refusal_rule
read_date(const char *text, size_t len, int64_t *ms)
{
	static const enum refusal_rule rules[] = {
		[TIMESTAMP_GOOD] = REFUSAL_RULE_NONE,
		[TIMESTAMP_NO_TIME] = REFUSAL_RULE_TIME,
		[TIMESTAMP_NO_HOUR] = REFUSAL_RULE_HOUR,
		[TIMESTAMP_IMPOSSIBLE] = REFUSAL_RULE_CALENDAR,
		[TIMESTAMP_OUT_OF_RANGE] = REFUSAL_RULE_YEAR,
	};

	return len > TIME_BYTES_MAX ? REFUSAL_RULE_TIME :
	    rules[timestamp_parse(text, len, ms)];
}

enum refusal_code
field_read_time(struct json_object *value, const char *name, int64_t *ms,
    struct refusal *refusal)
{
	enum refusal_rule rule = REFUSAL_RULE_TIME;

	if (json_is_number(value))
		rule = read_epoch(json_object_get_double(value), ms);
	else if (json_is_string(value))
		rule = read_date(json_object_get_string(value),
		    (size_t)json_object_get_string_len(value), ms);
	return rule == REFUSAL_RULE_NONE ? REFUSAL_NONE :
	    refusal_set_field(refusal, name, rule);
}
