/* A subcommand: what its row in the table of main.c declares, and what it is
 * given when it runs. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/timestamp.h"
#include "reader/events.h"
#include "settings.h"
#include "store/database.h"
#include "webhook/source.h"

/* Exit codes, besides EX_USAGE. */
enum {
	COMMAND_GOOD = 0,
	COMMAND_FAULT = 1,  /* what was asked about is wrong, or not there */
	COMMAND_FAILED = 2, /* it could not be read, written or done */
};

/* What a command does to the file. */
enum command_access {
	COMMAND_NO_FILE,
	COMMAND_READS,  /* DATABASE_READ */
	COMMAND_WRITES, /* DATABASE_WRITE */
	COMMAND_MAKES   /* DATABASE_MAKE */
};

struct command;

/* What every subcommand is given. */
struct context {
	const struct command *command;
	const char *path; /* of -d; NULL: that of the settings */
	bool json;
	int count; /* of arguments that are no options */
	char **arguments;

	enum command_access access;
	struct database *database; /* unless it uses no file */

	/* Why it failed: main.c says it when the command returns
	 * COMMAND_FAILED; when it is empty, the reason that the database
	 * has. */
	struct error error;

	/* For context_settings() only. */
	struct settings settings;
	bool has_settings;
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
	void *value; /* where the argument is put */
};

/* The options of a filter, for a table of options. */
#define FILTER_OPTIONS(filter) \
	{ "session", 's', "ID", "only this session", OPTION_TEXT, \
	    &(filter)->session }, \
	{ "agent", 'a', "ID", "only this agent", OPTION_TEXT, \
	    &(filter)->agent }, \
	{ "type", 't', "TYPE", "only this type; or a pattern, 'approval_*'", \
	    OPTION_TEXT, &(filter)->type }, \
	{ "source", 'S', "NAME", "only " SOURCE_NAMES, \
	    OPTION_TEXT, &(filter)->source }, \
	{ "tenant", 0, "ID", "only this tenant", OPTION_TEXT, \
	    &(filter)->tenant }, \
	{ "since", 0, "TIME", "not before this time, or age: 2h, 7d", \
	    OPTION_TIME, (filter)->since }, \
	{ "until", 0, "TIME", "not after it", OPTION_TIME, (filter)->until }

struct command {
	const char *name;
	const char *usage; /* its arguments, for the usage line */
	const char *help;  /* one line */
	const struct option_row *options; /* closed by one without a name */
	int arguments_min, arguments_max;
	enum command_access access;

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
extern const struct command command_check_proof, command_export,
    command_import, command_list, command_prove, command_prune,
    command_refused, command_seal, command_show, command_sign,
    command_stats, command_tail, command_timeline, command_verify;

/*
 * Reads the options that may stand before the command: --database, --json,
 * --help, --version.  Returns -1 with *next the index of the first argument
 * that is no option; or an exit code, having said why.
 */
int options_read_common(struct context *context, int argc, char **argv,
    bool *help, bool *version, int *next);

/*
 * Reads the options of the command and those that all commands have; they may
 * stand among the arguments.  argv[0] is the name of the command.
 * Returns -1 to go on; or an exit code, having said why or printed the help.
 */
int options_read(struct context *context, int argc, char **argv);

/* Says on standard error how the command is used.  Returns EX_USAGE. */
int options_refuse(const struct context *context);

/*
 * The settings, read when first asked for, as agentlens-ingest reads them.
 * Returns NULL when they cannot be read, with the reason in context->error when
 * they are `needed`.
 */
const struct settings *context_settings(struct context *context, bool needed);

/* Opens the file of -d, or else of the settings.  Returns NULL with the reason
 * in context->error. */
struct database *context_open(struct context *context,
    enum command_access access);

/*
 * Sets the tenant of a filter that names a session; see filter_find_tenant().
 * `tenants` must outlive the filter.  Returns COMMAND_GOOD; COMMAND_FAULT
 * having said why; or COMMAND_FAILED.
 */
int context_find_tenant(struct context *context, struct filter *filter,
    struct text *tenants);

/* The exit code for what filter_find_tenant() returned; says what is wrong with
 * the session. */
int context_judge_tenant(enum found found, const struct filter *filter,
    const struct text *tenants);

/* Says why the command failed, from context->error or the database, and empties
 * context->error. */
void context_tell_failure(struct context *context);

/* Prints "agentlens-log: " and a sentence to standard error. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
