/* What the program gives up once it has read its settings: the file system
 * but for the database's folder, most system calls, and being looked at. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

/* Which parts hold from now on. */
struct sandbox {
	bool closes_files;
	bool filters_calls;
};

/*
 * Closes the sandbox around this process and every thread that it starts from
 * now on, for good:
 *
 * - Its memory, environment and descriptors can be looked at by root only, and
 *   it leaves no core file (PR_SET_DUMPABLE).
 * - It has no privileges to gain (PR_SET_NO_NEW_PRIVS).
 * - It opens no file but those in the folder of `database` (and in that of the
 *   file that it is a symbolic link to), /dev/null and /dev/urandom
 *   (Landlock, Linux 5.13).  A folder that does not exist yet is waited for:
 *   then the nearest one above it is open.
 * - A system call that it does not need is answered as if the kernel did not
 *   know it, and one that only a break-in makes ends it (seccomp).
 *
 * What the kernel does not have is left out, with a line in the log for who
 * asked for debug.
 */
void sandbox_enter(const char *database, struct sandbox *entered);

#endif
