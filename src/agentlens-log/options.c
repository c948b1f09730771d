/* Reads the options of a subcommand, as its table says, with getopt_long(3). */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/text.h"
#include "settings.h"
#include "webhook/event.h"
#include "webhook/source.h"

#define OPTIONS_MAX 32

/* Values of getopt_long() for options without a letter. */
#define FIRST_LONG 256

static const struct option_row common[] = {
	{ "database", 'd', "FILE", "the file of events, in place of DB_PATH",
	    OPTION_TEXT, NULL },
	{ "json", 0, NULL, "JSON, an object a line", OPTION_FLAG, NULL },
	{ "help", 'h', NULL, "print this", OPTION_FLAG, NULL },
	{ "version", 'V', NULL, "print the version", OPTION_FLAG, NULL },
};

#define COMMON_COUNT ((int)(sizeof(common) / sizeof(common[0])))

/* Of these a command has all but --version. */
#define COMMAND_COMMON_COUNT (COMMON_COUNT - 1)

static void
print_usage(const struct context *context, FILE *stream)
{
	const char *usage = context->command->usage;

	fprintf(stream, "usage: agentlens-log %s [OPTION...]%s%s\n",
	    context->command->name, *usage == '\0' ? "" : " ", usage);
}

int
options_refuse(const struct context *context)
{
	print_usage(context, stderr);
	fprintf(stderr, "See `agentlens-log %s --help`.\n",
	    context->command->name);
	return EX_USAGE;
}

static void
print_option(const struct option_row *option)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
	    option->letter == 0 ? ' ' : '-',
	    option->letter == 0 ? ' ' : option->letter,
	    option->letter == 0 ? " " : ",", option->name,
	    option->argument == NULL ? "" : "=",
	    option->argument == NULL ? "" : option->argument);
	printf("  %-24s  %s\n", left, option->help);
}

static int
print_help(const struct context *context)
{
	print_usage(context, stdout);
	printf("\n%s\n\n", context->command->help);
	for (const struct option_row *o = context->command->options;
	    o->name != NULL; o++)
		print_option(o);
	for (int i = 0; i < COMMAND_COMMON_COUNT; i++)
		print_option(&common[i]);
	printf("\nSee agentlens-log(1).\n");
	return COMMAND_GOOD;
}

static int
read_number(const char *text, int64_t *number)
{
	char *end;

	*number = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' &&
	    end - text <= 18 ? 0 : -1;
}

/* Reads an age, a number and a unit, as the time so long ago. */
static int
read_age(const char *text, int64_t *ms)
{
	static const struct {
		char letter;
		int64_t ms;
	} units[] = {
		{ 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 604800000 },
	};
	size_t len = strlen(text);
	char digits[16];
	int64_t number;

	if (len < 2 || len > 9)
		return -1;
	snprintf(digits, sizeof(digits), "%.*s", (int)len - 1, text);
	if (read_number(digits, &number) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].letter == text[len - 1]) {
			*ms = timestamp_now() - number * units[i].ms;
			return *ms < 0 ? -1 : 0;
		}
	return -1;
}

static int
read_time(const char *text, char out[TIMESTAMP_SIZE])
{
	struct text midnight = TEXT_EMPTY;
	int64_t ms;
	int result = 0;

	text_puts(&midnight, text);
	if (strlen(text) == strlen("2026-02-08"))
		text_puts(&midnight, "T00:00:00Z");
	if (read_age(text, &ms) != 0)
		result = timestamp_parse(text_string(&midnight), midnight.len,
		    &ms);
	if (result == 0)
		timestamp_format(ms, out);
	text_free(&midnight);
	return result;
}

/* Whether an event type has this name, or fits this pattern as of a shell. */
static bool
is_type(const char *pattern)
{
	for (const struct event_type *t = event_types; t->name != NULL; t++)
		if (fnmatch(pattern, t->name, 0) == 0)
			return true;
	return false;
}

/* Whether a source has this name, or a sender of one's own in the settings. */
static bool
is_source(const char *name)
{
	struct settings settings;
	struct settings_source found;
	struct error error;

	if (source_named(name) != NULL)
		return true;
	bool is_own = settings_load(&settings, &error) == 0 &&
	    settings_find_source(&settings, name, &found);
	settings_free(&settings);
	return is_own;
}

