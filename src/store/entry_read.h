/* An entry out of its text, for who has no database: proofs, and exports of
 * the journal. */
#ifndef ENTRY_READ_H
#define ENTRY_READ_H

#include "store/entry.h"

/* Commitments, numbers, root: no kind has more. */
#define ENTRY_HASHES_MAX 4

struct json_object;

/* What an entry that was read points to. */
struct entry_storage {
	struct json_object *json;
	unsigned char hashes[ENTRY_HASHES_MAX][DIGEST_BYTES];
	int hashes_count;
};

/*
 * Reads a text, which must be to the byte what entry_write() writes.  Returns
 * 0, or -1 when it is not, or memory runs out.  Free the storage in both
 * cases; the entry is of use as long as it.
 */
int entry_read(const char *text, size_t len, struct entry *entry,
    struct entry_storage *storage);

void entry_storage_free(struct entry_storage *storage);

#endif
