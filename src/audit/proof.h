/* Proofs that one event is among those that were sealed: inclusion proofs as in
 * RFC 9162, section 2.1.3. */
#ifndef PROOF_H
#define PROOF_H

#include "audit/seal.h"
#include "base/text.h"
#include "store/database.h"

/* What making or checking a proof came to. */
enum proof_result {
	PROOF_GOOD,
	PROOF_WRONG,      /* the file, or the path, is not what was sealed */
	PROOF_NO_EVENT,   /* there is no such event */
	PROOF_TOO_LATE,   /* the event came after the seal; or the seal that
			   * should be the older one has more */
	PROOF_UNREADABLE, /* it is no proof, or not whole */
	PROOF_FAILED      /* out of memory, or the database has why */
};

/* Appends the proof that the event of this id is in the seal, for which it
 * reads the file.  Returns any of these but PROOF_UNREADABLE. */
enum proof_result proof_make(struct database *database,
    const struct seal *seal, const char *id, struct text *out);

/* What a proof claims. */
struct proof_claim {
	char id[128]; /* of the event */
	uint64_t index; /* of the event, from 0 */
	uint64_t size;  /* of the tree */
	unsigned char root[DIGEST_BYTES];
	unsigned char leaf[DIGEST_BYTES];
	unsigned char path[MERKLE_PATH_MAX][DIGEST_BYTES];
	int count;
	char *event;    /* as leaf_write_event() writes it, or NULL */
	char *delivery; /* as leaf_write_delivery() does, or NULL */
};

/* Reads a proof, whose text is cut into its lines by that.  Returns PROOF_GOOD
 * or PROOF_UNREADABLE; free the claim in both cases. */
enum proof_result proof_read(struct proof_claim *claim, struct text *proof);
void proof_claim_free(struct proof_claim *claim);

/* Checks the claim without the file, and when `seal` is not NULL, that it is of
 * this seal.  Returns NULL when it holds, else why not, as a part of a
 * sentence. */
const char *proof_check(const struct proof_claim *claim,
    const struct seal *seal);

#endif
