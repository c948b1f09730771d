/* What a program gives up once it has read its settings: all files outside the
 * database's folder, most system calls, and being inspected by other
 * processes.  It does not know what the program does with the rest. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

/* Which parts of the sandbox are in force. */
struct sandbox {
	bool closes_files;
	bool filters_calls;
	bool has_filter; /* it was built with one: syscalls_has_filter() */
};

/* What a program still does inside; paths are borrowed for the call. */
struct sandbox_needs {
	/* Its absolute path, or NULL for none. */
	const char *database;

	/* A folder for SQLite's temporary files, where they can be made and
	 * removed; or NULL. */
	const char *temporary;

	/* Files that it may read: the words of a command line that name one,
	 * also behind a "-x" or a "--name=".  Closed by NULL; or NULL. */
	char *const *read;

	/* It asks a terminal for its size, and follows a file. */
	bool terminal;
};

/*
 * Closes the sandbox around this process and every thread that it starts from
 * now on.  It cannot be opened again:
 *
 * - Only root can read its memory, environment and descriptors, and it leaves
 *   no core file (PR_SET_DUMPABLE).
 * - It cannot gain privileges (PR_SET_NO_NEW_PRIVS).
 * - It can open only the files in the folder of the database (and in that of
 *   the file that it is a symbolic link to), /dev/null and /dev/urandom
 *   (Landlock, Linux 5.13), and what else it needs.  Where that folder does not
 *   exist yet, the nearest folder above it that exists is opened in its place,
 *   but never "/".
 * - A system call that it does not need is answered as if the kernel did not
 *   know it, and one that only an intruder would make ends it; see syscalls.h.
 *
 * What the kernel does not offer is left out, which the log says at level
 * debug.
 */
void sandbox_enter(const struct sandbox_needs *needs,
    struct sandbox *entered);

#endif
