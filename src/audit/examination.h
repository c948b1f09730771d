/* The checks of one delivery: whether its source, key, signature, body and time
 * belong together.  Only remap.c uses them. */
#ifndef EXAMINATION_H
#define EXAMINATION_H

#include "audit/remap.h"
#include "reader/mark.h"
#include "webhook/delivery.h"

/* How many ms a clock may differ, or a row be written late. */
#define EXAMINATION_SLACK_MS 60000

/* One delivery under examination. */
struct examination {
	const struct delivery_row *row;
	const struct event_row *event; /* NULL: it was refused */
	const struct source *source;   /* NULL: it is unknown */
	enum mark signature;
	bool key_good; /* it is the SHA-256 of source and body */
	struct json_object *json; /* the body, or NULL */
	struct conversion conversion;
	struct refusal refusal; /* of the mapping */
};

/* Checks the signature and maps the body to columns, as the responder does.
 * Close it. */
void examination_open(const struct remap *remap, struct examination *x);
void examination_close(struct examination *x);

/* Adds what was examined to the counts of `remap`. */
void examination_count(struct remap *remap, const struct examination *x);

/* Adds a finding about an event, or about a delivery.  The latter counts for
 * the delivery's event, or for the file when it has none. */
void examination_blame_event(struct remap *remap, enum finding_weight weight,
    const struct event_row *event, const char *table, const char *field,
    const char *reason, const char *expected, const char *found);
void examination_blame_delivery(struct remap *remap,
    const struct examination *x, const char *field, const char *what,
    const char *expected, const char *found);

/* Whether the event was made of a delivery of this source. */
bool examination_names_source(const struct event_row *event,
    const char *source);

/* Whether source, key, signature and body belong together; if not, adds a
 * finding about one of them.  `maps` says that the body maps to the stored
 * event. */
bool examination_check_parts(struct remap *remap,
    const struct examination *x, bool maps);

/* Adds a finding unless prune has a record of this delivery, whose body is
 * gone.  Returns 0; or -1, and database_error() says why. */
int examination_check_pruned(struct remap *remap,
    const struct examination *x);

/* Adds a finding unless sent_at is the time in the body. */
void examination_check_sent_at(struct remap *remap,
    const struct examination *x);

/* Reads received_at, in ms.  Returns false, with a finding added, when it is no
 * time in the form of this program. */
bool examination_read_received(struct remap *remap,
    const struct examination *x, int64_t *received);

/*
 * Adds a finding when received_at cannot be right.  A delivery is stored at the
 * moment when its event gets its id.  Two kinds are older than their event:
 * those that were refused at first and recorded later, which still lie between
 * their neighbours; and those of a time when the clock had been set back, whose
 * ids were then counted up from the one before.
 */
void examination_check_received(struct remap *remap,
    const struct examination *x);

#endif
