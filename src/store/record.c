#include "store/record.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "base/ulid.h"
#include "store/columns.h"

/* --- Finding what is there ----------------------------------------------- */

/* Repeats the answer that was given for an event, from its row. */
static enum refusal_code
replay(struct engine *engine, const struct delivery *delivery,
    struct outcome *outcome)
{
	struct query *query = engine_query(engine, FIND_EVENT);

	/* An id was found, but there was no memory to read it. */
	if (outcome->event_id[0] == '\0')
		return engine_failed(engine, "reading an id");
	query_bind_text(query, 1, outcome->event_id);
	int step = query_step(query);
	if (step == 1) {
		query_copy_text(query, 0, outcome->event_type,
		    sizeof(outcome->event_type));
		query_copy_text(query, 1, outcome->session_id,
		    sizeof(outcome->session_id));
	} else if (step == 0 && delivery->event != NULL) {
		/* It was pruned.  The same bytes give the same answer. */
		const struct event *event = delivery->event;
		snprintf(outcome->event_type, sizeof(outcome->event_type),
		    "%s", event->type->name);
		event_session(event, outcome->event_id, outcome->session_id);
	}
	query_reset(query);
	if (step < 0)
		return engine_failed(engine, "reading an event");
	outcome->recorded = outcome->replayed = true;
	return REFUSAL_NONE;
}

/*
 * Looks for an earlier delivery of the same bytes.  Where it was recorded, the
 * outcome is its answer.  Where it was refused, *refused_row is its row; else
 * that is 0.
 */
static enum refusal_code
find_same_bytes(struct engine *engine, const struct delivery *delivery,
    int64_t *refused_row, struct outcome *outcome)
{
	struct query *query = engine_query(engine, FIND_KEY);
	bool recorded = false;

	*refused_row = 0;
	if (!delivery->has_key)
		return REFUSAL_NONE;
	query_bind_bytes(query, 1, delivery->key, DIGEST_BYTES);
	query_bind_number(query, 2, delivery->sent_at);
	int step = query_step(query);
	if (step == 1) {
		recorded = !query_is_null(query, 1);
		*refused_row = recorded ? 0 : query_number(query, 0);
		query_copy_text(query, 1, outcome->event_id,
		    sizeof(outcome->event_id));
	}
	query_reset(query);
	if (step < 0)
		return engine_failed(engine, "looking for a delivery");
	return recorded ? replay(engine, delivery, outcome) : REFUSAL_NONE;
}

/* Looks for an earlier delivery with the same id.  The outcome is its answer;
 * REFUSAL_KEY_REUSED when its body was another, with its event's id there. */
static enum refusal_code
find_same_name(struct engine *engine, const struct delivery *delivery,
    struct outcome *outcome)
{
	struct query *query = engine_query(engine, FIND_IDEMPOTENCY_KEY);
	bool same_body = false;

	if (!delivery->has_idempotency_key)
		return REFUSAL_NONE;
	query_bind_bytes(query, 1, delivery->idempotency_key, DIGEST_BYTES);
	query_bind_bytes(query, 2, delivery->body, delivery->body_len);
	int step = query_step(query);
	if (step == 1) {
		same_body = query_number(query, 1) != 0;
		query_copy_text(query, 0, outcome->event_id,
		    sizeof(outcome->event_id));
	}
	query_reset(query);
	if (step == 0)
		return REFUSAL_NONE;
	if (step < 0)
		return engine_failed(engine,
		    "looking for an idempotency key");
	return same_body ? replay(engine, delivery, outcome) :
	    REFUSAL_KEY_REUSED;
}

/* --- Keeping a delivery -------------------------------------------------- */

static enum refusal_code
run(struct engine *engine, struct query *query, const char *doing)
{
	return query_run_once(query) == 0 ? REFUSAL_NONE :
	    engine_failed(engine, doing);
}

static struct column_bytes
key_bytes(bool present, const unsigned char key[DIGEST_BYTES])
{
	return (struct column_bytes){ present ? key : NULL, DIGEST_BYTES };
}

/* `has_id` is whether the id is the delivery's: one that is refused leaves it
 * free, for a corrected one, and one that came second has none. */
