#include "envelope.h"

#include <stdio.h>
#include <string.h>

#include "field.h"

static enum reply_kind
out_of_memory(struct reply *reply)
{
	return reply_set(reply, REPLY_INTERNAL, "%s", REPLY_NO_MEMORY);
}

static enum reply_kind
read_time(struct envelope *e, struct json_object *value, const char *name,
    struct reply *reply)
{
	if (value == NULL)
		return REPLY_NONE;
	e->reported = json_object_get(value);
	return field_read_time(value, name, &e->time, reply);
}

static enum reply_kind
read_context(struct envelope *e, const struct source *source,
    struct json_object *body, struct reply *reply)
{
	struct json_object *value = json_get(body, "context");

	if (value == NULL && source->id == SOURCE_AGENTGATE) {
		value = json_get(json_get(e->data, "request"), "context");
		if (value == NULL)
			value = json_get(e->data, "context");
	}
	if (value == NULL)
		return REPLY_NONE;
	return field_read_object(value, "context", &e->context, reply);
}

static enum reply_kind
open_canonical(struct envelope *e, const struct source *source,
    struct json_object *body, struct reply *reply)
{
	struct json_object *event = json_get(body, "event");
	struct json_object *data = json_get(body, "data");
	enum reply_kind kind;

	if (json_get_string(body, "event") == NULL)
		return reply_set(reply, REPLY_NO_EVENT, "%s", "");
	if ((kind = field_check_id(event, "event", reply)) != REPLY_NONE)
		return kind;
	if (!json_is_object(data))
		return reply_set(reply, REPLY_NO_DATA, "%s", "");

	snprintf(e->event, sizeof(e->event), "%s",
	    json_object_get_string(event));
	e->data = json_object_get(data);
	struct json_object *request = json_get(data, "request");
	if (source->id != SOURCE_AGENTGATE || !json_is_object(request))
		request = data;
	e->fields = json_object_get(request);
	return REPLY_NONE;
}

/* Copies an id of the bare body to the name that the mapping knows. */
static enum reply_kind
translate_id(struct envelope *e, struct json_object *body, const char *from,
    const char *to, struct reply *reply)
{
	struct json_object *value = json_get(body, from);
	enum reply_kind kind;

	if (value == NULL)
		return REPLY_NONE;
	if ((kind = field_check_id(value, from, reply)) != REPLY_NONE)
		return kind;
	return json_add(e->fields, to, json_object_get(value)) == 0 ?
	    REPLY_NONE : out_of_memory(reply);
}

/* createdBy is an actor {kind, id}; in older versions its id alone. */
static enum reply_kind
translate_creator(struct envelope *e, struct json_object *metadata,
    struct reply *reply)
{
	struct json_object *creator = json_get(metadata, "createdBy");
	struct json_object *id = creator;
	bool is_agent = true;
	enum reply_kind kind;

	if (json_is_object(creator)) {
		const char *actor = json_get_string(creator, "kind");
		is_agent = actor != NULL && strcmp(actor, "agent") == 0;
		id = json_get(creator, "id");
	}
	if (id == NULL)
		return REPLY_NONE;
	kind = field_check_id(id, "metadata.createdBy", reply);
	if (kind != REPLY_NONE)
		return kind;
	if (is_agent && json_object_get_string_len(id) > 0)
		e->agent_id = json_object_get_string(id);
	return json_add(e->fields, "completedBy", json_object_get(id)) == 0 ?
	    REPLY_NONE : out_of_memory(reply);
}

/* Both durations of the canonical form are the age at the last update. */
static enum reply_kind
translate_times(struct envelope *e, struct json_object *metadata,
    struct reply *reply)
{
	struct json_object *created = json_get(metadata, "createdAt");
	int64_t created_ms;
	enum reply_kind kind;

	kind = read_time(e, json_get(metadata, "updatedAt"),
	    "metadata.updatedAt", reply);
	if (kind != REPLY_NONE || created == NULL)
		return kind;
	kind = field_read_time(created, "metadata.createdAt", &created_ms,
	    reply);
	if (kind != REPLY_NONE || e->reported == NULL)
		return kind;

