/* What a subcommand is given when it runs, and what it may ask of it. */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <stdbool.h>
#include <sysexits.h>

#include "base/error.h"
#include "reader/events.h"
#include "settings.h"
#include "store/database.h"

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
	bool has_settings, has_tried;
	struct error settings_error;
};

/*
 * The settings, read when first asked for, as agentlens-ingest reads them.
 * Returns NULL when they cannot be read, with the reason in context->error when
 * they are `needed`.
 */
const struct settings *context_settings(struct context *context, bool needed);

/*
 * Closes the sandbox (base/sandbox.h) around the command: what is left to it is
 * the database's folder, a folder for temporary files, the files that its
 * command line names, and what is open already.  To be called once the options
 * are read and before the database is opened.
 */
void context_confine(struct context *context, char *const *words);

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

#endif
