/* Points in time, as milliseconds since 1970-01-01T00:00:00Z and as ISO 8601.
 * Always in UTC: the time zone of the machine plays no part. */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

/* "2026-02-08T10:00:00.000Z" and its NUL. */
#define TIMESTAMP_SIZE 25

/* The last millisecond that four digits of a year can write. */
#define TIMESTAMP_MAX INT64_C(253402300799999)

/* The time of day of this machine. */
int64_t timestamp_now(void);

/* Milliseconds of a clock that nothing sets, for deadlines and durations. */
int64_t timestamp_monotonic(void);

/* What reading a time comes to. */
enum timestamp_result {
	TIMESTAMP_GOOD,        /* 0 */
	TIMESTAMP_NO_TIME,     /* it has not the form of one */
	TIMESTAMP_NO_HOUR,     /* a date alone */
	TIMESTAMP_IMPOSSIBLE,  /* February 30, or 25:00 */
	TIMESTAMP_OUT_OF_RANGE /* before 1970, or after 9999 */
};

/*
 * Reads a date and time of ISO 8601 (the profile of RFC 3339: "T" or a space,
 * "Z" or an offset, in either case), with any number of fraction digits, of
 * which three count.  Without an offset it is taken as UTC.  The second 60, a
 * leap second, is the first of the next minute.
 * Returns TIMESTAMP_GOOD, which is 0, with *ms in 0..TIMESTAMP_MAX; else what is
 * wrong.
 */
enum timestamp_result timestamp_parse(const char *text, size_t len, int64_t *ms);

/* Writes ms, 0..TIMESTAMP_MAX, as YYYY-MM-DDTHH:MM:SS.sssZ. */
void timestamp_format(int64_t ms, char out[TIMESTAMP_SIZE]);

#endif
