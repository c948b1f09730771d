/*
 * The forms in which a delivery comes, made one: the envelope of the API page
 * ({source, event, data, timestamp, context}), AgentGate's, whose fields are
 * in data.request, and FormBridge's bare body, which has no envelope at all.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "reply.h"
#include "source.h"

/* "submission." and a state, which is at most an id long. */
#define ENVELOPE_EVENT_SIZE 288

struct envelope {
	char event[ENVELOPE_EVENT_SIZE]; /* "request.approved" */
	const char *state; /* of a bare body, else NULL; borrowed */

	/* All references are owned by the envelope; context may be NULL. */
	struct json_object *data;    /* the body's data */
	struct json_object *fields;  /* where fields are looked up by name */
	struct json_object *context;
	struct json_object *reported; /* the sender's time, as sent; or NULL */
	int64_t time;                 /* the same in ms, when there is one */
	const char *agent_id; /* the agent that filled a bare body, or NULL */
};

/*
 * Finds the form of a body, which is an object, its event and where its fields
 * are.  Returns REPLY_NONE, or the refusal with `reply` set; close the
 * envelope in both cases.  Strings are borrowed from the body, which must
 * outlive the envelope.
 */
enum reply_kind envelope_open(struct envelope *envelope,
    const struct source *source, struct json_object *body,
    struct reply *reply);

/*
 * Reads what else the envelope has: time, context, and the fields of a bare
 * body under the names of the API's form.  Returns as envelope_open() does.
 */
enum reply_kind envelope_fill(struct envelope *envelope,
    const struct source *source, struct json_object *body,
    struct reply *reply);

/*
 * The time that a body carries, in ms, in either form, or 0: whatever becomes
 * of the body, equal bytes give the same.
 */
int64_t envelope_sent_at(struct json_object *body);

/* Releases the envelope's references. */
void envelope_close(struct envelope *envelope);

#endif
