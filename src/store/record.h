/* The rules of recording: what one delivery does to the file.  They are the
 * same for every engine, and know neither SQL nor threads. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>

#include "store/engine.h"
#include "webhook/delivery.h"

/* What became of a delivery. */
struct outcome {
	/*
	 * REFUSAL_NONE, when an event was recorded, or a refused delivery was
	 * kept; REFUSAL_KEY_REUSED; or why nothing is kept: REFUSAL_BUSY,
	 * REFUSAL_UNAVAILABLE, REFUSAL_INTERNAL.
	 */
	enum refusal_code refusal;
	bool recorded; /* what follows is of the event */
	bool replayed; /* an earlier delivery recorded it */
	unsigned notes; /* of enum delivery_note: the delivery's, and more */
	char event_id[ULID_SIZE];
	char event_type[64];
	char session_id[EVENT_SESSION_SIZE];
};

/*
 * Puts one delivery into the open transaction.  Returns whether that went well;
 * the outcome says more, and holds once the transaction is committed.  When it
 * did not, a part of the delivery may be in the transaction, which must be
 * rolled back.
 */
bool record_append(struct engine *engine, const struct delivery *delivery,
    struct outcome *outcome);

/* The same with a savepoint, so that nothing is left of a delivery that fails.
 * It takes a third more time. */
bool record_append_savepoint(struct engine *engine,
    const struct delivery *delivery, struct outcome *outcome);

/* Writes into the open transaction and takes that back.  The outcome says how
 * it went; returns whether the transaction can go on. */
bool record_probe(struct engine *engine, struct outcome *outcome);

/*
 * Counts an event in the rows of its session and agent, as AgentLens does, with
 * the queries of COUNT_SESSION and COUNT_AGENT.  `before` is the number of
 * events of the session that were pruned; a new row begins above it.  Returns
 * 0 or -1.
 */
int record_count(struct query *session, struct query *agent,
    const struct event_columns *event, const char *tenant, int64_t before);

#endif
