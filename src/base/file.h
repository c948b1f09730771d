/* Reads whole files into memory.  It does not know what is in them. */
#ifndef FILE_H
#define FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

/*
 * Appends the content of a file to `out`; the path "-" is standard input.
 * `max` is the most bytes that `out` may hold, or 0 for no limit.  Returns 0,
 * or -1 with a sentence.  The caller frees `out` in both cases.
 */
int file_read(const char *path, size_t max, struct text *out,
    struct error *error);

/* The same for an open file, whose path is for errors only. */
int file_read_stream(FILE *stream, const char *path, size_t max,
    struct text *out, struct error *error);

#endif
