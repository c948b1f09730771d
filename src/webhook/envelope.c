#include "webhook/envelope.h"

#include <stdio.h>
#include <string.h>

#include "webhook/field.h"

static enum refusal_code
read_time(struct envelope *e, struct json_object *value, const char *name,
    struct refusal *refusal)
{
	if (value == NULL)
		return REFUSAL_NONE;
	e->reported = json_object_get(value);
	return field_read_time(value, name, &e->time, refusal);
}

static enum refusal_code
read_context(struct envelope *e, const struct source *source,
    struct json_object *body, struct refusal *refusal)
{
	struct json_object *value = json_get(body, "context");

	if (value == NULL && source->id == SOURCE_AGENTGATE) {
		value = json_get(json_get(e->data, "request"), "context");
		if (value == NULL)
			value = json_get(e->data, "context");
	}
	if (value == NULL)
		return REFUSAL_NONE;
	return field_read_object(value, "context", &e->context, refusal);
}

static enum refusal_code
open_canonical(struct envelope *e, const struct source *source,
    struct json_object *body, struct refusal *refusal)
{
	struct json_object *event = json_get(body, "event");
	struct json_object *data = json_get(body, "data");
	enum refusal_code code;

	if (json_get_string(body, "event") == NULL)
		return refusal_set(refusal, REFUSAL_NO_EVENT);
	if ((code = field_check_id(event, "event", refusal)) != REFUSAL_NONE)
		return code;
	if (!json_is_object(data))
		return refusal_set(refusal, REFUSAL_NO_DATA);

	snprintf(e->event, sizeof(e->event), "%s",
	    json_object_get_string(event));
	e->data = json_object_get(data);
	struct json_object *request = json_get(data, "request");
	if (source->id != SOURCE_AGENTGATE || !json_is_object(request))
		request = data;
	e->fields = json_object_get(request);
	return REFUSAL_NONE;
}

/* Copies an id of the bare body, to the name that it has in the API's form. */
static enum refusal_code
translate_id(struct envelope *e, struct json_object *body, const char *from,
    const char *to, struct refusal *refusal)
{
	struct json_object *value = json_get(body, from);
	enum refusal_code code;

	if (value == NULL)
		return REFUSAL_NONE;
	if ((code = field_check_id(value, from, refusal)) != REFUSAL_NONE)
		return code;
	return json_add(e->fields, to, json_object_get(value)) == 0 ?
	    REFUSAL_NONE : refusal_set(refusal, REFUSAL_NO_MEMORY);
}

/* createdBy is an actor {kind, id}; older versions send the id alone. */
static enum refusal_code
translate_creator(struct envelope *e, struct json_object *metadata,
    struct refusal *refusal)
{
	struct json_object *creator = json_get(metadata, "createdBy");
	struct json_object *id = creator;
	bool is_agent = true;
	enum refusal_code code;

	if (json_is_object(creator)) {
		const char *actor = json_get_string(creator, "kind");
		is_agent = actor != NULL && strcmp(actor, "agent") == 0;
		id = json_get(creator, "id");
	}
	if (id == NULL)
		return REFUSAL_NONE;
	code = field_check_id(id, "metadata.createdBy", refusal);
	if (code != REFUSAL_NONE)
		return code;
	if (is_agent && json_object_get_string_len(id) > 0)
		e->agent_id = json_object_get_string(id);
	return json_add(e->fields, "completedBy", json_object_get(id)) == 0 ?
	    REFUSAL_NONE : refusal_set(refusal, REFUSAL_NO_MEMORY);
}

/* Both durations of the API's form are the submission's age at its last
 * update. */
static enum refusal_code
translate_times(struct envelope *e, struct json_object *metadata,
    struct refusal *refusal)
{
	struct json_object *created = json_get(metadata, "createdAt");
	int64_t created_ms;
	enum refusal_code code;

