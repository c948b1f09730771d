/*
 * Runs inputs through a fuzz target without libFuzzer, and so with any
 * compiler.
 *
 * usage: replay TARGET FILE...     each input once, in the order given
 *        replay -t TARGET FILE...  and tells on standard output, after a line
 *                                  "input<tab>FILE", what was written
 *        replay -l                 the names of the targets
 *
 * An input that breaks a rule ends it with SIGABRT, its file named before.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void
run_file(const struct fuzz_target *target, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = 0, room = 1 << 20;
	unsigned char *data = malloc(room);

	if (file == NULL || data == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(data, 1, room, file);
	if (ferror(file) || size == room) {
		fprintf(stderr, "%s: cannot be read, or is too large\n", path);
		exit(EXIT_FAILURE);
	}
	fclose(file);

	/* Behind the input is nothing: a sanitizer watches its end. */
	unsigned char *exact = realloc(data, size + (size == 0));
	fprintf(stderr, "%s\n", path);
	fuzz_tell("input", path, strlen(path));
	target->run(exact, size);
	free(exact);
}

int
main(int argc, char **argv)
{
	int first = 1;

	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		fuzz_find(NULL);
		return EXIT_SUCCESS;
	}
	if (argc > 1 && strcmp(argv[1], "-t") == 0) {
		fuzz_told = stdout;
		first++;
	}
	const struct fuzz_target *target = argc > first + 1 ?
	    fuzz_find(argv[first]) : NULL;
	if (target == NULL) {
		fprintf(stderr, "usage: replay [-t] TARGET FILE...\n"
		    "       replay -l\n");
		return 2;
	}
	if (target->open != NULL)
		target->open();
	for (int i = first + 1; i < argc; i++)
		run_file(target, argv[i]);
	return EXIT_SUCCESS;
}
