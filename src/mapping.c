#include "mapping.h"

#include <string.h>

#include "field.h"

#define FIELDS_MAX 5
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
	VALUE_INNER_DATA  /* data.data, else data itself */
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
	const char *status; /* the field "status" must be this; or NULL */
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

static enum reply_kind
out_of_memory(struct reply *reply)
{
	return reply_set(reply, REPLY_INTERNAL, "%s", REPLY_NO_MEMORY);
}

static enum reply_kind
unknown_event(const char *event, const struct source *source,
    struct reply *reply)
{
	/* Cut, so that a long name leaves room for the source. */
	return reply_set(reply, REPLY_UNKNOWN_EVENT,
	    "'%.*s' for source '%s'", (int)text_fit(event, SHOWN_MAX), event,
	    source->name);
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

static enum reply_kind
find_row(const struct source *source, const struct envelope *envelope,
    const struct mapping_row **found, struct reply *reply)
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
			return REPLY_NONE;
		}
	}
	if (known)
		return reply_set(reply, REPLY_BAD_FIELD,
		    "'%s' must be approved or denied", "status");
	return unknown_event(envelope->event, source, reply);
}

static enum reply_kind
find_type(const struct mapping_row *row, const struct source *source,
    const struct envelope *envelope, const struct event_type **type,
    struct reply *reply)
{
	const char *name = row->type;

	if (name == NULL) {
		struct json_object *value = json_get(envelope->data,
		    "eventType");
		if (value != NULL) {
			enum reply_kind kind = field_check_id(value,
			    "eventType", reply);
			if (kind != REPLY_NONE)
				return kind;
		}
		name = value == NULL ? "custom" :
		    json_object_get_string(value);
	}
	*type = event_type_find(name);
	return *type != NULL ? REPLY_NONE :
	    unknown_event(name, source, reply);
}

/* The delivery's value for a field: under its name, else an alias.  *name is
 * the one found, or the field's own. */
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

/* A field's value, checked, or its default: a new reference, NULL for a field
 * to be left out. */
static enum reply_kind
make_value(const struct payload_field *field, const struct envelope *envelope,
    struct json_object **made, struct reply *reply)
{
	const char *name;
	struct json_object *value = look_up(field, envelope, &name);
	enum reply_kind kind = REPLY_NONE;

	*made = NULL;
	switch (field->value) {
	case VALUE_ID:
	case VALUE_STRING:
		if (value != NULL)
			kind = field->value == VALUE_ID ?
			    field_check_id(value, name, reply) :
			    field_check_string(value, name, reply);
		if (kind != REPLY_NONE)
			return kind;
		if (field->optional && (value == NULL ||
		    json_object_get_string_len(value) == 0))
			return REPLY_NONE;
		*made = value != NULL ? json_object_get(value) :
		    json_object_new_string(field->fallback != NULL ?
		    field->fallback : "");
		break;
	case VALUE_OBJECT:
		if (value != NULL)
			return field_read_object(value, name, made, reply);
		*made = json_object_new_object();
		break;
	case VALUE_NUMBER:
		if (value != NULL && (kind = field_check_number(value, name,
		    reply)) != REPLY_NONE)
			return kind;
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
	case VALUE_DATA:
	case VALUE_END:
		*made = json_object_get(envelope->data);
		break;
	}
	return *made == NULL ? out_of_memory(reply) : REPLY_NONE;
}

static enum reply_kind
make_payload(struct mapping *mapping, const struct mapping_row *row,
    const struct envelope *envelope, struct reply *reply)
{
	if ((mapping->payload = json_object_new_object()) == NULL)
		return out_of_memory(reply);
	for (const struct payload_field *f = row->fields;
	    f->value != VALUE_END; f++) {
		struct json_object *value;
		enum reply_kind kind = make_value(f, envelope, &value, reply);
		if (kind != REPLY_NONE)
			return kind;
		if (value != NULL &&
		    json_add(mapping->payload, f->name, value) != 0)
			return out_of_memory(reply);
	}
	return REPLY_NONE;
}

/*
 * The id that links the events of one request or submission.  Events that are
 * kept as they came have it too, when they are about a request: `id` is one
 * only inside data.request.
 */
static enum reply_kind
find_correlation(struct mapping *mapping, const struct mapping_row *row,
    const struct envelope *envelope, struct reply *reply)
{
	const struct payload_field *id = &row->fields[0];
	struct json_object *value;
	const char *name = requested[0].name;
	enum reply_kind kind = REPLY_NONE;

	if (row->source == SOURCE_GENERIC)
		return REPLY_NONE;
	if (id->value == VALUE_ID)
		value = look_up(id, envelope, &name);
	else if (envelope->fields != envelope->data)
		value = look_up(&requested[0], envelope, &name);
	else
		value = json_get(envelope->data, name);

	if (value != NULL)
		kind = field_check_id(value, name, reply);
	if (kind != REPLY_NONE)
		return kind;
	if (value != NULL && json_object_get_string_len(value) > 0)
		mapping->correlation_id = json_object_get_string(value);
	else if (id->value == VALUE_ID)
		mapping->missing_id = id->name;
	return REPLY_NONE;
}

enum reply_kind
mapping_find(struct mapping *mapping, const struct source *source,
    const struct envelope *envelope, struct reply *reply)
{
	enum reply_kind kind;

	*mapping = (struct mapping){ 0 };
	kind = find_row(source, envelope, &mapping->row, reply);
	if (kind == REPLY_NONE)
		kind = find_type(mapping->row, source, envelope,
		    &mapping->type, reply);
	return kind;
}

enum reply_kind
mapping_apply(struct mapping *mapping, const struct envelope *envelope,
    struct reply *reply)
{
	enum reply_kind kind = make_payload(mapping, mapping->row, envelope,
	    reply);

	if (kind == REPLY_NONE)
		kind = find_correlation(mapping, mapping->row, envelope,
		    reply);
	return kind;
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
	text_puts(out, "`");
	text_puts(out, field->name);
	text_puts(out, field->optional ? "`?" : "`");
	if (field->aliases[0] != NULL) {
		text_puts(out, " (");
		text_puts(out, field->name);
		for (int i = 0; i < ALIASES_MAX && field->aliases[i] != NULL;
		    i++) {
			text_puts(out, ", ");
			text_puts(out, field->aliases[i]);
		}
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
	default:
		if (field->fallback != NULL) {
			text_puts(out, " = \"");
			text_puts(out, field->fallback);
			text_puts(out, "\"");
		}
		break;
	}
}

static void
print_row(const struct mapping_row *row, struct text *out)
{
	text_puts(out, "| ");
	text_puts(out, sources[row->source].name);
	text_puts(out, row->form == FORM_BARE ? ", bare | " : " | ");
	if (row->event == NULL) {
		text_puts(out, row->form == FORM_BARE ? "any other state" :
		    "any event");
	} else {
		text_puts(out, row->form == FORM_BARE ? "state `" : "`");
		text_puts(out, row->event);
		text_puts(out, "`");
	}
	if (row->status != NULL) {
		text_puts(out, " with status `");
		text_puts(out, row->status);
		text_puts(out, "`");
	}
	text_puts(out, " | ");
	if (row->type == NULL) {
		text_puts(out, "`data.eventType`, else `custom`");
	} else {
		text_puts(out, "`");
		text_puts(out, row->type);
		text_puts(out, "`");
	}
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
