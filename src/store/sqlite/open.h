/* Opening a file to record in it: making it, its tables, its journal mode. */
#ifndef OPEN_H
#define OPEN_H

#include "store/sqlite/writer.h"

enum writer_role {
	WRITER_ALONE,    /* checkpoints by itself, at a commit */
	WRITER_THREADED, /* leaves them to a checkpointer */
	WRITER_CHECKPOINTER
};

/*
 * Opens the database of the settings.  Makes the file when it is not there (its
 * folder must be), and the tables or columns that are missing, except for
 * WRITER_CHECKPOINTER.  Returns REFUSAL_NONE; or why not, logged in detail,
 * with *writer NULL.
 */
enum refusal_code writer_open(struct writer **writer,
    const struct settings *settings, enum writer_role role);

#endif
