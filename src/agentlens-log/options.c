/* The options of the subcommands, read from their tables. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "text.h"

#define OPTIONS_MAX 32

/* Values of getopt_long() for options without a letter. */
#define FIRST_LONG 256

static const struct option_row common[] = {
	{ "database", 'd', "FILE", "the file of events, in place of DB_PATH",
	    OPTION_TEXT, NULL },
	{ "json", 0, NULL, "JSON, an object a line", OPTION_FLAG, NULL },
	{ "help", 'h', NULL, "print this", OPTION_FLAG, NULL },
	{ 0 }
};

int
options_refuse(const struct context *context)
{
	fprintf(stderr, "usage: agentlens-log %s [OPTION...]%s%s\n"
	    "See `agentlens-log %s --help`.\n", context->command->name,
	    *context->command->arguments == '\0' ? "" : " ",
	    context->command->arguments, context->command->name);
	return EX_USAGE;
}

static void
print_options(const struct option_row *options)
{
	for (; options->name != NULL; options++) {
		char left[64];
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
		    options->letter == 0 ? ' ' : '-',
		    options->letter == 0 ? ' ' : options->letter,
		    options->letter == 0 ? " " : ",", options->name,
		    options->argument == NULL ? "" : "=",
		    options->argument == NULL ? "" : options->argument);
		printf("  %-24s  %s\n", left, options->help);
	}
}

static int
print_help(const struct context *context, const struct option_row *options)
{
	printf("usage: agentlens-log %s [OPTION...]%s%s\n\n%s\n\n",
	    context->command->name,
	    *context->command->arguments == '\0' ? "" : " ",
	    context->command->arguments, context->command->help);
	print_options(options);
	print_options(common);
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

/* An age: a number and a unit. */
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

/* Puts the argument of an option where it belongs.  Returns 0, or -1 having
 * said what is wrong with it. */
static int
take(const struct option_row *option, const char *argument)
{
	static const char *const wanted[] = {
		[OPTION_FLAG] = "", [OPTION_TEXT] = "",
		[OPTION_NUMBER] = "a whole number",
		[OPTION_TIME] = "a time such as 2026-02-08T10:00:00Z, a date, "
		    "or an age such as 90d or 12h",
	};
	int result = 0;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		break;
	case OPTION_TEXT:
		*(const char **)option->value = argument;
		break;
	case OPTION_NUMBER:
		result = read_number(argument, option->value);
		break;
	case OPTION_TIME:
		result = read_time(argument, option->value);
		break;
	}
	if (result != 0)
		complain("--%s: '%s' is not %s", option->name, argument,
		    wanted[option->kind]);
	return result;
}

/* What getopt_long() wants, from the tables. */
struct getopt_tables {
	struct option_row rows[OPTIONS_MAX];
	struct option names[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 1];
	int count;
};

static void
fill_tables(struct getopt_tables *tables, const struct option_row *options)
{
	char *letter = tables->letters + strlen(tables->letters);

	for (; options->name != NULL && tables->count < OPTIONS_MAX - 1;
	    options++) {
		int i = tables->count++;
		tables->rows[i] = *options;
		tables->names[i] = (struct option){ options->name,
			options->argument != NULL, NULL,
			options->letter != 0 ? options->letter :
			FIRST_LONG + i };
		if (options->letter == 0)
			continue;
		*letter++ = options->letter;
		if (options->argument != NULL)
			*letter++ = ':';
		*letter = '\0';
	}
}

static const struct option_row *
find_row(const struct getopt_tables *tables, int value)
{
	for (int i = 0; i < tables->count; i++)
		if (tables->names[i].val == value)
			return &tables->rows[i];
	return NULL;
}

int
options_read(struct context *context, const struct option_row *options,
    int argc, char **argv, int *count, char ***arguments)
{
	struct getopt_tables tables = { 0 };
	bool help = false;
	int value;

	fill_tables(&tables, options);
	int own = tables.count;
	fill_tables(&tables, common);
	tables.rows[own].value = &context->database;
	tables.rows[own + 1].value = &context->json;
	tables.rows[own + 2].value = &help;

	optind = 0;
	while ((value = getopt_long(argc, argv, tables.letters, tables.names,
	    NULL)) != -1) {
		const struct option_row *row = find_row(&tables, value);
		if (row == NULL || take(row, optarg) != 0)
			return options_refuse(context);
	}
	if (help)
		return print_help(context, options);
	*count = argc - optind;
	*arguments = argv + optind;
	return -1;
}