/* Stores the argument of an option.  Returns 0, or -1 having said what is wrong
 * with it. */
static int
take(const struct option_row *option, const char *argument)
{
	static const char *const wanted[] = {
		[OPTION_FLAG] = "", [OPTION_TEXT] = "",
		[OPTION_TYPE] = ("an event type of AgentLens, nor a pattern of "
		    "some, such as approval_granted or 'approval_*'"),
		[OPTION_SOURCE] = (SOURCE_NAMES ", or a sender"),
		[OPTION_NUMBER] = "a whole number",
		[OPTION_TIME] = ("a time such as 2026-02-08T10:00:00Z, a "
		    "date, or an age such as 90d or 12h"),
	};
	int result = 0;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		break;
	case OPTION_TYPE:
	case OPTION_SOURCE:
	case OPTION_TEXT:
		*(const char **)option->value = argument;
		if (option->kind == OPTION_TYPE)
			result = is_type(argument) ? 0 : -1;
		else if (option->kind == OPTION_SOURCE)
			result = is_source(argument) ? 0 : -1;
		break;
	case OPTION_NUMBER:
		result = read_number(argument, option->value);
		break;
	case OPTION_TIME:
		result = read_time(argument, option->value);
		break;
	}
	if (result != 0)
		warn("--%s: '%s' is not %s", option->name, argument,
		    wanted[option->kind]);
	return result;
}

/* The tables that getopt_long() wants, made from ours. */
struct getopt_tables {
	struct option_row rows[OPTIONS_MAX];
	struct option names[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 1];
	int count;
};

static void
add_option(struct getopt_tables *tables, const struct option_row *option,
    void *value)
{
	char *letter = tables->letters + strlen(tables->letters);
	int i = tables->count;

	if (i == OPTIONS_MAX - 1)
		return;
	tables->count++;
	tables->rows[i] = *option;
	tables->rows[i].value = value;
	tables->names[i] = (struct option){ option->name,
		option->argument != NULL, NULL, option->letter != 0 ?
		option->letter : FIRST_LONG + i };
	if (option->letter != 0) {
		*letter++ = option->letter;
		if (option->argument != NULL)
			*letter++ = ':';
		*letter = '\0';
	}
}

static void
add_common(struct getopt_tables *tables, struct context *context, int count,
    bool *help, bool *version)
{
	void *const values[COMMON_COUNT] = { &context->path, &context->json,
		help, version };

	for (int i = 0; i < count; i++)
		add_option(tables, &common[i], values[i]);
}

/* Reads the options of the tables.  Returns 0, or -1 having said what is wrong
 * with one. */
static int
read_all(const struct getopt_tables *tables, int argc, char **argv)
{
	static char program[] = "agentlens-log";
	char *const name = argv[0];
	int value, result = 0;

	/* getopt_long() begins its messages with argv[0]. */
	argv[0] = program;
	optind = 0;
	while (result == 0 && (value = getopt_long(argc, argv,
	    tables->letters, tables->names, NULL)) != -1) {
		const struct option_row *row = NULL;
		for (int i = 0; i < tables->count && row == NULL; i++)
			if (tables->names[i].val == value)
				row = &tables->rows[i];
		result = row == NULL ? -1 : take(row, optarg);
	}
	argv[0] = name;
	return result;
}

int
options_read_common(struct context *context, int argc, char **argv,
    bool *help, bool *version, int *next)
{
	/* The plus sign makes getopt_long() stop at the command. */
	struct getopt_tables tables = { .letters = "+" };

	add_common(&tables, context, COMMON_COUNT, help, version);
	if (read_all(&tables, argc, argv) != 0)
		return EX_USAGE;
	*next = optind;
	return -1;
}

int
options_read(struct context *context, int argc, char **argv)
{
	const struct command *command = context->command;
	struct getopt_tables tables = { 0 };
	bool help = false;

	for (const struct option_row *o = command->options; o->name != NULL;
	    o++)
		add_option(&tables, o, o->value);
	add_common(&tables, context, COMMAND_COMMON_COUNT, &help, NULL);
	if (read_all(&tables, argc, argv) != 0)
		return options_refuse(context);
	if (help)
		return print_help(context);
	context->count = argc - optind;
	context->arguments = argv + optind;
	return context->count < command->arguments_min ||
	    context->count > command->arguments_max ?
	    options_refuse(context) : -1;
}
