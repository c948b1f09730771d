/* The file of the key record, <database>.key: 512 bytes, written over in place
 * after each commit, so that no former key stays in it. */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "store/journal.h"

enum keyfile_state {
	KEYFILE_GOOD,
	KEYFILE_NONE,       /* there is no such file */
	KEYFILE_DAMAGED,    /* it is no file, or not of that size, or changed */
	KEYFILE_FOREIGN,    /* of another journal */
	KEYFILE_UNWRITABLE, /* it is good, and must not be used */
	KEYFILE_FAILED      /* it could not be read: see errno */
};

/* An open key file.  Its room for the record is base/secret.h's. */
struct keyfile;

/*
 * Opens the file for writing; a link is followed.  Returns KEYFILE_GOOD or
 * KEYFILE_UNWRITABLE with *file, which is for reading only then; or why not,
 * with *file NULL.
 */
enum keyfile_state keyfile_open(struct keyfile **file, const char *path);

/*
 * Makes the file, mode 0600, or takes the one that is there, whatever is in
 * it; writes the record over it and has it and its folder on disk.  Returns 0,
 * or -1 with errno.
 */
int keyfile_make(const char *path, const struct journal *journal);

/*
 * Reads the record.  Returns KEYFILE_GOOD with the journal's end and key, when
 * it is of the journal with this id (any, when `id` is NULL); else why not, and
 * the journal is not changed.
 */
enum keyfile_state keyfile_read(struct keyfile *file,
    const unsigned char *id, struct journal *journal);

/* Writes the record over the one before, without waiting for the disk.
 * Returns 0, or -1 with errno: then it may be damaged, and the same must be
 * written again before anything else. */
int keyfile_write(struct keyfile *file, const struct journal *journal);

/* Whether the file opened is still the one at the path. */
bool keyfile_is_current(const struct keyfile *file, const char *path);

/* Whether others than its owner may read or write it. */
bool keyfile_is_exposed(const struct keyfile *file);

/* Wipes what was read and closes the file; NULL is allowed. */
void keyfile_close(struct keyfile *file);

#endif
