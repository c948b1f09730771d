#include "webhook/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	bool senders;
} codes[REFUSAL_CODES] = {
	[REFUSAL_NONE] = { "none", false },
	[REFUSAL_NOT_FOUND] = { "not-found", true },
	[REFUSAL_NO_SENDER] = { "no-sender", false },
	[REFUSAL_NOT_POST] = { "not-post", true },
	[REFUSAL_NOT_GET] = { "not-get", true },
	[REFUSAL_BAD_LENGTH] = { "bad-length", true },
	[REFUSAL_WRONG_LENGTH] = { "wrong-length", true },
	[REFUSAL_TOO_LARGE] = { "too-large", true },
	[REFUSAL_TOO_SLOW] = { "too-slow", true },
	[REFUSAL_BAD_JSON] = { "bad-json", true },
	[REFUSAL_NO_SOURCE] = { "no-source", true },
	[REFUSAL_NO_SECRET] = { "no-secret", false },
	[REFUSAL_BAD_SIGNATURE] = { "bad-signature", true },
	[REFUSAL_UNSIGNED] = { "unsigned", true },
	[REFUSAL_STALE] = { "stale", true },
	[REFUSAL_SOURCE_MISMATCH] = { "source-mismatch", true },
	[REFUSAL_UNSIGNED_EVENT] = { "unsigned-event", true },
	[REFUSAL_UNSIGNED_SESSION] = { "unsigned-session", true },
	[REFUSAL_UNSIGNED_TYPE] = { "unsigned-type", true },
	[REFUSAL_NO_EVENT] = { "no-event", true },
	[REFUSAL_NO_DATA] = { "no-data", true },
	[REFUSAL_UNKNOWN_EVENT] = { "unknown-event", true },
	[REFUSAL_BAD_FIELD] = { "bad-field", true },
	[REFUSAL_KEY_REUSED] = { "key-reused", true },
	[REFUSAL_EXPOSED] = { "exposed", false },
	[REFUSAL_MISCONFIGURED] = { "misconfigured", false },
	[REFUSAL_BUSY] = { "busy", false },
	[REFUSAL_UNAVAILABLE] = { "unavailable", false },
	[REFUSAL_NO_MEMORY] = { "no-memory", false },
	[REFUSAL_NO_DIGEST] = { "no-digest", false },
	[REFUSAL_INTERNAL] = { "internal", false },
};

static const char *const rules[REFUSAL_RULES] = {
	[REFUSAL_RULE_NONE] = "",
	[REFUSAL_RULE_STRING] = "not a string",
	[REFUSAL_RULE_NUMBER] = "not a number",
	[REFUSAL_RULE_OBJECT] = "not an object",
	[REFUSAL_RULE_LIST] = "not a list",
	[REFUSAL_RULE_TIME] = "not a time",
	[REFUSAL_RULE_SECONDS] = "in seconds",
	[REFUSAL_RULE_HOUR] = "no time of day",
	[REFUSAL_RULE_CALENDAR] = "no such time",
	[REFUSAL_RULE_YEAR] = "no such year",
	[REFUSAL_RULE_LENGTH] = "too long",
	[REFUSAL_RULE_CONTROL] = "control characters",
	[REFUSAL_RULE_FILLED] = "empty",
	[REFUSAL_RULE_DECISION] = "no decision",
};

enum refusal_code
refusal_set(struct refusal *refusal, enum refusal_code code)
{
	*refusal = (struct refusal){ .code = code };
	return code;
}

enum refusal_code
refusal_set_subject(struct refusal *refusal, enum refusal_code code,
    const char *format, ...)
{
	/* With one byte more than fits, text_fit() sees where a cut would fall
	 * inside a character. */
	char subject[REFUSAL_SUBJECT_SIZE + 1];
	va_list args;

	refusal_set(refusal, code);
	va_start(args, format);
	vsnprintf(subject, sizeof(subject), format, args);
	va_end(args);
	memcpy(refusal->subject, subject,
	    text_fit(subject, sizeof(refusal->subject) - 1));
	return code;
}

enum refusal_code
refusal_set_field(struct refusal *refusal, const char *field,
    enum refusal_rule rule)
{
	refusal_set_subject(refusal, REFUSAL_BAD_FIELD, "%s", field);
	refusal->rule = rule;
	return REFUSAL_BAD_FIELD;
}

const char *
refusal_name(enum refusal_code code)
{
	return codes[code].name;
}

bool
refusal_is_senders(enum refusal_code code)
{
	return codes[code].senders;
}

void
refusal_write(const struct refusal *refusal, struct text *out)
{
	text_puts(out, refusal_name(refusal->code));
	if (refusal->subject[0] != '\0')
		text_printf(out, ": %s", refusal->subject);
	if (refusal->rule != REFUSAL_RULE_NONE)
		text_printf(out, ": %s", rules[refusal->rule]);
}

enum refusal_code
refusal_code_of(const char *reason)
{
	size_t len = strcspn(reason, ":");

	for (int i = REFUSAL_NONE + 1; i < REFUSAL_CODES; i++)
		if (strlen(codes[i].name) == len &&
		    memcmp(codes[i].name, reason, len) == 0)
			return (enum refusal_code)i;
	return REFUSAL_NONE;
}
