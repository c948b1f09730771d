/* agentlens-log: finds the subcommand in its table, and runs it. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"

static const struct command *const commands[] = {
	&command_list,
	&command_show,
	&command_timeline,
	&command_tail,
	&command_stats,
	&command_verify,
	&command_seal,
	&command_prove,
	&command_check_proof,
	&command_export,
	&command_import,
	&command_prune,
	&command_refused,
	&command_sign,
	NULL
};

void
warn(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("agentlens-log: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
}

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
	bool needed = context->path == NULL || access != COMMAND_READS;
	const struct settings *settings = needed ?
	    context_settings(context, true) : NULL;

	if (needed && settings == NULL)
		return NULL;
	return database_open(context->path != NULL ? context->path :
	    settings->db_path, accesses[access], settings, &context->error);
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

static int
print_version(void)
{
	printf("agentlens-log " PACKAGE_VERSION "\n"
	    "json-c %s\nlibgcrypt %s\nSQLite %s\n", json_library_version(),
	    digest_library_version(), database_library_version());
	return COMMAND_GOOD;
}

static int
print_help(void)
{
	printf("usage: agentlens-log COMMAND [OPTION...] [ARGUMENT...]\n\n"
	    "Reads, follows, proves and keeps what agentlens-ingest "
	    "recorded.\n\n");
	for (int i = 0; commands[i] != NULL; i++)
		printf("  %-12s %s\n", commands[i]->name, commands[i]->help);
	printf("\n`agentlens-log COMMAND --help` tells the rest; see "
	    "agentlens-log(1).\n");
	return COMMAND_GOOD;
}

static const struct command *
find_command(const char *name)
{
	for (int i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
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

static int
run_prepared(struct context *context)
{
	if (context->access != COMMAND_NO_FILE) {
		context->database = context_open(context, context->access);
		if (context->database == NULL)
			return COMMAND_FAILED;
	}
	return context->command->run(context);
}

static int
run(struct context *context, int argc, char **argv)
{
	const struct command *command = context->command;
	int code = options_read(context, argc, argv);

	if (code >= 0)
		return code;
	context->access = command->access;
	if (command->prepare != NULL)
		code = command->prepare(context);
	if (code < 0)
		code = run_prepared(context);
	if (code == COMMAND_FAILED)
		context_tell_failure(context);
	database_close(context->database);
	return code;
}

static int
refuse(const char *name)
{
	if (name != NULL)
		warn("there is no command '%s'", name);
	fputs("usage: agentlens-log COMMAND [OPTION...] [ARGUMENT...]\n"
	    "See `agentlens-log --help`.\n", stderr);
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	struct context context = { 0 };
	bool help = false, version = false;
	int next;

	/* Whoever started this may ignore it; `agentlens-log list | head` is
	 * to end at once, and quietly. */
	signal(SIGPIPE, SIG_DFL);
	terminal_init();
	log_set_level(LOG_ERROR);
	if (options_read_common(&context, argc, argv, &help, &version,
	    &next) >= 0)
		return refuse(NULL);
	const char *name = argv[next];
	if (version)
		return print_version();
	if (help || (name != NULL && strcmp(name, "help") == 0))
		return print_help();
	if (name == NULL || (context.command = find_command(name)) == NULL)
		return refuse(name);
	if (digest_init() != 0) {
		warn("libgcrypt is too old");
		return COMMAND_FAILED;
	}
	int code = run(&context, argc - next, argv + next);
	settings_free(&context.settings);
	return terminal_finish() ? code : COMMAND_FAILED;
}
