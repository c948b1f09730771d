/*
 * spawn-times: runs a program again and again, and prints for each run a line
 * with the time it took and the processor time it used, in microseconds.
 *
 * usage: spawn-times RUNS BODIES|- PROGRAM [ARGUMENT...]
 *
 * With BODIES (lines of signature, tab, body, from bodies.mjs) each run is a
 * CGI request that posts the next line; with "-" the environment is left as
 * it is and standard input is /dev/null.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
microseconds(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* Puts the next request into the environment.  Returns a descriptor from
 * which its body can be read; it fits into a pipe. */
static int
next_request(FILE *bodies)
{
	static char *line;
	static size_t size;
	char length[32];
	int ends[2];

	ssize_t len = getline(&line, &size, bodies);
	char *tab = len < 0 ? NULL : strchr(line, '\t');
	if (tab == NULL)
		die("no more bodies");
	*tab = '\0';
	const char *body = tab + 1;
	size_t body_len = (size_t)(line + len - 1 - body);

	snprintf(length, sizeof(length), "%zu", body_len);
	setenv("REQUEST_METHOD", "POST", 1);
	setenv("HTTP_X_AGENTGATE_SIGNATURE", line, 1);
	setenv("CONTENT_LENGTH", length, 1);
	if (pipe2(ends, O_CLOEXEC) != 0 ||
	    write(ends[1], body, body_len) != (ssize_t)body_len)
		die("pipe");
	close(ends[1]);
	return ends[0];
}

static void
run(char **command, int input)
{
	posix_spawn_file_actions_t actions;
	struct rusage used;
	pid_t child;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0);
	double start = now_us();
	if (posix_spawn(&child, command[0], &actions, NULL, command,
	    environ) != 0 || wait4(child, &status, 0, &used) < 0)
		die(command[0]);
	double wall = now_us() - start;
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "spawn-times: %s failed\n", command[0]);
		exit(1);
	}
	printf("%.1f %.1f\n", wall,
	    microseconds(used.ru_utime) + microseconds(used.ru_stime));
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: spawn-times RUNS BODIES|- PROGRAM "
		    "[ARGUMENT...]\n", stderr);
		return 64;
	}
	long runs = strtol(argv[1], NULL, 10);
	FILE *bodies = strcmp(argv[2], "-") == 0 ? NULL : fopen(argv[2], "r");

	if (bodies == NULL && strcmp(argv[2], "-") != 0)
		die(argv[2]);
	for (long i = 0; i < runs; i++) {
		int input = bodies != NULL ? next_request(bodies) :
		    open("/dev/null", O_RDONLY | O_CLOEXEC);
		run(argv + 3, input);
		close(input);
	}
	return 0;
}
