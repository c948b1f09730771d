#include "webhook/mapping.h"

#include <string.h>

#include "webhook/field.h"

#define FIELDS_MAX 6
#define ALIASES_MAX 3

/* Bytes of an unknown event's name that a refusal shows. */
#define SHOWN_MAX 160

enum form {
	FORM_ENVELOPE,
	FORM_BARE /* FormBridge's own body; the event is its state */
};

enum value {
	VALUE_END,
	VALUE_ID,
	VALUE_STRING,
	VALUE_OBJECT,
	VALUE_NUMBER,
	VALUE_EVENT_NAME, /* the event's own name */
	VALUE_DATA,       /* the whole data object */
	VALUE_INNER_DATA, /* data.data, else data itself */
	VALUE_RESPONSE_MS /* from createdAt to decidedAt */
};

struct payload_field {
	const char *name;
	enum value value;
	const char *aliases[ALIASES_MAX]; /* further names in the delivery */
	const char *fallback; /* of a string that is absent or null */
	bool optional;        /* left out when absent, null or "" */
};

struct mapping_row {
	enum source_id source;
	enum form form;
	const char *event;  /* NULL: any other */
	const char *status; /* what the field "status" must be; or NULL */
	const char *type;   /* NULL: the field "eventType", else custom */
	const struct payload_field *fields;
};

static const struct payload_field requested[FIELDS_MAX] = {
	{ .name = "requestId", .value = VALUE_ID, .aliases = { "id" } },
	{ .name = "action", .value = VALUE_STRING },
	{ .name = "params", .value = VALUE_OBJECT },
	{ .name = "urgency", .value = VALUE_STRING, .fallback = "normal" },
};

static const struct payload_field decision[FIELDS_MAX] = {
	{ .name = "requestId", .value = VALUE_ID, .aliases = { "id" } },
	{ .name = "action", .value = VALUE_STRING },
	{ .name = "decidedBy", .value = VALUE_STRING,
	    .aliases = { "approvedBy", "deniedBy" }, .fallback = "system" },
	{ .name = "reason", .value = VALUE_STRING,
	    .aliases = { "decisionReason" }, .optional = true },
	/* AgentLens's report on approvals averages it. */
	{ .name = "responseTimeMs", .value = VALUE_RESPONSE_MS,
	    .optional = true },
};

static const struct payload_field submitted[FIELDS_MAX] = {
	{ .name = "submissionId", .value = VALUE_ID, .aliases = { "id" } },
	{ .name = "formId", .value = VALUE_ID },
	{ .name = "formName", .value = VALUE_STRING, .optional = true },
	{ .name = "fieldCount", .value = VALUE_NUMBER },
};

static const struct payload_field completed[FIELDS_MAX] = {
	{ .name = "submissionId", .value = VALUE_ID, .aliases = { "id" } },
	{ .name = "formId", .value = VALUE_ID },
	{ .name = "completedBy", .value = VALUE_STRING,
	    .fallback = "unknown" },
	{ .name = "durationMs", .value = VALUE_NUMBER },
};

static const struct payload_field expired[FIELDS_MAX] = {
	{ .name = "submissionId", .value = VALUE_ID, .aliases = { "id" } },
	{ .name = "formId", .value = VALUE_ID },
	{ .name = "expiredAfterMs", .value = VALUE_NUMBER },
};

static const struct payload_field custom[FIELDS_MAX] = {
	{ .name = "type", .value = VALUE_EVENT_NAME },
	{ .name = "data", .value = VALUE_DATA },
};

/* AgentLens's pages read these of a type's payload, and break without them.  So
 * a generic event of the type must have them, and they are the payload. */
static const struct {
	const char *type;
	const char *strings[4]; /* closed by NULL */
	const char *list;
} own_payloads[] = {
	{ "llm_call", { "callId", "provider", "model" }, "messages" },
};

#define OWN_PAYLOADS (sizeof(own_payloads) / sizeof(own_payloads[0]))

static const struct payload_field generic[FIELDS_MAX] = {
	{ .name = "type", .value = VALUE_STRING, .fallback = "generic" },
	{ .name = "data", .value = VALUE_INNER_DATA },
};

#define AGENTGATE(event_name, type_name, field_table) \
	{ .source = SOURCE_AGENTGATE, .event = event_name, \
	    .type = type_name, .fields = field_table }
#define DECIDED(status_name, type_name) \
	{ .source = SOURCE_AGENTGATE, .event = "request.decided", \
	    .status = status_name, .type = type_name, .fields = decision }
