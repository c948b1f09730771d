#include "webhook/sender.h"

#include <string.h>

#include "base/hex.h"
#include "base/json_path.h"
#include "webhook/form.h"
#include "webhook/keep.h"
#include "webhook/locator.h"

/* What a user of a sender writes into its free metadata to say which session
 * of AgentLens, and which agent, its events belong to. */
#define METADATA_SESSION "agentlens_session_id"
#define METADATA_AGENT "agentlens_agent_id"

static struct locator_scope
scope_of(const struct sender_delivery *d, struct json_object *json)
{
	return (struct locator_scope){ d->header, d->context, json };
}

/* The JSON text of a form's body. */
static bool
write_form(const struct source *source, const char *body, size_t len,
    struct text *out, bool *is_fields)
{
	*is_fields = false;
	if (source->form_field != NULL &&
	    form_add_field(out, body, len, source->form_field))
		return true;
	text_truncate(out, 0);
	*is_fields = source->form_is_data;
	return *is_fields && form_write_json(out, body, len);
}

static int
read_object(const char *text, size_t len, struct json_object **json,
    struct json_error *error)
{
	if (json_read(text, len, json, error) != 0)
		return error->no_memory ? -1 : 1;
	if (json_is_object(*json))
		return 0;
	json_object_put(*json);
	*json = NULL;
	*error = (struct json_error){ .reason = "an object is required",
		.offset = JSON_NOWHERE };
	return 1;
}

int
sender_read(const struct source *source, const char *body, size_t len,
    struct json_object **json, bool *is_fields, struct json_error *error)
{
	struct text text = TEXT_EMPTY;
	int result = 1;

	*json = NULL;
	*is_fields = false;
	if ((source->form_field == NULL && !source->form_is_data) ||
	    !form_is_one(body, len))
		return read_object(body, len, json, error);
	if (write_form(source, body, len, &text, is_fields))
		result = text.failed ? -1 : read_object(text_string(&text),
		    text.len, json, error);
	else
		*error = (struct json_error){
			.reason = "a form without JSON in it",
			.offset = JSON_NOWHERE,
		};
	text_free(&text);
	return result;
}

/* SHA-256 of the strings, each with its NUL, and of the bytes. */
static int
make_key(const char *first, const struct text *second, const void *rest,
    size_t len, unsigned char key[DIGEST_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)first, strlen(first) + 1 },
		{ (void *)(second == NULL ? "" : text_string(second)),
		    second == NULL ? 0 : second->len + 1 },
		{ (void *)rest, len },
	};

	return digest_sha256(parts, 3, key);
}

/* Makes a name one that may be stored: short and printable. */
static int
limit_name(const struct source *source, struct text *name)
{
	unsigned char digest[DIGEST_BYTES];
	bool plain = name->len <= SENDER_NAME_MAX;

	for (size_t i = 0; plain && i < name->len; i++)
		plain = !text_is_control(name->data + i);
	if (plain || name->failed)
		return name->failed ? -1 : 0;
	const struct iovec part = { name->data, name->len };
	if (digest_sha256(&part, 1, digest) != 0)
		return -1;
	text_truncate(name, 0);
	text_printf(name, "%s:", source->name);
	hex_add(name, digest, DIGEST_BYTES);
	return name->failed ? -1 : 0;
}

static int
make_name(const struct sender_delivery *d, struct json_object *json,
    bool is_fields, struct text *name)
{
	const struct locator_scope scope = scope_of(d, json);

	text_printf(name, "%s.", d->source->name);
	if (is_fields && d->source->fields_event != NULL)
		text_puts(name, d->source->fields_event);
	else if (!locator_add_parts(name, d->source->event, &scope))
		text_puts(name, "unknown");
	return limit_name(d->source, name);
}

/* Appends what the sender's user has put under this name into metadata. */
static bool
add_metadata(const struct sender_delivery *d, struct json_object *json,
    const char *name, struct text *out)
{
	const char *path = d->source->metadata;
	const char *separator = ", else ";

	while (path != NULL) {
		if (strncmp(path, "b:", 2) == 0)
			path += 2;
		const char *end = strstr(path, separator);
		size_t len = end == NULL ? strlen(path) :
		    (size_t)(end - path);
		if (json_path_add_text(out, json_get(json_path_find(json,
		    path, len), name)))
			return true;
		path = end == NULL ? NULL : end + strlen(separator);
	}
	return false;
}

/* A delivery's own session, for what nothing else links. */
static int
add_own_session(const struct sender_delivery *d,
    const struct locator_scope *scope, struct text *session)
{
	unsigned char digest[DIGEST_BYTES];
	const struct iovec part = { (void *)d->body, d->body_len };

	if (locator_add(session, d->source->delivery_id, scope))
		return 0;
	if (digest_sha256(&part, 1, digest) != 0)
		return -1;
	hex_add(session, digest, DIGEST_BYTES);
	return 0;
}

static int
make_session(const struct sender_delivery *d, struct json_object *json,
    struct text *session)
{
	const struct locator_scope scope = scope_of(d, json);
	const char *text = d->source->session_of != NULL ?
	    d->source->session_of(json) : d->source->session;

	if (!add_metadata(d, json, METADATA_SESSION, session)) {
		text_printf(session, "%s:", d->source->name);
		if (!locator_add_filled(session, text, &scope) &&
		    add_own_session(d, &scope, session) != 0)
			return -1;
	}
	return limit_name(d->source, session);
}

static int
make_agent(const struct sender_delivery *d, struct json_object *json,
    struct text *agent)
{
	const struct locator_scope scope = scope_of(d, json);

