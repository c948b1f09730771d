#include "webhook/delivery.h"

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
