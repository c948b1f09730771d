/* Files of assignments, in the form of a systemd EnvironmentFile
 * (systemd.exec(5)).  What the names mean is the caller's. */
#ifndef ENVFILE_H
#define ENVFILE_H

#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/* The room for a name and its NUL.  A longer name is cut, so a name that the
 * caller knows must be shorter. */
#define ENVFILE_NAME_SIZE 64

/* Is called with each assignment; the name is "" where it contained a NUL.
 * Returns 0, or -1 to stop reading, after setting the error. */
typedef int envfile_fn(void *context, const char *path, int line,
    const char *name, const char *value);

/*
 * Reads the content of a file, whose path is for errors only.  Hands each
 * assignment on, and wipes the value afterwards, so that `take` must copy what
 * it keeps.  Returns 0, or -1 with a sentence that names the line and says
 * what is wrong with it.
 */
int envfile_read(const char *path, const char *content, size_t len,
    envfile_fn *take, void *context, struct error *error);

#endif
