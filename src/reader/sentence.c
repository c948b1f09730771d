#include "reader/sentence.h"

#include <string.h>

void
sentence_add_cut(struct text *out, const char *bytes, size_t len)
{
	size_t kept = text_fit(bytes, SENTENCE_VALUE_MAX);

	if (kept > len)
		kept = len;
	text_add(out, bytes, kept);
	if (kept < len)
		text_puts(out, "…");
}

/* Appends what stands in the braces, "name|other".  Returns the end. */
static const char *
add_value(struct text *out, const char *at, sentence_value_fn *value,
    const void *context, bool *there)
{
	const char *end = strchr(at, '}');

	*there = false;
	while (at < end && !*there) {
		size_t len = strcspn(at, "|}");
		*there = value(context, at, len, out);
		at += len + 1;
	}
	return end + 1;
}

/* Appends a part of a sentence up to its bracket or end; returns that, with
 * whether a value in it was missing. */
static const char *
add_part(struct text *out, const char *at, bool in_brackets,
    sentence_value_fn *value, const void *context, bool *missing)
{
	*missing = false;
	while (*at != '\0' && *at != '[' && *at != ']') {
		bool there;
		if (*at != '{') {
			text_add(out, at++, 1);
			continue;
		}
		at = add_value(out, at + 1, value, context, &there);
		if (!there && !in_brackets)
			text_puts(out, "?");
		*missing |= !there;
	}
	return at;
}

void
sentence_add(struct text *out, const char *sentence,
    sentence_value_fn *value, const void *context)
{
	while (*sentence != '\0') {
		bool in_brackets = *sentence == '[', missing;
		size_t before = out->len;
		if (in_brackets)
			sentence++;
		sentence = add_part(out, sentence, in_brackets, value,
		    context, &missing);
		if (in_brackets && missing)
			text_truncate(out, before);
		if (in_brackets && *sentence == ']')
			sentence++;
	}
}
