#include "agentlens-log/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentlens-log/terminal.h"
#include "base/sandbox.h"

const struct settings *
context_settings(struct context *context, bool needed)
{
	if (!context->has_tried) {
		context->has_tried = true;
		context->has_settings = settings_load(&context->settings,
		    &context->settings_error) == 0;
		if (!context->has_settings) {
			settings_free(&context->settings);
			context->settings = (struct settings){ 0 };
		}
	}
	if (context->has_settings)
		return &context->settings;
	if (needed)
		context->error = context->settings_error;
	return NULL;
}

/* The folder where SQLite puts temporary files, by the rules of its
 * "Temporary Files Used By SQLite", 5; NULL when there is none. */
static const char *
temporary_folder(void)
{
	const char *const folders[] = { getenv("SQLITE_TMPDIR"),
		getenv("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (folders[i] != NULL &&
		    access(folders[i], W_OK | X_OK) == 0)
			return folders[i];
	return NULL;
}

/* The absolute path of a file, which may not be there; the caller frees it. */
static char *
make_absolute(const char *path)
{
	char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
	char *absolute = NULL;

	if (*path == '/')
		return strdup(path);
	if (folder != NULL && asprintf(&absolute, "%s/%s", folder, path) < 0)
		absolute = NULL;
	free(folder);
	return absolute;
}

void
context_confine(struct context *context, char *const *words)
{
	/* Read now, since it cannot be read inside. */
	const struct settings *settings = context_settings(context, false);
	const char *path = context->path != NULL ? context->path :
	    settings != NULL ? settings->db_path : NULL;
	struct sandbox sandbox;

	if (settings != NULL && !settings->sandbox)
		return;
	char *database = path == NULL ? NULL : make_absolute(path);
	const struct sandbox_needs needs = {
		.database = database,
		.temporary = temporary_folder(),
		.read = words,
		.terminal = true,
	};
	sandbox_enter(&needs, &sandbox);
	free(database);
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
