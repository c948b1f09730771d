/* Proofs that a later seal holds all that an older one held, in the same order:
 * consistency proofs of both trees as in RFC 9162, section 2.1.4. */
#ifndef CONSISTENCY_H
#define CONSISTENCY_H

#include "audit/proof.h"

/* Appends the proof, for which it reads the file.  Returns PROOF_GOOD,
 * PROOF_WRONG, PROOF_TOO_LATE, or PROOF_FAILED with the reason in the
 * database. */
enum proof_result consistency_prove(struct database *database,
    const struct seal *from, const struct seal *seal, struct text *out);

/* Checks such a proof against the two seals, without the file.  The text is cut
 * into its lines by that.  Returns PROOF_GOOD, PROOF_WRONG, PROOF_UNREADABLE,
 * or PROOF_FAILED when memory runs out. */
enum proof_result consistency_check(const struct seal *from,
    const struct seal *seal, struct text *proof);

#endif
