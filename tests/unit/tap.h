/* The Test Anything Protocol, for programs that test one room from inside. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* One test: prints its line, and returns whether it passed. */
__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool passed, const char *format, ...)
{
	va_list arguments;

	printf("%sok %d ", passed ? "" : "not ", ++tap_count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	tap_failed += passed ? 0 : 1;
	return passed;
}

/* Prints the plan; its result is what main() returns. */
static int
tap_end(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
