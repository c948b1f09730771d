/* That what one seal commits to is the beginning of what a later one does:
 * consistency proofs as of RFC 9162, section 2.1.4, of both trees. */
#ifndef CONSISTENCY_H
#define CONSISTENCY_H

#include "command.h"
#include "database.h"
#include "seal.h"

/* Prints the proof, for which it reads the file up to the later seal.
 * Returns an exit code. */
int consistency_prove(struct database *database, const struct seal *from,
    const struct seal *seal);

/* Checks such a proof against the two seals alone.  Returns an exit code. */
int consistency_check(struct context *context, const struct seal *from,
    const struct seal *seal, const char *path);

#endif
