/*
 * What a program built with sanitizers does with what they find: it goes to a
 * file of its own in SANITIZER_REPORTS, since tests start programs with an
 * empty environment, and web servers put away what they write. The program
 * ends by it either way.
 *
 * The names are those that the runtimes of gcc and clang look for.
 */
#include <stdio.h>

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
void __ubsan_on_report(void);
/* Weak, since configure links with this before it knows of the runtimes. */
void __attribute__((weak)) __ubsan_get_current_report_data(const char **kind,
	const char **message, const char **file, unsigned *line,
	unsigned *column, char **address);

const char *__asan_default_options(void)
{
	return "log_path=" SANITIZER_REPORTS "/report"
		":detect_stack_use_after_return=1";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

/* The other runtime's log_path is not that of this one. */
void __ubsan_on_report(void)
{
	const char *kind, *message, *file;
	unsigned line, column;
	char *address;
	FILE *report = fopen(SANITIZER_REPORTS "/undefined", "a");

	if (report == NULL)
		return;
	__ubsan_get_current_report_data(&kind, &message, &file, &line, &column,
		&address);
	fprintf(report, "%s:%u:%u: %s: %s\n", file, line, column, kind, message);
	fclose(report);
}