	code = read_time(e, json_get(metadata, "updatedAt"),
	    "metadata.updatedAt", refusal);
	if (code != REFUSAL_NONE || created == NULL)
		return code;
	code = field_read_time(created, "metadata.createdAt", &created_ms,
	    refusal);
	if (code != REFUSAL_NONE || e->reported == NULL)
		return code;

	double age = e->time > created_ms ? (double)(e->time - created_ms) : 0;
	if (json_add(e->fields, "durationMs",
	    json_object_new_double(age)) != 0 ||
	    json_add(e->fields, "expiredAfterMs",
	    json_object_new_double(age)) != 0)
		return refusal_set(refusal, REFUSAL_NO_MEMORY);
	return REFUSAL_NONE;
}

static enum refusal_code
translate_count(struct envelope *e, struct json_object *body,
    struct refusal *refusal)
{
	struct json_object *fields = json_get(body, "fields");

	if (fields == NULL)
		return REFUSAL_NONE;
	if (!json_is_object(fields))
		return refusal_set_field(refusal, "fields",
		    REFUSAL_RULE_OBJECT);
	return json_add(e->fields, "fieldCount", json_object_new_double(
	    json_object_object_length(fields))) == 0 ?
	    REFUSAL_NONE : refusal_set(refusal, REFUSAL_NO_MEMORY);
}

static enum refusal_code
open_bare(struct envelope *e, struct json_object *body, struct refusal *refusal)
{
	struct json_object *state = json_get(body, "state");
	enum refusal_code code;

	if ((code = field_check_id(state, "state", refusal)) != REFUSAL_NONE)
		return code;
	if (json_object_get_string_len(state) == 0)
		return refusal_set_field(refusal, "state",
		    REFUSAL_RULE_FILLED);
	e->state = json_object_get_string(state);
	snprintf(e->event, sizeof(e->event), "submission.%s", e->state);
	e->data = json_object_get(body);
	e->fields = json_object_new_object();
	return e->fields != NULL ? REFUSAL_NONE :
	    refusal_set(refusal, REFUSAL_NO_MEMORY);
}

/* Puts FormBridge's bare body into the fields of the API's form. */
static enum refusal_code
fill_bare(struct envelope *e, struct json_object *body, struct refusal *refusal)
{
	struct json_object *metadata = json_get(body, "metadata");
	enum refusal_code code;

	if (metadata != NULL && !json_is_object(metadata))
		return refusal_set_field(refusal, "metadata",
		    REFUSAL_RULE_OBJECT);
	code = translate_id(e, body, "submissionId", "submissionId", refusal);
	if (code == REFUSAL_NONE)
		code = translate_id(e, body, "intakeId", "formId", refusal);
	if (code == REFUSAL_NONE)
		code = translate_creator(e, metadata, refusal);
	if (code == REFUSAL_NONE)
		code = translate_times(e, metadata, refusal);
	if (code == REFUSAL_NONE)
		code = translate_count(e, body, refusal);
	return code;
}

enum refusal_code
envelope_open(struct envelope *e, const struct source *source,
    struct json_object *body, struct refusal *refusal)
{
	*e = (struct envelope){ 0 };
	if (source->id == SOURCE_FORMBRIDGE &&
	    json_get(body, "event") == NULL && json_get(body, "state") != NULL)
		return open_bare(e, body, refusal);
	return open_canonical(e, source, body, refusal);
}

enum refusal_code
envelope_fill(struct envelope *e, const struct source *source,
    struct json_object *body, struct refusal *refusal)
{
	enum refusal_code code = e->state != NULL ?
	    fill_bare(e, body, refusal) :
	    read_time(e, json_get(body, "timestamp"), "timestamp", refusal);

	if (code == REFUSAL_NONE)
		code = read_context(e, source, body, refusal);
	return code;
}

int64_t
envelope_sent_at(struct json_object *body)
{
	struct json_object *value = json_get(body, "timestamp");
	struct refusal ignored;
	int64_t ms;

	if (value == NULL)
		value = json_get(json_get(body, "metadata"), "updatedAt");
	if (value == NULL ||
	    field_read_time(value, "", &ms, &ignored) != REFUSAL_NONE)
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
