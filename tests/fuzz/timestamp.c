/*
 * Points in time.  A text's form is judged a second time by regexec(), its
 * date and time by libc's timegm() and gmtime_r(), which know nothing of our
 * calendar.
 */
#include "base/timestamp.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

static regex_t form;

enum part {
	PART_ALL,
	PART_YEAR,
	PART_MONTH,
	PART_DAY,
	PART_HOUR,
	PART_MINUTE,
	PART_IN_MINUTE,
	PART_SECOND,
	PART_POINT,
	PART_FRACTION,
	PART_OFFSET,
	PART_EAST,
	PART_EAST_HOUR,
	PART_EAST_REST,
	PART_EAST_MINUTE,
	PARTS
};

static void
open_target(void)
{
	fuzz_require(regcomp(&form,
	    "^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})"
	    "(:([0-9]{2})([.,]([0-9]+))?)?"
	    "([Zz]|([+-])([0-9]{2})(:?([0-9]{2}))?)?$", REG_EXTENDED) == 0);
}

static int
number(const char *text, const regmatch_t *part)
{
	char digits[8] = "0";

	if (part->rm_so >= 0)
		snprintf(digits, sizeof(digits), "%.*s",
		    (int)(part->rm_eo - part->rm_so), text + part->rm_so);
	return atoi(digits);
}

/* The first three digits of a fraction, as if it were followed by zeros. */
static int
milliseconds(const char *text, const regmatch_t *part)
{
	char digits[4] = "000";

	for (int i = 0; part->rm_so >= 0 && i < 3 &&
	    part->rm_so + i < part->rm_eo; i++)
		digits[i] = text[part->rm_so + i];
	return atoi(digits);
}

/* Returns whether the text is a time, reckoned with libc. */
static bool
reckon(const char *text, int64_t *ms)
{
	regmatch_t part[PARTS];

	if (regexec(&form, text, PARTS, part, 0) != 0)
		return false;
	struct tm tm = {
		.tm_year = number(text, &part[PART_YEAR]) - 1900,
		.tm_mon = number(text, &part[PART_MONTH]) - 1,
		.tm_mday = number(text, &part[PART_DAY]),
		.tm_hour = number(text, &part[PART_HOUR]),
		.tm_min = number(text, &part[PART_MINUTE]),
		.tm_sec = number(text, &part[PART_SECOND]),
	};
	int east_hour = number(text, &part[PART_EAST_HOUR]);
	int east_minute = number(text, &part[PART_EAST_MINUTE]);
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 ||
	    east_hour > 23 || east_minute > 59)
		return false;

	/* timegm() makes the 30th of February a day of March. */
	int year = tm.tm_year, month = tm.tm_mon, day = tm.tm_mday;
	int second = tm.tm_sec;
	tm.tm_sec = 0;
	time_t seconds = timegm(&tm) + second;
	if (tm.tm_year != year || tm.tm_mon != month || tm.tm_mday != day)
		return false;

	int east = (east_hour * 60 + east_minute) * 60;
	if (part[PART_EAST].rm_so >= 0 && text[part[PART_EAST].rm_so] == '-')
		east = -east;
	*ms = ((int64_t)seconds - east) * 1000 +
	    milliseconds(text, &part[PART_FRACTION]);
	return *ms >= 0 && *ms <= TIMESTAMP_MAX;
}

static void
require_round_trip(int64_t ms)
{
	char text[TIMESTAMP_SIZE], expected[64];
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	int64_t back;

	timestamp_format(ms, text);
	fuzz_require(timestamp_parse(text, strlen(text), &back) == 0);
	fuzz_require(back == ms);
	fuzz_require(gmtime_r(&seconds, &tm) != NULL);
	snprintf(expected, sizeof(expected),
	    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (int)(ms % 1000));
	fuzz_require(strcmp(text, expected) == 0);
}

static void
run(const unsigned char *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	int64_t ms = -1, reckoned = -1;
	uint64_t any = 0;

	bool taken = timestamp_parse(text, size, &ms) == 0;
	fuzz_require(taken == (strlen(text) == size &&
	    reckon(text, &reckoned)));
	fuzz_require(!taken || ms == reckoned);
	if (taken)
		require_round_trip(ms);
	memcpy(&any, data, size < sizeof(any) ? size : sizeof(any));
	require_round_trip((int64_t)(any % ((uint64_t)TIMESTAMP_MAX + 1)));
	fuzz_tell(taken ? "taken" : "refused", "", 0);
	free(text);
}

const struct fuzz_target fuzz_timestamp = {
	.name = "timestamp",
	.open = open_target,
	.run = run,
};