#define FORMBRIDGE(event_name, type_name, field_table) \
	{ .source = SOURCE_FORMBRIDGE, .event = event_name, \
	    .type = type_name, .fields = field_table }
#define BARE(state, type_name, field_table) \
	{ .source = SOURCE_FORMBRIDGE, .form = FORM_BARE, .event = state, \
	    .type = type_name, .fields = field_table }

/* The first row that fits counts. */
static const struct mapping_row rows[] = {
	AGENTGATE("request.created", "approval_requested", requested),
	AGENTGATE("request.approved", "approval_granted", decision),
	AGENTGATE("request.denied", "approval_denied", decision),
	AGENTGATE("request.expired", "approval_expired", decision),
	DECIDED("approved", "approval_granted"),
	DECIDED("denied", "approval_denied"),
	AGENTGATE("test", "custom", custom),
	AGENTGATE("request.updated", "custom", custom),
	AGENTGATE("request.escalated", "custom", custom),
	AGENTGATE("policy.matched", "custom", custom),
	AGENTGATE("budget.threshold", "custom", custom),
	FORMBRIDGE("submission.created", "form_submitted", submitted),
	FORMBRIDGE("submission.completed", "form_completed", completed),
	FORMBRIDGE("submission.expired", "form_expired", expired),
	BARE("submitted", "form_completed", completed),
	BARE("approved", "form_completed", completed),
	BARE("finalized", "form_completed", completed),
	BARE("expired", "form_expired", expired),
	BARE("cancelled", "form_expired", expired),
	BARE("rejected", "form_expired", expired),
	BARE(NULL, "form_submitted", submitted),
	{ .source = SOURCE_GENERIC, .fields = generic },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static enum refusal_code
unknown_event(const char *event, struct refusal *refusal)
{
	return refusal_set_subject(refusal, REFUSAL_UNKNOWN_EVENT, "%.*s",
	    (int)text_fit(event, SHOWN_MAX), event);
}

static bool
row_fits(const struct mapping_row *row, const struct source *source,
    const struct envelope *envelope)
{
	bool bare = envelope->state != NULL;
	const char *event = bare ? envelope->state : envelope->event;

	return row->source == source->id &&
	    (row->form == FORM_BARE) == bare &&
	    (row->event == NULL || strcmp(row->event, event) == 0);
}

static enum refusal_code
find_row(const struct source *source, const struct envelope *envelope,
    const struct mapping_row **found, struct refusal *refusal)
{
	bool known = false;

	for (size_t i = 0; i < ROWS; i++) {
		if (!row_fits(&rows[i], source, envelope))
			continue;
		known = true;
		const char *status = json_get_string(envelope->fields,
		    "status");
		if (rows[i].status == NULL || (status != NULL &&
		    strcmp(rows[i].status, status) == 0)) {
			*found = &rows[i];
			return REFUSAL_NONE;
		}
	}
	if (known)
		return refusal_set_field(refusal, "status",
		    REFUSAL_RULE_DECISION);
	return unknown_event(envelope->event, refusal);
}

static enum refusal_code
find_type(const struct mapping_row *row, const struct envelope *envelope,
    const struct event_type **type, struct refusal *refusal)
{
	const char *name = row->type;

	if (name == NULL) {
		struct json_object *value = json_get(envelope->data,
		    "eventType");
		if (value != NULL) {
			enum refusal_code code = field_check_id(value,
			    "eventType", refusal);
			if (code != REFUSAL_NONE)
				return code;
		}
		name = value == NULL ? "custom" :
		    json_object_get_string(value);
	}
	*type = event_type_find(name);
	return *type != NULL ? REFUSAL_NONE : unknown_event(name, refusal);
}

/* The delivery's value for a field, under its name or else an alias; NULL when
 * there is none.  *name is the name it was found under, or the field's own. */
static struct json_object *
look_up(const struct payload_field *field, const struct envelope *envelope,
    const char **name)
{
	struct json_object *value = json_get(envelope->fields, field->name);

	*name = field->name;
	for (int i = 0; value == NULL && i < ALIASES_MAX &&
	    field->aliases[i] != NULL; i++) {
		value = json_get(envelope->fields, field->aliases[i]);
		if (value != NULL)
			*name = field->aliases[i];
	}
	return value;
}

/* How long the decision took; NULL where the times do not tell.  They are not
 * checked, since a delivery is good without them. */
static struct json_object *
response_ms(const struct envelope *envelope)
{
	struct json_object *created = json_get(envelope->fields, "createdAt");
	struct json_object *decided = json_get(envelope->fields, "decidedAt");
	struct refusal ignored;
	int64_t from, to;

	if (created == NULL || decided == NULL ||
	    field_read_time(created, "", &from, &ignored) != REFUSAL_NONE ||
	    field_read_time(decided, "", &to, &ignored) != REFUSAL_NONE ||
	    to < from)
		return NULL;
	return json_object_new_double((double)(to - from));
}

/* An id or another string, checked, or its default. */
static enum refusal_code
make_string(const struct payload_field *field, struct json_object *value,
    const char *name, struct json_object **made, struct refusal *refusal)
{
	enum refusal_code code = REFUSAL_NONE;

	if (value != NULL)
		code = field->value == VALUE_ID ?
		    field_check_id(value, name, refusal) :
		    field_check_string(value, name, refusal);
	if (code != REFUSAL_NONE || (field->optional && (value == NULL ||
	    json_object_get_string_len(value) == 0)))
		return code;
	*made = value != NULL ? json_object_get(value) :
	    json_object_new_string(field->fallback != NULL ?
	    field->fallback : "");
	return *made != NULL ? REFUSAL_NONE :
	    refusal_set(refusal, REFUSAL_NO_MEMORY);
}

/* Makes a field's value, checked, or its default.  *made is a new reference, or
 * NULL when the field is to be left out. */
static enum refusal_code
make_value(const struct payload_field *field, const struct envelope *envelope,
    struct json_object **made, struct refusal *refusal)
{
	const char *name;
	struct json_object *value = look_up(field, envelope, &name);
	enum refusal_code code = REFUSAL_NONE;

	*made = NULL;
	switch (field->value) {
	case VALUE_ID:
	case VALUE_STRING:
		return make_string(field, value, name, made, refusal);
	case VALUE_OBJECT:
		if (value != NULL)
			return field_read_object(value, name, made, refusal);
		*made = json_object_new_object();
		break;
	case VALUE_NUMBER:
		if (value != NULL && (code = field_check_number(value, name,
		    refusal)) != REFUSAL_NONE)
			return code;
		*made = value != NULL ? json_object_get(value) :
		    json_object_new_double(0);
		break;
	case VALUE_EVENT_NAME:
		*made = json_object_new_string(envelope->event);
		break;
	case VALUE_INNER_DATA:
		*made = json_object_get(value != NULL ? value :
		    envelope->data);
		break;
	case VALUE_RESPONSE_MS:
		*made = response_ms(envelope);
		if (*made == NULL)
			return REFUSAL_NONE;
		break;
	case VALUE_DATA:
	case VALUE_END:
		*made = json_object_get(envelope->data);
		break;
	}
	return *made != NULL ? REFUSAL_NONE :
	    refusal_set(refusal, REFUSAL_NO_MEMORY);
}

/* Takes the data as the payload of a type that has one of its own: own_payloads
 * has the row. */
static enum refusal_code
take_own_payload(struct mapping *mapping, size_t row,
    const struct envelope *envelope, struct refusal *refusal)
{
	struct json_object *data = json_get(envelope->data, "data");

	if (!json_is_object(data))
		data = envelope->data;
	for (const char *const *name = own_payloads[row].strings;
	    *name != NULL; name++)
		if (json_get_string(data, *name) == NULL)
			return refusal_set_field(refusal, *name,
			    REFUSAL_RULE_STRING);
	if (!json_is_list(json_get(data, own_payloads[row].list)))
		return refusal_set_field(refusal, own_payloads[row].list,
		    REFUSAL_RULE_LIST);
	mapping->payload = json_object_get(data);
	return REFUSAL_NONE;
}

static enum refusal_code
make_payload(struct mapping *mapping, const struct mapping_row *row,
    const struct envelope *envelope, struct refusal *refusal)
{
	for (size_t i = 0; row->type == NULL && i < OWN_PAYLOADS; i++)
		if (strcmp(mapping->type->name, own_payloads[i].type) == 0)
			return take_own_payload(mapping, i, envelope,
			    refusal);
	if ((mapping->payload = json_object_new_object()) == NULL)
		return refusal_set(refusal, REFUSAL_NO_MEMORY);
	for (const struct payload_field *f = row->fields;
	    f->value != VALUE_END; f++) {
		struct json_object *value;
		enum refusal_code code = make_value(f, envelope, &value,
		    refusal);
		if (code != REFUSAL_NONE)
			return code;
		if (value != NULL &&
		    json_add(mapping->payload, f->name, value) != 0)
			return refusal_set(refusal, REFUSAL_NO_MEMORY);
	}
	return REFUSAL_NONE;
}

/*
 * Finds the id that links the events of one request or submission.  A custom
 * event has one too when it is about a request; its field "id" is the
 * request's only inside data.request.
 */
static enum refusal_code
find_correlation(struct mapping *mapping, const struct mapping_row *row,
    const struct envelope *envelope, struct refusal *refusal)
{
	const struct payload_field *id = &row->fields[0];
	struct json_object *value;
	const char *name = requested[0].name;
	enum refusal_code code = REFUSAL_NONE;

	if (row->source == SOURCE_GENERIC)
		return REFUSAL_NONE;
	if (id->value == VALUE_ID)
		value = look_up(id, envelope, &name);
	else if (envelope->fields != envelope->data)
		value = look_up(&requested[0], envelope, &name);
	else
		value = json_get(envelope->data, name);

	if (value != NULL)
		code = field_check_id(value, name, refusal);
	if (code != REFUSAL_NONE)
		return code;
	if (value != NULL && json_object_get_string_len(value) > 0)
		mapping->correlation_id = json_object_get_string(value);
	else if (id->value == VALUE_ID)
		mapping->missing_id = id->name;
	return REFUSAL_NONE;
}

enum refusal_code
mapping_find(struct mapping *mapping, const struct source *source,
    const struct envelope *envelope, struct refusal *refusal)
{
	enum refusal_code code;

	*mapping = (struct mapping){ 0 };
	code = find_row(source, envelope, &mapping->row, refusal);
	if (code == REFUSAL_NONE)
		code = find_type(mapping->row, envelope, &mapping->type,
		    refusal);
	return code;
}

enum refusal_code
mapping_apply(struct mapping *mapping, const struct envelope *envelope,
    struct refusal *refusal)
{
	enum refusal_code code = make_payload(mapping, mapping->row, envelope,
	    refusal);

	if (code == REFUSAL_NONE)
		code = find_correlation(mapping, mapping->row, envelope,
		    refusal);
	return code;
}

void
mapping_free(struct mapping *mapping)
{
	json_object_put(mapping->payload);
	mapping->payload = NULL;
}

static void
print_field(const struct payload_field *field, struct text *out)
{
	text_printf(out, "`%s`%s", field->name, field->optional ? "?" : "");
	if (field->aliases[0] != NULL) {
		text_printf(out, " (%s", field->name);
		for (int i = 0; i < ALIASES_MAX && field->aliases[i] != NULL;
		    i++)
			text_printf(out, ", %s", field->aliases[i]);
		text_puts(out, ")");
	}

	switch (field->value) {
	case VALUE_OBJECT:
		text_puts(out, " = {}");
		break;
	case VALUE_NUMBER:
		text_puts(out, " = 0");
		break;
	case VALUE_EVENT_NAME:
		text_puts(out, " = the event's name");
		break;
	case VALUE_DATA:
		text_puts(out, " = all of data");
		break;
	case VALUE_INNER_DATA:
		text_puts(out, " = data.data, else all of data");
		break;
	case VALUE_RESPONSE_MS:
		text_puts(out, " = decidedAt - createdAt");
		break;
	default:
		if (field->fallback != NULL)
			text_printf(out, " = \"%s\"", field->fallback);
		break;
	}
}

static void
print_row(const struct mapping_row *row, struct text *out)
{
	bool bare = row->form == FORM_BARE;

	text_printf(out, "| %s%s | ", sources[row->source].name,
	    bare ? ", bare" : "");
	if (row->event == NULL)
		text_puts(out, bare ? "any other state" : "any event");
	else
		text_printf(out, "%s`%s`", bare ? "state " : "", row->event);
	if (row->status != NULL)
		text_printf(out, " with status `%s`", row->status);
	text_puts(out, " | ");
	if (row->type == NULL)
		text_puts(out, "`data.eventType`, else `custom`");
	else
		text_printf(out, "`%s`", row->type);
	text_puts(out, " | ");
	for (const struct payload_field *f = row->fields;
	    f->value != VALUE_END; f++) {
		if (f != row->fields)
			text_puts(out, ", ");
		print_field(f, out);
	}
	text_puts(out, " |\n");
}

void
mapping_print(struct text *out)
{
	text_puts(out, "| source | event | event type | payload |\n"
	    "|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++)
		print_row(&rows[i], out);
}
