/* The options of a subcommand, as a table. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

#include "agentlens-log/context.h"
#include "base/timestamp.h"
#include "webhook/source.h"

enum option_kind {
	OPTION_FLAG,   /* a bool */
	OPTION_TEXT,   /* a const char * */
	OPTION_TYPE,   /* the same: an event type, or a pattern of some */
	OPTION_SOURCE, /* the same: the name of a source */
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

/* The options of a filter that look into an event, for a table of options. */
#define CONTENT_OPTIONS(filter) \
	{ "request", 0, "ID", "only about this request or submission", \
	    OPTION_TEXT, &(filter)->request }, \
	{ "action", 0, "NAME", "only with this action; or a pattern", \
	    OPTION_TEXT, &(filter)->action }, \
	{ "by", 0, "NAME", "only what this person decided; or a pattern", \
	    OPTION_TEXT, &(filter)->decider }, \
	{ "text", 0, "TEXT", "only with this in payload or metadata", \
	    OPTION_TEXT, &(filter)->text }

/* The options of a filter, for a table of options. */
#define FILTER_OPTIONS(filter) \
	{ "session", 's', "ID", "only this session", OPTION_TEXT, \
	    &(filter)->session }, \
	{ "agent", 'a', "ID", "only this agent", OPTION_TEXT, \
	    &(filter)->agent }, \
	{ "type", 't', "TYPE", "only this type; or a pattern, 'approval_*'", \
	    OPTION_TYPE, &(filter)->type }, \
	{ "source", 'S', "NAME", "only " SOURCE_NAMES ", or a sender", \
	    OPTION_SOURCE, &(filter)->source }, \
	{ "tenant", 0, "ID", "only this tenant", OPTION_TEXT, \
	    &(filter)->tenant }, \
	{ "since", 0, "TIME", "not before this time, or age: 2h, 7d", \
	    OPTION_TIME, (filter)->since }, \
	{ "until", 0, "TIME", "not after it", OPTION_TIME, (filter)->until }, \
	CONTENT_OPTIONS(filter)

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

#endif
