/* A subcommand: what its row in the table of main.c declares, and what it is
 * given when it runs. */
#ifndef COMMAND_H
#define COMMAND_H

#include "agentlens-log/context.h"
#include "agentlens-log/options.h"

struct command {
	const char *name;
	const char *usage; /* its arguments, for the usage line */
	const char *help;  /* one line */
	const struct option_row *options; /* closed by one without a name */
	int arguments_min, arguments_max;
	enum command_access access;

	/* It makes files outside the database's folder, which the sandbox would
	 * forbid. */
	bool makes_files;

	/* Checks options and arguments before the file is opened, and may
	 * lower context->access; may be NULL.  Returns -1 to go on, or an exit
	 * code: COMMAND_FAILED with the reason in context->error, another one
	 * having said why. */
	int (*prepare)(struct context *context);

	/* Returns an exit code: COMMAND_FAILED with the reason in
	 * context->error or the database, another one having said why. */
	int (*run)(struct context *context);
};

/* The commands, closed by one without a name; each in a file of its own. */
extern const struct command command_backup, command_check_proof,
    command_export, command_import, command_list, command_prove, command_prune,
    command_refused, command_seal, command_show, command_sign,
    command_stats, command_tail, command_timeline, command_verify;

#endif
