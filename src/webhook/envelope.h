/*
 * Brings the forms in which deliveries come into one: the envelope of the API
 * page ({source, event, data, timestamp, context}), AgentGate's, whose fields
 * are in data.request, and FormBridge's bare body, which has no envelope at
 * all.  It does not know which events and types there are.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "webhook/refusal.h"
#include "webhook/source.h"

/* "submission." and a state, which is at most an id long. */
#define ENVELOPE_EVENT_SIZE 288

struct envelope {
	char event[ENVELOPE_EVENT_SIZE]; /* "request.approved" */
	const char *state; /* of a bare body, borrowed; else NULL */

	/* References that the envelope owns; context may be NULL. */
	struct json_object *data;    /* the body's data */
	struct json_object *fields;  /* where fields are looked up by name */
	struct json_object *context;
	struct json_object *reported; /* the sender's time, as sent; or NULL */
	int64_t time; /* the same in ms, when `reported` is there */
	const char *agent_id; /* that filled a bare body, borrowed; or NULL */
};

/*
 * Finds the form of a body, which is an object, its event, and where its fields
 * are.  Returns REFUSAL_NONE, or the refusal with `refusal` set; close the
 * envelope in both cases.  Strings are borrowed from the body, which must
 * outlive the envelope.
 */
enum refusal_code envelope_open(struct envelope *envelope,
    const struct source *source, struct json_object *body,
    struct refusal *refusal);

/*
 * Reads what else the envelope has: time, context, and the fields of a bare
 * body under the names of the API's form.  Returns as envelope_open() does.
 */
enum refusal_code envelope_fill(struct envelope *envelope,
    const struct source *source, struct json_object *body,
    struct refusal *refusal);

/*
 * The time that a body of either form carries, in ms, or 0 when it carries none
 * that can be read.  It depends on the bytes alone, and not on whether the
 * body is accepted.
 */
int64_t envelope_sent_at(struct json_object *body);

/* Releases the envelope's references. */
void envelope_close(struct envelope *envelope);

#endif
