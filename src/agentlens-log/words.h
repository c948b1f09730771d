/* Times, spans and bars as people read them. */
#ifndef WORDS_H
#define WORDS_H

#include <stdint.h>

#include "text.h"

/* Appends as printf() does; for what is ours and short, up to 255 bytes. */
void words_add(struct text *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a time span: "340 ms", "4.2 s", "42 s", "3 min 5 s", "2 h 10 min",
 * "4 d 6 h". */
void words_add_span(struct text *out, int64_t ms);

/* Appends a bar of value / most of `width` columns, in eighths of a column,
 * and blanks up to the width.  What is above 0 is seen. */
void words_add_bar(struct text *out, int64_t value, int64_t most, int width);

/* Appends a number with its noun: "1 event", "2 events". */
void words_add_count(struct text *out, int64_t number, const char *noun);

/* Appends a stored time, which is in UTC, as "2026-11-23 10:00:00"; one of
 * another form as it is. */
void words_add_time(struct text *out, const char *timestamp);

/* A stored time in ms; -1 when it is none. */
int64_t words_time(const char *timestamp);

#endif
