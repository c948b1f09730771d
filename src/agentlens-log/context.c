#include "agentlens-log/context.h"

#include <stdio.h>

#include "agentlens-log/terminal.h"

const struct settings *
context_settings(struct context *context, bool needed)
{
	struct error error = { "" };

	if (context->has_settings)
		return &context->settings;
	if (settings_load(&context->settings, &error) == 0) {
		context->has_settings = true;
		return &context->settings;
	}
	if (needed)
		context->error = error;
	settings_free(&context->settings);
	context->settings = (struct settings){ 0 };
	return NULL;
}

struct database *
context_open(struct context *context, enum command_access access)
{
	static const enum database_access accesses[] = {
		[COMMAND_READS] = DATABASE_READ,
		[COMMAND_WRITES] = DATABASE_WRITE,
		[COMMAND_MAKES] = DATABASE_MAKE,
	};
	const struct settings *settings = NULL;
	const char *path = context->path;

	if (path == NULL || access != COMMAND_READS) {
		settings = context_settings(context, true);
		if (settings == NULL)
			return NULL;
		if (path == NULL)
			path = settings->db_path;
	}
	return database_open(path, accesses[access], settings,
	    &context->error);
}

int
context_judge_tenant(enum found found, const struct filter *filter,
    const struct text *tenants)
{
	switch (found) {
	case FOUND_ONE:
		return COMMAND_GOOD;
	case FOUND_NONE:
		warn("there is no session '%s'", filter->session);
		return COMMAND_FAULT;
	case FOUND_SEVERAL:
		warn("several tenants have a session '%s': %s; pick one with "
		    "--tenant", filter->session, text_string(tenants));
		return COMMAND_FAULT;
	case FOUND_FAILED:
		break;
	}
	return COMMAND_FAILED;
}

int
context_find_tenant(struct context *context, struct filter *filter,
    struct text *tenants)
{
	enum found found = filter_find_tenant(context->database, filter,
	    tenants);

	return context_judge_tenant(found, filter, tenants);
}

void
context_tell_failure(struct context *context)
{
	const struct error *error = &context->error;

	if (error->text[0] == '\0' && context->database != NULL)
		error = database_error(context->database);
	if (error->text[0] != '\0')
		warn("%s", error->text);
	else if (!ferror(stdout)) /* of which terminal_finish() tells */
		warn("out of memory");
	context->error = (struct error){ "" };
}
