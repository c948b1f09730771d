/* agentlens-log list: the events, the newest first. */
#include <stdio.h>

#include "commands.h"
#include "listing.h"
#include "output.h"

#define LIMIT 20

static void
print_titles(void)
{
	struct text titles = TEXT_EMPTY;

	listing_add_titles(&titles);
	fputs(text_string(&titles), stdout);
	text_free(&titles);
}

static int
print_events(const struct context *context, struct database *database,
    const struct filter *filter, int64_t limit)
{
	struct query *query = filter_open(database, filter,
	    FILTER_NEWEST_FIRST);
	struct row row;
	int step = query == NULL ? -1 : 0;
	int64_t printed = 0;

	while (query != NULL && (limit == 0 || printed < limit) &&
	    (step = filter_step(query, filter, &row)) == 1) {
		if (printed++ == 0 && !context->json)
			print_titles();
		listing_print(&row, context->json);
	}
	query_close(query);
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}

int
list_run(struct context *context, int argc, char **argv)
{
	struct filter filter = { 0 };
	int64_t limit = LIMIT;
	const struct option_row options[] = {
		FILTER_OPTIONS(&filter),
		{ "limit", 'n', "NUMBER", "so many at most; 0: all (20)",
		    OPTION_NUMBER, &limit },
		{ 0 }
	};
	struct text tenant = TEXT_EMPTY;
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0)
		return options_refuse(context);
	struct database *database = database_open(context, DATABASE_READ);
	if (database == NULL)
		return COMMAND_FAILED;
	code = filter_find_tenant(database, &filter, &tenant);
	if (code == 1)
		code = print_events(context, database, &filter, limit);
	else
		code = code < 0 ? COMMAND_FAILED : COMMAND_FAULT;
	text_free(&tenant);
	database_close(database);
	return code;
}