	if (!add_metadata(d, json, METADATA_AGENT, agent))
		locator_add_filled(agent, d->source->agent, &scope);
	return limit_name(d->source, agent);
}

/* The bytes of a payload around its data. */
static size_t
frame_len(const struct text *name)
{
	struct text frame = TEXT_EMPTY;

	text_puts(&frame, "{\"type\":,\"data\":}");
	json_write_string(&frame, text_string(name), name->len);
	size_t len = frame.len;
	text_free(&frame);
	return len;
}

/* The payload of an event that is kept as it came. */
static int
make_custom(const struct sender_delivery *d, struct json_object *json,
    struct sender_event *event)
{
	struct json_object *omitted = NULL;
	size_t frame = frame_len(&event->name);

	event->type = "custom";
	if ((event->payload = json_object_new_object()) == NULL ||
	    keep_prune(json, d->source->keep, d->source->drop) != 0 ||
	    keep_shorten(json, d->payload_max > frame ?
	    d->payload_max - frame : 0, &omitted) != 0)
		return -1;
	int failed = json_add(event->payload, "type",
	    json_object_new_string_len(text_string(&event->name),
	    (int)event->name.len));
	failed |= json_add(event->payload, "data", json_object_get(json));
	if (omitted != NULL)
		failed |= json_add(event->payload, "omitted", omitted);
	return failed;
}

int
sender_convert(const struct sender_delivery *d, struct json_object *json,
    bool is_fields, struct sender_event *event)
{
	*event = (struct sender_event){ 0 };
	if (make_name(d, json, is_fields, &event->name) != 0 ||
	    make_session(d, json, &event->session) != 0 ||
	    make_agent(d, json, &event->agent) != 0)
		return -1;
	if (d->approvals && d->source->approval != NULL &&
	    d->source->algorithm != SOURCE_TOKEN &&
	    d->source->approval(json, &event->type, &event->payload))
		return 0;
	return make_custom(d, json, event);
}

void
sender_event_free(struct sender_event *event)
{
	text_free(&event->name);
	text_free(&event->session);
	text_free(&event->agent);
	json_object_put(event->payload);
	*event = (struct sender_event){ 0 };
}

static bool
is_id_signed(const struct source *source)
{
	return locator_read(source->delivery_id).place == LOCATOR_BODY ||
	    (source->signed_text != NULL &&
	    strstr(source->signed_text, "{id}") != NULL);
}

/* By its bytes, without the member that each sending has anew. */
static int
identify_by_bytes(const struct sender_delivery *d, struct json_object *json,
    unsigned char key[DIGEST_BYTES])
{
	struct text text = TEXT_EMPTY;

	if (d->source->changing == NULL || json == NULL)
		return make_key(d->source->name, NULL, d->body, d->body_len,
		    key);
	json_object_object_foreach(json, name, value) {
		if (strcmp(name, d->source->changing) == 0)
			continue;
		json_write_string(&text, name, strlen(name));
		json_write(&text, value);
	}
	int result = text.failed ? -1 : make_key(d->source->name, NULL,
	    text_string(&text), text.len, key);
	text_free(&text);
	return result;
}

/*
 * A body that nothing signs is known again by its id and its bytes together;
 * one that is sent again as news, by the time that is signed with it.
 */
static int
identify_by_both(const struct sender_delivery *d, const struct text *value,
    struct sender_identity *identity)
{
	identity->has_id = false;
	if (value->len == 0)
		return 0;
	identity->kind = SENDER_KNOWN_BY_BYTES;
	return make_key(d->source->name, value, d->body, d->body_len,
	    identity->key);
}

static int
identify(const struct sender_delivery *d, struct json_object *json,
    const struct text *id, const struct text *time,
    struct sender_identity *identity)
{
	const struct source *source = d->source;

	identity->has_id = id->len > 0;
	if (identity->has_id && make_key(source->name, id, NULL, 0,
	    identity->id_key) != 0)
		return -1;
	if (source->repeats)
		return identify_by_both(d, time, identity);
	if (source->algorithm == SOURCE_TOKEN)
		return identify_by_both(d, id, identity);
	if (identity->has_id && is_id_signed(source)) {
		identity->kind = SENDER_KNOWN_BY_ID;
		identity->id_is_signed = true;
		return make_key(source->name, id, d->body, d->body_len,
		    identity->key);
	}
	identity->kind = SENDER_KNOWN_BY_BYTES;
	return identify_by_bytes(d, json, identity->key);
}

int
sender_identify(const struct sender_delivery *d, struct json_object *json,
    struct sender_identity *identity)
{
	const struct locator_scope scope = scope_of(d, json);
	struct text id = TEXT_EMPTY, time = TEXT_EMPTY;
	char name[SENDER_HEADER_SIZE];

	*identity = (struct sender_identity){ .kind = SENDER_IS_NEW };
	locator_add(&id, d->source->delivery_id, &scope);
	if (locator_header_name(d->source->timestamp, name, sizeof(name))) {
		const char *value = d->header(d->context, name);
		text_puts(&time, value == NULL ? "" : value);
	}
	int result = id.failed || time.failed ? -1 :
	    identify(d, json, &id, &time, identity);
	text_free(&id);
	text_free(&time);
	return result;
}

int
sender_headers(const struct source *source,
    char names[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE])
{
	const char *const columns[] = { source->timestamp, source->delivery_id,
		source->event, source->session };
	int count = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (columns[i] != NULL && locator_header_name(columns[i],
		    names[count], SENDER_HEADER_SIZE))
			count++;
	return count;
}