static enum refusal_code
insert_delivery(struct engine *engine, const struct delivery *delivery,
    bool has_id, const char *event_id, const char *reason)
{
	struct query *query = engine_query(engine, INSERT_DELIVERY);
	char received_at[TIMESTAMP_SIZE], signature[DIGEST_HEX_SIZE];

	hex_write(delivery->signature, delivery->signature_len, signature);
	timestamp_format(timestamp_now(), received_at);
	const struct delivery_row row = {
		.id = COLUMN_NO_NUMBER,
		.sent_at = delivery->sent_at,
		.key = key_bytes(delivery->has_key, delivery->key),
		.idempotency_key = key_bytes(delivery->has_idempotency_key &&
		    has_id, delivery->idempotency_key),
		.event_id = event_id,
		.reason = reason,
		.source = delivery->source->name,
		.received_at = received_at,
		.remote_addr = delivery->remote_addr,
		.signature = delivery->signature_len > 0 ? signature : NULL,
		.body = { delivery->body, delivery->body_len },
	};
	columns_bind(TABLE_DELIVERIES, query, &row);
	return run(engine, query, "keeping a delivery");
}

static enum refusal_code
accept_delivery(struct engine *engine, const struct delivery *delivery,
    bool has_id, int64_t row)
{
	struct query *query = engine_query(engine, ACCEPT_DELIVERY);

	query_bind_number(query, 1, row);
	query_bind_text(query, 2, delivery->event->id);
	if (delivery->has_idempotency_key && has_id)
		query_bind_bytes(query, 3, delivery->idempotency_key,
		    DIGEST_BYTES);
	return run(engine, query, "accepting a delivery");
}

/* The id, which is signed, was used with other bytes.  They are kept as refused,
 * and the answer is the first one's again. */
static enum refusal_code
keep_reused(struct engine *engine, const struct delivery *delivery,
    int64_t refused_row, struct outcome *outcome)
{
	enum refusal_code code = REFUSAL_NONE;

	if (refused_row == 0)
		code = insert_delivery(engine, delivery, false, NULL,
		    refusal_name(REFUSAL_KEY_REUSED));
	return code == REFUSAL_NONE ? replay(engine, delivery, outcome) : code;
}

/* --- Recording an event -------------------------------------------------- */

int
record_count(struct query *session, struct query *agent,
    const struct event_columns *event, const char *tenant, int64_t before)
{
	const struct event_type *type = event_type_find(event->event_type);
	enum event_effect effect = type == NULL ? EVENT_COUNTS : type->effect;

	query_bind_text(session, 1, event->session_id);
	query_bind_text(session, 2, event->agent_id);
	query_bind_text(session, 3, event->timestamp);
	query_bind_text(session, 4, tenant);
	query_bind_text(session, 5, effect == EVENT_STARTS ? "active" :
	    effect == EVENT_ENDS ? "completed" : NULL);
	query_bind_text(session, 6, effect == EVENT_ENDS ? event->timestamp :
	    NULL);
	query_bind_number(session, 7, effect == EVENT_CALLS_TOOL);
	query_bind_number(session, 8, effect == EVENT_FAILS);
	query_bind_number(session, 9, effect == EVENT_CALLS_LLM);
	query_bind_number(session, 10, 1 + before);
	if (query_run_once(session) != 0)
		return -1;

	query_bind_text(agent, 1, event->agent_id);
	query_bind_text(agent, 2, event->timestamp);
	query_bind_number(agent, 3, effect == EVENT_STARTS);
	query_bind_text(agent, 4, tenant);
	return query_run_once(agent);
}

/* Inserts the sealed event with the link to the session's last one, and counts
 * it. */
static enum refusal_code
insert_event(struct engine *engine, const struct event *event,
    const char *prev_hash)
{
	struct query *query = engine_query(engine, INSERT_EVENT);
	const struct event_row row = {
		.position = COLUMN_NO_NUMBER,
		.columns = event_columns_of(event, prev_hash),
		.hash = event->hash,
		.tenant_id = event->tenant,
		.org_id = EVENT_ORG,
		.project_id = event->tenant,
	};

	columns_bind(TABLE_EVENTS, query, &row);
	enum refusal_code code = run(engine, query, "inserting an event");
	if (code == REFUSAL_NONE &&
	    record_count(engine_query(engine, COUNT_SESSION),
	    engine_query(engine, COUNT_AGENT), &row.columns, row.tenant_id,
	    0) != 0)
		code = engine_failed(engine, "counting in a session");
	return code;
}

/* Settles the event against its session's last one and inserts it. */
static enum refusal_code
link_event(struct engine *engine, struct event *event)
{
	struct query *last = engine_query(engine, LAST_EVENT);
	const char *last_timestamp = NULL, *last_hash = NULL;
	char *last_id = engine_last_id(engine);
	char session_id[EVENT_SESSION_SIZE], bound[TIMESTAMP_SIZE];
	int64_t now = timestamp_now();
	enum refusal_code code;

	if (ulid_mint(now, last_id, last_id) != 0) {
		log_line(LOG_ERROR, "error", "no event id can be made", NULL);
		return REFUSAL_INTERNAL;
	}
	event_session(event, last_id, session_id);
	query_bind_text(last, 1, event->tenant);
	query_bind_text(last, 2, session_id);
	timestamp_format(engine_bound(now), bound);
	query_bind_text(last, 3, bound);
	int step = query_step(last);
	if (step == 1) {
		last_timestamp = query_text(last, 0);
		last_hash = query_text(last, 1);
	}
	/* Neither column is ever NULL, but there may be no memory for it. */
	if (step < 0 || (step == 1 && (last_timestamp == NULL ||
	    last_hash == NULL)))
		code = engine_failed(engine, "reading the chain");
	else if (event_seal(event, last_id, now, last_timestamp, last_hash) !=
	    0)
		code = REFUSAL_INTERNAL;
	else
		code = insert_event(engine, event, last_hash);
	query_reset(last);
	return code;
}

