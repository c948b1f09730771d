/* The filter of system calls, and the door to libseccomp: no other file
 * includes seccomp.h.  It does not know which program it is for. */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <stdbool.h>

/* Whether this program was built with a filter, which needs libseccomp and a
 * machine that the table was checked for (x86-64, arm64). */
bool syscalls_has_filter(void);

/*
 * From now on allows this thread, and those that it starts, only the system
 * calls of a table.  Others are answered as by a kernel that does not know
 * them (ENOSYS), those with arguments that are not allowed with EPERM, and those
 * that only an intruder would make end the process.  With `terminal` it may also
 * ask for the terminal's size and watch a folder (inotify).
 * Returns 0; or -1 with errno, ENOSYS where there is no filter.
 */
int syscalls_filter(bool terminal);

#endif
