/* Writes times, spans, counts and bars for people. */
#ifndef HUMANIZE_H
#define HUMANIZE_H

#include <stdint.h>

#include "base/text.h"

/* Appends a time span: "340 ms", "4.2 s", "42 s", "3 min 5 s", "2 h 10 min",
 * "4 d 6 h". */
void humanize_add_span(struct text *out, int64_t ms);

/* Appends a bar as long as value / most of `width` columns, in eighths of a
 * column, and blanks up to the width.  A value above 0 has at least one
 * eighth. */
void humanize_add_bar(struct text *out, int64_t value, int64_t most, int width);

/* Appends a number with its noun: "1 event", "2 events". */
void humanize_add_count(struct text *out, int64_t number, const char *noun);

/* Appends a stored time, which is in UTC, as "2026-11-23 10:00:00"; a text of
 * another form is appended as it is, NULL as nothing. */
void humanize_add_time(struct text *out, const char *timestamp);

/* A stored time in ms; -1 when it is NULL or no time. */
int64_t humanize_time(const char *timestamp);

#endif
