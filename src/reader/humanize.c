#include "reader/humanize.h"

#include <string.h>

#include "base/timestamp.h"

void
humanize_add_span(struct text *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {
		{ INT64_C(86400000), "d" },
		{ 3600000, "h" },
		{ 60000, "min" },
		{ 1000, "s" },
		{ 1, "ms" },
	};
	size_t i = 0;

	while (ms < units[i].ms && units[i].ms > 1)
		i++;
	if (units[i].ms == 1000 && ms < 10000) {
		text_printf(out, "%d.%d s", (int)(ms / 1000),
		    (int)(ms % 1000 / 100));
		return;
	}
	text_printf(out, "%lld %s", (long long)(ms / units[i].ms),
	    units[i].name);
	if (units[i].ms > 1000 && ms % units[i].ms / units[i + 1].ms > 0)
		text_printf(out, " %lld %s",
		    (long long)(ms % units[i].ms / units[i + 1].ms),
		    units[i + 1].name);
}

void
humanize_add_bar(struct text *out, int64_t value, int64_t most, int width)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊",
		"▉" };
	int length = most <= 0 ? 0 :
	    (int)((double)value / (double)most * width * 8 + 0.5);

	if (value > 0 && length == 0)
		length = 1;
	for (int i = 0; i < length / 8; i++)
		text_puts(out, "█");
	text_puts(out, eighths[length % 8]);
	for (int i = (length + 7) / 8; i < width; i++)
		text_puts(out, " ");
}

void
humanize_add_count(struct text *out, int64_t number, const char *noun)
{
	text_printf(out, "%lld %s%s", (long long)number, noun,
	    number == 1 ? "" : "s");
}

int64_t
humanize_time(const char *timestamp)
{
	int64_t ms;

	return timestamp != NULL &&
	    timestamp_parse(timestamp, strlen(timestamp), &ms) == 0 ? ms : -1;
}

void
humanize_add_time(struct text *out, const char *timestamp)
{
	if (timestamp == NULL)
		return;
	if (strlen(timestamp) != TIMESTAMP_SIZE - 1 ||
	    humanize_time(timestamp) < 0) {
		text_puts(out, timestamp);
		return;
	}
	text_add(out, timestamp, 10);
	text_puts(out, " ");
	text_add(out, timestamp + 11, 8);
}
