/* agentlens-log list: prints the events, the newest first. */
#include "agentlens-log/record.h"

static struct {
	struct filter filter;
	int64_t limit;
} given = { .limit = 20 };

static const struct option_row options[] = {
	FILTER_OPTIONS(&given.filter),
	{ "limit", 'n', "NUMBER", "so many at most; 0: all (20)",
	    OPTION_NUMBER, &given.limit },
	{ 0 }
};

static int
run(struct context *context)
{
	struct text tenants = TEXT_EMPTY;
	int code = context_find_tenant(context, &given.filter, &tenants);

	if (code == COMMAND_GOOD)
		code = record_print_events(context,
		    filter_open(context->database, &given.filter,
		    FILTER_NEWEST_FIRST), &given.filter, given.limit);
	text_free(&tenants);
	return code;
}

const struct command command_list = {
	.name = "list",
	.usage = "",
	.help = "the events, the newest first",
	.options = options,
	.access = COMMAND_READS,
	.run = run,
};