	double age = e->time > created_ms ? (double)(e->time - created_ms) : 0;
	if (json_add(e->fields, "durationMs",
	    json_object_new_double(age)) != 0 ||
	    json_add(e->fields, "expiredAfterMs",
	    json_object_new_double(age)) != 0)
		return out_of_memory(reply);
	return REPLY_NONE;
}

static enum reply_kind
translate_count(struct envelope *e, struct json_object *body,
    struct reply *reply)
{
	struct json_object *fields = json_get(body, "fields");

	if (fields == NULL)
		return REPLY_NONE;
	if (!json_is_object(fields))
		return reply_set(reply, REPLY_BAD_FIELD,
		    "'%s' must be an object", "fields");
	return json_add(e->fields, "fieldCount", json_object_new_double(
	    json_object_object_length(fields))) == 0 ?
	    REPLY_NONE : out_of_memory(reply);
}

static enum reply_kind
open_bare(struct envelope *e, struct json_object *body, struct reply *reply)
{
	struct json_object *state = json_get(body, "state");
	enum reply_kind kind;

	if ((kind = field_check_id(state, "state", reply)) != REPLY_NONE)
		return kind;
	if (json_object_get_string_len(state) == 0)
		return reply_set(reply, REPLY_BAD_FIELD,
		    "'%s' must not be empty", "state");
	e->state = json_object_get_string(state);
	snprintf(e->event, sizeof(e->event), "submission.%s", e->state);
	e->data = json_object_get(body);
	e->fields = json_object_new_object();
	return e->fields != NULL ? REPLY_NONE : out_of_memory(reply);
}

/* FormBridge's bare body, put into the canonical form's fields. */
static enum reply_kind
fill_bare(struct envelope *e, struct json_object *body, struct reply *reply)
{
	struct json_object *metadata = json_get(body, "metadata");
	enum reply_kind kind;

	if (metadata != NULL && !json_is_object(metadata))
		return reply_set(reply, REPLY_BAD_FIELD,
		    "'%s' must be an object", "metadata");
	kind = translate_id(e, body, "submissionId", "submissionId", reply);
	if (kind == REPLY_NONE)
		kind = translate_id(e, body, "intakeId", "formId", reply);
	if (kind == REPLY_NONE)
		kind = translate_creator(e, metadata, reply);
	if (kind == REPLY_NONE)
		kind = translate_times(e, metadata, reply);
	if (kind == REPLY_NONE)
		kind = translate_count(e, body, reply);
	return kind;
}

enum reply_kind
envelope_open(struct envelope *e, const struct source *source,
    struct json_object *body, struct reply *reply)
{
	*e = (struct envelope){ 0 };
	if (source->id == SOURCE_FORMBRIDGE &&
	    json_get(body, "event") == NULL && json_get(body, "state") != NULL)
		return open_bare(e, body, reply);
	return open_canonical(e, source, body, reply);
}

enum reply_kind
envelope_fill(struct envelope *e, const struct source *source,
    struct json_object *body, struct reply *reply)
{
	enum reply_kind kind = e->state != NULL ? fill_bare(e, body, reply) :
	    read_time(e, json_get(body, "timestamp"), "timestamp", reply);

	if (kind == REPLY_NONE)
		kind = read_context(e, source, body, reply);
	return kind;
}

int64_t
envelope_sent_at(struct json_object *body)
{
	struct json_object *value = json_get(body, "timestamp");
	struct reply ignored;
	int64_t ms;

	if (value == NULL)
		value = json_get(json_get(body, "metadata"), "updatedAt");
	if (value == NULL ||
	    field_read_time(value, "", &ms, &ignored) != REPLY_NONE)
		return 0;
	return ms;
}

void
envelope_close(struct envelope *e)
{
	json_object_put(e->data);
	json_object_put(e->fields);
	json_object_put(e->context);
	json_object_put(e->reported);
}
