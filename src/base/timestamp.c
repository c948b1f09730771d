#include "base/timestamp.h"

#include <stdbool.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)

struct cursor {
	const char *at;
	const char *end;
};

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
timestamp_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
timestamp_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/*
 * Days between 1970-01-01 and a date of the proleptic Gregorian calendar, and
 * back: the year is made to start in March, so that the leap day is its last.
 */
static int64_t
days_of_date(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
	    year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void
date_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t day_of_era = z % 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
	    day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era +
	    year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	*day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static bool
date_exists(int year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap);
}

static bool
take(struct cursor *c, const char *one_of)
{
	if (c->at == c->end)
		return false;
	for (; *one_of != '\0'; one_of++) {
		if (*c->at == *one_of) {
			c->at++;
			return true;
		}
	}
	return false;
}

static bool
take_digits(struct cursor *c, int count, int *value)
{
	*value = 0;
	for (; count > 0; count--) {
		if (c->at == c->end || *c->at < '0' || *c->at > '9')
			return false;
		*value = *value * 10 + (*c->at++ - '0');
	}
	return true;
}

/* Milliseconds from ".5" or ".123456"; 0 when there is no fraction. */
static bool
take_fraction(struct cursor *c, int *ms)
{
	int digit, scale = 100;

	*ms = 0;
	if (!take(c, ".,"))
		return true;
	if (!take_digits(c, 1, &digit))
		return false;
	do {
		*ms += digit * scale;
		scale /= 10;
	} while (take_digits(c, 1, &digit));
	return true;
}

/* Minutes east of UTC from "Z", "+02:00", "+0200", "+02" or nothing. */
static bool
take_offset(struct cursor *c, int *minutes)
{
	int hour, minute = 0;
	bool west;

	*minutes = 0;
	if (c->at == c->end || take(c, "Zz"))
		return true;
	west = *c->at == '-';
	if (!take(c, "+-") || !take_digits(c, 2, &hour) || hour > 23)
		return false;
	if (c->at != c->end) {
		take(c, ":");
		if (!take_digits(c, 2, &minute) || minute > 59)
			return false;
	}
	*minutes = (west ? -1 : 1) * (hour * 60 + minute);
	return true;
}

enum timestamp_result
timestamp_parse(const char *text, size_t len, int64_t *ms)
{
	struct cursor c = { text, text + len };
	int year, month, day, hour, minute, second = 0, fraction = 0, offset;

	if (!take_digits(&c, 4, &year) || !take(&c, "-") ||
	    !take_digits(&c, 2, &month) || !take(&c, "-") ||
	    !take_digits(&c, 2, &day))
		return TIMESTAMP_NO_TIME;
	if (c.at == c.end)
		return TIMESTAMP_NO_HOUR;
	if (!take(&c, "Tt ") || !take_digits(&c, 2, &hour) ||
	    !take(&c, ":") || !take_digits(&c, 2, &minute))
		return TIMESTAMP_NO_TIME;
	if (take(&c, ":") && (!take_digits(&c, 2, &second) ||
	    !take_fraction(&c, &fraction)))
		return TIMESTAMP_NO_TIME;
	if (!take_offset(&c, &offset) || c.at != c.end)
		return TIMESTAMP_NO_TIME;

	/* A second 60 is a leap second: RFC 3339, section 5.7. */
	if (!date_exists(year, month, day) || hour > 23 || minute > 59 ||
	    second > 60)
		return TIMESTAMP_IMPOSSIBLE;

	int64_t value = days_of_date(year, month, day) * MS_PER_DAY +
	    ((hour * 60 + minute - offset) * 60 + second) * INT64_C(1000) +
	    fraction;
	if (value < 0 || value > TIMESTAMP_MAX)
		return TIMESTAMP_OUT_OF_RANGE;
	*ms = value;
	return TIMESTAMP_GOOD;
}

static char *
put_digits(char *to, int count, unsigned value, char after)
{
	for (int i = count - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	to[count] = after;
	return to + count + 1;
}

/* Without snprintf(), which takes longer than all of the calendar: this is
 * called for each event. */
void
timestamp_format(int64_t ms, char out[TIMESTAMP_SIZE])
{
	int year, month, day;
	unsigned in_day = (unsigned)(ms % MS_PER_DAY);

	date_of_days(ms / MS_PER_DAY, &year, &month, &day);
	out = put_digits(out, 4, (unsigned)year, '-');
	out = put_digits(out, 2, (unsigned)month, '-');
	out = put_digits(out, 2, (unsigned)day, 'T');
	out = put_digits(out, 2, in_day / 3600000, ':');
	out = put_digits(out, 2, in_day / 60000 % 60, ':');
	out = put_digits(out, 2, in_day / 1000 % 60, '.');
	out = put_digits(out, 3, in_day % 1000, 'Z');
	*out = '\0';
}
