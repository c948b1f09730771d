/* The connection that records: opened as the settings say, with all recording
 * statements prepared, and aware of which files it has open.  It knows no rule
 * of recording.  It belongs to one thread at a time. */
#ifndef WRITER_H
#define WRITER_H

#include "base/ulid.h"
#include "settings.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/dbfiles.h"

struct writer {
	struct database database;
	struct query queries[RECORDING_STATEMENTS];
	struct dbfiles files;
	int64_t wal_bytes_tried; /* of the log, when it was last cut short */
	int64_t schema_cookie; /* of the schema that was checked last */
	int wal_pages; /* in the log after the last commit, WRITER_THREADED */
	char last_id[ULID_SIZE]; /* engine_last_id(), in a transaction */
};

/* Opens the connection alone, for wal_leave(), which has to open it anew.
 * Returns REFUSAL_NONE, or why not, logged. */
enum refusal_code writer_connect(struct writer *writer,
    const struct settings *settings);

/* Whether the database, its log and its index that were opened are still the
 * ones at their paths. */
bool writer_is_current(const struct writer *writer);

/* Whether both have the same database, log and index open. */
bool writer_shares_files(const struct writer *a, const struct writer *b);

/* Releases what is prepared, so that it can be prepared anew. */
void writer_finalize(struct writer *writer);

/* Closes the database; NULL is allowed. */
void writer_close(struct writer *writer);

#endif
