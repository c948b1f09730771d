#include "webhook/delivery.h"

#include <stdio.h>
#include <string.h>

/* SHA-256 of the parts.  Each name keeps its NUL, so that no two lists of names
 * give the same bytes.  `second` may be NULL. */
static int
make_key(const char *first, const char *second, const void *rest, size_t len,
    unsigned char key[DIGEST_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)first, strlen(first) + 1 },
		{ (void *)second, second == NULL ? 0 : strlen(second) + 1 },
		{ (void *)rest, len },
	};
	return digest_sha256(parts, 3, key);
}

int
delivery_key(const struct source *source, const void *body, size_t len,
    unsigned char key[DIGEST_BYTES])
{
	return make_key(source->name, NULL, body, len, key);
}

int
delivery_idempotency_key(const struct source *source, const char *header,
    const char *value, unsigned char key[DIGEST_BYTES])
{
	return make_key(source->name, header, value, strlen(value), key);
}

enum refusal_code
delivery_convert(struct conversion *c, const struct source *source,
    struct json_object *body, bool is_signed, const char *tenant,
    struct refusal *refusal)
{
	enum refusal_code code;

	if ((code = envelope_open(&c->envelope, source, body, refusal)) !=
	    REFUSAL_NONE ||
	    (code = mapping_find(&c->mapping, source, &c->envelope,
	    refusal)) != REFUSAL_NONE)
		return code;
	if (c->mapping.type->needs_signature && !is_signed)
		return refusal_set_subject(refusal, REFUSAL_UNSIGNED_TYPE,
		    "%s", c->mapping.type->name);
	if ((code = envelope_fill(&c->envelope, source, body, refusal)) !=
	    REFUSAL_NONE ||
	    (code = mapping_apply(&c->mapping, &c->envelope, refusal)) !=
	    REFUSAL_NONE)
		return code;
	return event_build(&c->event, source, &c->envelope, c->mapping.type,
	    c->mapping.payload, c->mapping.correlation_id, tenant, refusal);
}

enum refusal_code
delivery_convert_sender(struct conversion *c,
    const struct sender_delivery *sent, struct json_object *json,
    bool is_fields, const char *tenant, struct refusal *refusal)
{
	struct sender_event made;
	enum refusal_code code = REFUSAL_NO_MEMORY;

	if (sender_convert(sent, json, is_fields, &made) == 0 &&
	    !made.session.failed && !made.agent.failed) {
		snprintf(c->envelope.event, sizeof(c->envelope.event), "%s",
		    text_string(&made.name));
		c->envelope.agent_id = made.agent.len > 0 ?
		    text_string(&made.agent) : NULL;
		code = event_build(&c->event, sent->source, &c->envelope,
		    event_type_find(made.type), made.payload, NULL, tenant,
		    refusal);
		c->envelope.agent_id = NULL;
		snprintf(c->event.session_id, sizeof(c->event.session_id),
		    "%s", text_string(&made.session));
	}
	sender_event_free(&made);
	return code == REFUSAL_NONE ? code : refusal_set(refusal, code);
}

static bool
is_products_event(const char *event)
{
	for (int i = 0; i < SOURCE_SENDER; i++) {
		const char *prefix = sources[i].event_prefix;
		if (prefix != NULL && strncmp(event, prefix, strlen(prefix)) ==
		    0)
			return true;
	}
	return false;
}

static bool
is_senders_session(const char *session)
{
	for (int i = SOURCE_SENDER; i < SOURCES; i++)
		if (source_owns_session(&sources[i], session))
			return true;
	return false;
}

enum refusal_code
delivery_check_unsigned(const struct conversion *c,
    delivery_owned_fn *is_owned, const void *context,
    struct refusal *refusal)
{
	const char *event = c->envelope.event;
	const char *session = json_get_string(c->envelope.context,
	    "agentlens_session_id");

	if (is_products_event(event))
		return refusal_set_subject(refusal, REFUSAL_UNSIGNED_EVENT,
		    "%s", event);
	if (session != NULL && (strncmp(session, EVENT_UNLINKED,
	    strlen(EVENT_UNLINKED)) == 0 || is_senders_session(session) ||
	    is_owned(context, session)))
		return refusal_set_subject(refusal, REFUSAL_UNSIGNED_SESSION,
		    "%s", session);
	return REFUSAL_NONE;
}

const char *
delivery_scheme_code(enum delivery_scheme scheme)
{
	static const char *const codes[DELIVERY_SCHEMES] = {
		[DELIVERY_HMAC_SHA256] = "hmac-sha256",
		[DELIVERY_HMAC_SHA1] = "hmac-sha1",
		[DELIVERY_TOKEN] = "token",
	};

	return codes[scheme];
}

enum delivery_scheme
delivery_scheme_of(const struct source *source)
{
	static const enum delivery_scheme schemes[SOURCE_ALGORITHMS] = {
		[SOURCE_HMAC_SHA256] = DELIVERY_HMAC_SHA256,
		[SOURCE_HMAC_SHA1] = DELIVERY_HMAC_SHA1,
		[SOURCE_TOKEN] = DELIVERY_TOKEN,
	};

	return schemes[source->algorithm];
}

int
delivery_identify(struct delivery *delivery,
    const struct sender_delivery *sent, struct json_object *json)
{
	struct sender_identity identity;

	if (sender_identify(sent, json, &identity) != 0)
		return -1;
	delivery->has_key = identity.kind != SENDER_IS_NEW;
	memcpy(delivery->key, identity.key, DIGEST_BYTES);
	delivery->has_idempotency_key = identity.has_id;
	memcpy(delivery->idempotency_key, identity.id_key, DIGEST_BYTES);
	delivery->id_is_signed = identity.id_is_signed;
	return 0;
}

static void
keep_header(struct delivery *delivery, const char *name, const char *value)
{
	struct delivery_header *header =
	    &delivery->headers[delivery->headers_count];

	if (value == NULL || delivery->headers_count == DELIVERY_HEADERS_MAX)
		return;
	/* No name is longer: sender_headers() has cut it. */
	memset(header->name, 0, sizeof(header->name));
	strncat(header->name, name, sizeof(header->name) - 1);
	header->value = value;
	delivery->headers_count++;
}

void
delivery_keep_headers(struct delivery *delivery,
    const struct sender_delivery *sent, const struct source *row,
    const char *content_type, const char *time)
{
	char names[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE];
	char known[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE];
	int count = sender_headers(sent->source, names);

	sender_headers(row, known);
	for (int i = 0; i < count; i++)
		keep_header(delivery, known[i],
		    sent->header(sent->context, names[i]));
	keep_header(delivery, "Content-Type", content_type);
	keep_header(delivery, row->signature_headers[0], *time == '\0' ? NULL :
	    time);
}

void
conversion_free_values(struct conversion *c)
{
	mapping_free(&c->mapping);
	envelope_close(&c->envelope);
}

void
conversion_free(struct conversion *c)
{
	event_free(&c->event);
	conversion_free_values(c);
}
