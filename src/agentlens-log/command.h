/* A subcommand: its row in the table of main.c, its options, what it is
 * given. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sysexits.h>

#include "settings.h"
#include "timestamp.h"

/* Exit codes, besides EX_USAGE. */
enum {
	COMMAND_GOOD = 0,
	COMMAND_FAULT = 1,  /* what was asked for is not so, or not there */
	COMMAND_FAILED = 2, /* could not read, write or do it */
};

struct command;

/* What every subcommand is given. */
struct context {
	const struct command *command;
	const char *database; /* -d, or NULL: the one of the settings */
	bool json;

	/* Read by context_settings() only. */
	struct settings settings;
	bool has_settings;
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line, after the options */
	const char *help;      /* one line */

	/* argv[0] is its name.  Returns an exit code. */
	int (*run)(struct context *context, int argc, char **argv);
};

enum option_kind {
	OPTION_FLAG,   /* a bool */
	OPTION_TEXT,   /* a const char * */
	OPTION_NUMBER, /* an int64_t, not below 0 */
	OPTION_TIME    /* a char[TIMESTAMP_SIZE], as the file writes times:
			* from RFC 3339, a date, or an age like 90d, 12h */
};

struct option_row {
	const char *name;     /* the long option */
	char letter;          /* or 0 */
	const char *argument; /* its name in the help, or NULL for a flag */
	const char *help;
	enum option_kind kind;
	void *value;
};

/*
 * Reads the options of a subcommand, a table closed by an entry without a
 * name, and those that all have (--database, --json, --help).  They may stand
 * among the arguments.
 * Returns -1 with *arguments at the first of the `*count` arguments that are
 * left; or an exit code, having said why or printed the help.
 */
int options_read(struct context *context, const struct option_row *options,
    int argc, char **argv, int *count, char ***arguments);

/* Prints the usage line of the subcommand to standard error.  Returns
 * EX_USAGE. */
int options_refuse(const struct context *context);

/*
 * The settings, read when first asked for, as the responder reads them.
 * Returns NULL, having said why on standard error when `say`.
 */
const struct settings *context_settings(struct context *context, bool say);

/* The path of the database: -d, else that of the settings.  Returns NULL,
 * having said why. */
const char *context_database(struct context *context);

/* Prints "agentlens-log: " and a sentence to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
