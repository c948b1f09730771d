/* What a seal commits to of a delivery and of an event: their texts, as JSON
 * (agentlens-log(1) has the form), and the leaves of the trees. */
#ifndef LEAF_H
#define LEAF_H

#include "base/text.h"
#include "store/columns.h"

/* Appends the text of a delivery, which is over what never changes; of an
 * event, with the leaf of its delivery, which may be NULL.  The second returns
 * 0, or -1 when memory or libgcrypt fails. */
void leaf_write_delivery(struct text *out,
    const struct delivery_row *delivery);
int leaf_write_event(struct text *out, const struct event_row *event,
    const struct delivery_row *delivery);

/* The leaf of such a text (RFC 9162, 2.1.1).  Return 0, or -1 when memory or
 * libgcrypt fails. */
int leaf_of_delivery(const struct delivery_row *delivery,
    unsigned char leaf[DIGEST_BYTES]);
int leaf_of_event(const struct event_row *event,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES]);

/* The leaf of an event of a delivery, computed of what prune has kept: the
 * rest of its columns are the same for all that agentlens-ingest writes. */
int leaf_of_kept(const char *id, const char *hash, const char *tenant_id,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES]);

#endif
