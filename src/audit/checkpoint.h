/* Checkpoints (c2sp.org/tlog-checkpoint): what the journal was at one size, as
 * a signed note that others can check, keep and cosign. */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "base/digest.h"
#include "base/note.h"

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	int64_t size; /* of the tree: as many entries */
	unsigned char root[DIGEST_BYTES];
};

/* Appends the text of a checkpoint, without extension lines.  The origin must
 * be a name of a note's key (note_is_name), for it is the one of ours. */
void checkpoint_write(struct text *out, const struct checkpoint *checkpoint);

/* Reads such a text; extension lines are read over.  Returns 0; or -1 when it
 * is none, or its origin is no name. */
int checkpoint_read(struct checkpoint *checkpoint, const char *text,
    size_t len);

enum checkpoint_error {
	CHECKPOINT_OK,
	CHECKPOINT_MALFORMED,     /* it is no signed checkpoint */
	CHECKPOINT_BAD_SIGNATURE, /* a known key's is wrong */
	CHECKPOINT_NOT_SIGNED,    /* by this key */
	CHECKPOINT_OTHER_ORIGIN,  /* by this key, in another one's name */
	CHECKPOINT_NO_WITNESS,    /* one that is required did not cosign it */
	CHECKPOINT_FAILED         /* memory, or libgcrypt */
};

/*
 * Opens the signed checkpoint of a journal.  keys[0] is the journal's own,
 * whose name must be the origin; the others are witnesses, which all must have
 * cosigned it.  Signatures of keys that are unknown are left aside.  The note
 * is borrowed from `bytes` and `keys`.
 */
enum checkpoint_error checkpoint_open(struct checkpoint *checkpoint,
    struct note *note, const char *bytes, size_t len,
    const struct note_key *keys, size_t count);

/* A sentence about the error, without its full stop. */
const char *checkpoint_error_text(enum checkpoint_error error);

#endif
