/*
 * A program built for coverage writes its counts at its end; with this also
 * when a signal ends it, as tests do with one that follows the log for ever.
 */
#include <signal.h>
#include <stddef.h>

/* Of gcc's runtime. */
void __gcov_dump(void);

static void
write_counts(int signal_number)
{
	__gcov_dump();
	raise(signal_number);
}

__attribute__((constructor)) static void
begin(void)
{
	const struct sigaction action = { .sa_handler = write_counts,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	sigaction(SIGTERM, &action, NULL);
}
