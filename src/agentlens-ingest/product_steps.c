/* The steps of deliveries to the endpoint itself, whose body tells who sends. */
#include <string.h>

#include "agentlens-ingest/exchange.h"

/* What nobody has signed may be refused before its body costs anything. */
static enum refusal_code
check_unsigned(struct exchange *x)
{
	const struct settings *settings = x->settings;

	/* It may be signed all the same. */
	if (x->is_signed || x->undecided)
		return REFUSAL_NONE;
	if (!settings->takes_unsigned)
		return exchange_refuse(x, REFUSAL_UNSIGNED);
	return x->body.len <= (size_t)settings->unsigned_max_body ?
	    REFUSAL_NONE : refusal_set_subject(&x->reply.refusal,
	    REFUSAL_TOO_LARGE, "%ld bytes", settings->unsigned_max_body);
}

static enum refusal_code
read_json(struct exchange *x)
{
	struct json_error error;

	exchange_admit(x);
	/* json_read() looks at the byte behind the body, also of an empty
	 * one. */
	if (json_read(text_string(&x->body), x->body.len, &x->json, &error) !=
	    0)
		return exchange_refuse_json(x, &error);
	if (!json_is_object(x->json))
		return exchange_refuse_json(x, &(struct json_error){
		    .reason = "an object is required",
		    .offset = JSON_NOWHERE });
	return REFUSAL_NONE;
}

static enum refusal_code
find_source(struct exchange *x)
{
	x->source = source_find(json_get_string(x->json, "source"),
	    json_get_string(x->json, "event"), request_header, x->request);
	return x->source != NULL ? REFUSAL_NONE :
	    exchange_refuse(x, REFUSAL_NO_SOURCE);
}

/*
 * Whether the source that the body names is the one that signed.  Two sources
 * may have the same secret, so another signer need not be a contradiction.
 */
static enum refusal_code
check_signature(struct exchange *x)
{
	struct signer named;

	if (x->is_signed && x->signer.source.row->id == x->source->id)
		return REFUSAL_NONE;
	settings_find_source(x->settings, x->source->name,
	    &named.source);
	enum scheme_verdict verdict = signer_check(&named, x->request,
	    &x->body);
	if (verdict == SCHEME_GOOD) {
		x->signer = named;
		x->is_signed = true;
		return REFUSAL_NONE;
	}
	if (x->is_signed && named.source.secrets[0] != NULL)
		return exchange_refuse(x, REFUSAL_SOURCE_MISMATCH);
	x->is_signed = false;
	x->signer = named;
	if (named.source.secrets[0] == NULL &&
	    !x->settings->takes_unsigned)
		return exchange_refuse(x, REFUSAL_UNSIGNED);
	if (named.source.secrets[0] == NULL)
		return x->source->signature_required ?
		    exchange_refuse(x, REFUSAL_NO_SECRET) : REFUSAL_NONE;
	return exchange_refuse_signature(x);
}

static bool
is_owned(const void *context, const char *session)
{
	const struct settings *settings = context;

	for (size_t i = 0; i < settings->own.count; i++)
		if (source_owns_session(&settings->own.list[i].row, session))
			return true;
	return false;
}

static enum refusal_code
make_event(struct exchange *x)
{
	const struct settings *settings = x->settings;
	enum refusal_code code = delivery_convert(&x->conversion, x->source,
	    x->json, x->is_signed, settings->tenants[x->source->id],
	    &x->reply.refusal);

	if (code == REFUSAL_NONE && !x->is_signed)
		code = delivery_check_unsigned(&x->conversion, is_owned,
		    settings, &x->reply.refusal);
	return code;
}

/* Gives the delivery the keys by which it is recognised when it comes again. */
static int
name_delivery(struct exchange *x)
{
	struct delivery *delivery = &x->delivery;

	delivery->has_key = x->is_signed;
	if (x->is_signed && delivery_key(delivery->source, delivery->body,
	    delivery->body_len, delivery->key) != 0)
		return -1;
	for (int i = 0; source_idempotency_headers[i] != NULL; i++) {
		const char *name = source_idempotency_headers[i];
		const char *value = request_header(x->request, name);
		if (value == NULL)
			continue;
		delivery->has_idempotency_key = true;
		return delivery_idempotency_key(delivery->source, name, value,
		    delivery->idempotency_key);
	}
	return 0;
}

static enum refusal_code
take_steps(struct exchange *x)
{
	enum refusal_code code;

	if ((code = check_unsigned(x)) != REFUSAL_NONE ||
	    (code = read_json(x)) != REFUSAL_NONE ||
	    (code = find_source(x)) != REFUSAL_NONE ||
	    (code = check_signature(x)) != REFUSAL_NONE)
		return code;
	return make_event(x);
}

enum refusal_code
product_steps(struct exchange *x)
{
	x->is_signed = signer_find(&x->signer, x->settings, x->request,
	    &x->body, &x->undecided);
	enum refusal_code code = take_steps(x);

	if (x->source == NULL && x->is_signed)
		x->source = x->signer.source.row;
	if (code == REFUSAL_NONE || (x->is_signed &&
	    refusal_is_senders(code))) {
		exchange_begin_delivery(x);
		x->delivery.sent_at = envelope_sent_at(x->json);
		if (name_delivery(x) != 0)
			return exchange_refuse(x, REFUSAL_NO_MEMORY);
	}
	return code;
}
