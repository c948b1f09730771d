/* agentlens-log: finds the subcommand in its table, and runs it. */
#include <signal.h>
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
	&command_backup,
	&command_prune,
	&command_refused,
	&command_sign,
	NULL
};

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
	if (code < 0) {
		if (!command->makes_files)
			context_confine(context, argv);
		code = run_prepared(context);
	}
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
