/* What a seal commits to: the texts of deliveries and events, as JSON in the
 * form that agentlens-log(1) gives, and their leaves in the trees.  It reads no
 * file. */
#ifndef ENTRY_H
#define ENTRY_H

#include "base/text.h"
#include "store/columns.h"

/* Append the text of a delivery, of its columns that never change; and of an
 * event, with the leaf of its delivery, which may be NULL.  Where memory or
 * libgcrypt fails, the text has failed, and the second returns -1; else 0. */
void entry_write_delivery(struct text *out,
    const struct delivery_row *delivery);
int entry_write_event(struct text *out, const struct event_row *event,
    const struct delivery_row *delivery);

/* The leaf of such a text (RFC 9162, 2.1.1).  Return 0, or -1 when memory or
 * libgcrypt fails. */
int entry_delivery_leaf(const struct delivery_row *delivery,
    unsigned char leaf[DIGEST_BYTES]);
int entry_event_leaf(const struct event_row *event,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES]);

/* The leaf of an event that was pruned, computed from what prune kept of it:
 * the other columns are the same in all events that agentlens-ingest writes.
 * Returns as the two above. */
int entry_kept_leaf(const char *id, const char *hash, const char *tenant_id,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES]);

#endif