static enum refusal_code
record_event(struct engine *engine, const struct delivery *delivery,
    int64_t refused_row, struct outcome *outcome)
{
	struct event *event = delivery->event;
	bool has_id = (outcome->notes & DELIVERY_NOTE_ID_REUSED) == 0;
	enum refusal_code code = link_event(engine, event);

	if (code != REFUSAL_NONE)
		return code;
	code = refused_row != 0 ?
	    accept_delivery(engine, delivery, has_id, refused_row) :
	    insert_delivery(engine, delivery, has_id, event->id, NULL);
	if (code != REFUSAL_NONE)
		return code;

	outcome->recorded = true;
	snprintf(outcome->event_id, sizeof(outcome->event_id), "%s",
	    event->id);
	snprintf(outcome->event_type, sizeof(outcome->event_type), "%s",
	    event->type->name);
	snprintf(outcome->session_id, sizeof(outcome->session_id), "%s",
	    event->session_id);
	return REFUSAL_NONE;
}

/* --- A whole delivery ---------------------------------------------------- */

static enum refusal_code
append(struct engine *engine, const struct delivery *delivery,
    struct outcome *outcome)
{
	int64_t refused_row;
	enum refusal_code code;

	code = find_same_bytes(engine, delivery, &refused_row, outcome);
	if (code != REFUSAL_NONE || outcome->recorded)
		return code;
	if (delivery->event == NULL)
		return refused_row != 0 ? REFUSAL_NONE :
		    insert_delivery(engine, delivery, false, NULL,
		    delivery->reason);

	code = find_same_name(engine, delivery, outcome);
	if (code == REFUSAL_KEY_REUSED && delivery->id_is_signed)
		return keep_reused(engine, delivery, refused_row, outcome);
	/* Nobody signs an id in a header: it must not keep a signed delivery
	 * out, or one that was overheard would do that to the next one. */
	if (code == REFUSAL_KEY_REUSED && delivery->has_key) {
		outcome->notes |= DELIVERY_NOTE_ID_REUSED;
		code = REFUSAL_NONE;
	}
	if (code != REFUSAL_NONE || outcome->recorded)
		return code;
	return record_event(engine, delivery, refused_row, outcome);
}

bool
record_append(struct engine *engine, const struct delivery *delivery,
    struct outcome *outcome)
{
	/* The outcome may be of a transaction that was rolled back. */
	outcome->recorded = outcome->replayed = false;
	outcome->notes = delivery->notes;
	outcome->refusal = append(engine, delivery, outcome);
	return outcome->refusal == REFUSAL_NONE ||
	    outcome->refusal == REFUSAL_KEY_REUSED;
}

bool
record_append_savepoint(struct engine *engine,
    const struct delivery *delivery, struct outcome *outcome)
{
	outcome->refusal = engine_savepoint(engine);
	if (outcome->refusal != REFUSAL_NONE)
		return false;
	bool good = record_append(engine, delivery, outcome);
	if (!engine_in_transaction(engine))
		return false;
	if (!good && engine_roll_back_to(engine) != REFUSAL_NONE)
		return false;
	enum refusal_code released = engine_release(engine);
	if (good && released != REFUSAL_NONE)
		outcome->refusal = released;
	return good && released == REFUSAL_NONE;
}

bool
record_probe(struct engine *engine, struct outcome *outcome)
{
	const struct delivery delivery = {
		.source = &sources[SOURCE_GENERIC],
		.body = "",
	};

	outcome->refusal = engine_savepoint(engine);
	if (outcome->refusal != REFUSAL_NONE)
		return false;
	outcome->refusal = insert_delivery(engine, &delivery, false, NULL,
	    "probe");
	if (!engine_in_transaction(engine))
		return false;
	enum refusal_code code = engine_roll_back_to(engine);
	if (code == REFUSAL_NONE)
		code = engine_release(engine);
	if (code != REFUSAL_NONE)
		outcome->refusal = code;
	return code == REFUSAL_NONE;
}
