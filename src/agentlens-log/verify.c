#include "commands.h"
#include "database.h"

int
verify_run(struct context *context, int argc, char **argv)
{
	const struct option_row options[] = { { 0 } };
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
	database_close(database);
	return COMMAND_GOOD;
}
