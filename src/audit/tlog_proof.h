/*
 * Proofs for who must not, or cannot, see the database: that an entry is in a
 * journal (c2sp.org/tlog-proof), with what it says in the proof's "extra"; and
 * that one checkpoint is the beginning of another (the body of an
 * "add-checkpoint" request of c2sp.org/tlog-witness).
 */
#ifndef TLOG_PROOF_H
#define TLOG_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/checkpoint.h"
#include "base/merkle.h"
#include "base/text.h"
#include "store/entry.h"
#include "store/entry_read.h"

/* Hashes of a path; no tree of 2^53 leaves has more. */
#define TLOG_PATH_MAX 63

/* What is behind a commitment of an entry's text. */
struct tlog_opening {
	bool present;
	unsigned char salt[ENTRY_SALT_BYTES];
	struct text data;
};

/* A proof of inclusion.  Begins as { 0 }. */
struct tlog_proof {
	int64_t index; /* the entry's number - 1 */
	unsigned char path[TLOG_PATH_MAX][DIGEST_BYTES];
	int path_count;
	struct text entry; /* its text */
	struct tlog_opening openings[ENTRY_PART_SESSION]; /* by part */
	bool has_event; /* disclosed, as are the bytes of the body */
	struct text event; /* the text that the event's hash is over */
	bool has_body;
	struct text body;
	const char *checkpoint; /* signed; borrowed */
	size_t checkpoint_len;
};

/* Appends the proof.  Returns 0, or -1 when memory runs out. */
int tlog_proof_write(const struct tlog_proof *proof, struct text *out);

/* Reads a proof, strictly.  Returns NULL, or why it is none, as a sentence
 * without its full stop; free the proof in both cases.  The checkpoint is
 * borrowed from `text`. */
const char *tlog_proof_read(struct tlog_proof *proof, const char *text,
    size_t len);

/*
 * Checks the proof against its checkpoint, whose signatures the caller has
 * found good.  What is disclosed is as much proven as the entry itself.
 * Returns NULL with the entry that it proves, or why it proves none, as a
 * sentence without its full stop; free the storage in both cases.
 */
const char *tlog_proof_check(const struct tlog_proof *proof,
    const struct checkpoint *checkpoint, struct entry *entry,
    struct entry_storage *storage);

void tlog_proof_free(struct tlog_proof *proof);

/* --- Consistency ---------------------------------------------------------- */

struct tlog_consistency {
	int64_t old; /* the size of the older tree */
	unsigned char path[TLOG_PATH_MAX][DIGEST_BYTES];
	int path_count;
	const char *checkpoint; /* the newer one, signed; borrowed */
	size_t checkpoint_len;
};

/* The same as for a proof of inclusion. */
int tlog_consistency_write(const struct tlog_consistency *proof,
    struct text *out);
const char *tlog_consistency_read(struct tlog_consistency *proof,
    const char *text, size_t len);

/* Whether it shows that `old` is the beginning of `checkpoint`, both signed,
 * of the same journal. */
const char *tlog_consistency_check(const struct tlog_consistency *proof,
    const struct checkpoint *old, const struct checkpoint *checkpoint);

#endif
