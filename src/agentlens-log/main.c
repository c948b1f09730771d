/* agentlens-log: the table of subcommands. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "database.h"
#include "json.h"
#include "output.h"
#include "signature.h"

static const struct command commands[] = {
	{ "list", "", "the events, the newest first", list_run },
	{ "show", "ID", "one event, its delivery, its place in the chain",
	    show_run },
	{ "timeline", "SESSION", "what happened in a session, as a story",
	    timeline_run },
	{ "tail", "", "the newest events, and with -f those that follow",
	    tail_run },
	{ "stats", "", "how many of what, what waits, how long it took",
	    stats_run },
	{ "verify", "", "recompute every chain, and what it came from",
	    verify_run },
	{ "seal", "", "write what commits to everything that is there now",
	    seal_run },
	{ "prove", "[ID]", "print the proof that an event is sealed",
	    prove_run },
	{ "check-proof", "PROOF", "check such a proof, without the file",
	    check_proof_run },
	{ "export", "", "all events, as JSON lines or CSV", export_run },
	{ "import", "[FILE]", "what export wrote, into the file of -d",
	    import_run },
	{ "prune", "", "remove what is old, and keep the proof of it",
	    prune_run },
	{ "refused", "[NUMBER]", "what was signed and yet answered 400",
	    refused_run },
	{ "sign", "FILE", "the signature of a body, as a header", sign_run },
	{ "send", "FILE URL", "post a body with its signature", send_run },
	{ 0 }
};

void
complain(const char *format, ...)
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
context_settings(struct context *context, bool say)
{
	char error[SETTINGS_ERROR_SIZE];

	if (context->has_settings)
		return &context->settings;
	if (settings_load(&context->settings, error) == 0) {
		context->has_settings = true;
		return &context->settings;
	}
	if (say)
		complain("%s", error);
	settings_free(&context->settings);
	context->settings = (struct settings){ 0 };
	return NULL;
}

const char *
context_database(struct context *context)
{
	if (context->database == NULL) {
		const struct settings *settings = context_settings(context,
		    true);
		if (settings != NULL)
			context->database = settings->db_path;
	}
	return context->database;
}

static int
print_version(void)
{
	printf("agentlens-log " PACKAGE_VERSION "\n"
	    "json-c %s\nlibgcrypt %s\nSQLite %s\n", json_library_version(),
	    signature_library_version(), database_library_version());
	return COMMAND_GOOD;
}

static int
print_help(void)
{
	printf("usage: agentlens-log COMMAND [OPTION...] [ARGUMENT...]\n\n"
	    "Reads, follows, proves and keeps what agentlens-ingest "
	    "recorded.\n\n");
	for (const struct command *c = commands; c->name != NULL; c++)
		printf("  %-12s %s\n", c->name, c->help);
	printf("\n`agentlens-log COMMAND --help` tells the rest; see "
	    "agentlens-log(1).\n");
	return COMMAND_GOOD;
}

static const struct command *
find_command(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct context context = { .command = command };
	int code;

	if (signature_init() != 0) {
		complain("libgcrypt is too old");
		return COMMAND_FAILED;
	}
	log_set_level(LOG_ERROR);
	output_init();
	code = command->run(&context, argc, argv);
	settings_free(&context.settings);
	return output_finish() ? code : COMMAND_FAILED;
}

int
main(int argc, char **argv)
{
	const char *name = argc < 2 ? "" : argv[1];
	const struct command *command = find_command(name);

	/* `agentlens-log list | head` is no fault. */
	signal(SIGPIPE, SIG_DFL);
	if (command != NULL)
		return run(command, argc - 1, argv + 1);
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return print_version();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
	    strcmp(name, "help") == 0)
		return print_help();
	if (*name != '\0')
		complain("there is no command '%s'", name);
	fputs("usage: agentlens-log COMMAND [OPTION...] [ARGUMENT...]\n"
	    "See `agentlens-log --help`.\n", stderr);
	return EX_USAGE;
}
