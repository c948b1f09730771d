/* The steps of deliveries to a third-party sender's path. */
#include "agentlens-ingest/exchange.h"

#include <stdio.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "webhook/sender.h"

static struct sender_delivery
sent(const struct exchange *x)
{
	return (struct sender_delivery){
		.source = x->source,
		.header = request_header,
		.context = x->request,
		.body = text_string(&x->body),
		.body_len = x->body.len,
		.approvals = x->signer.source.approvals,
		.payload_max = EVENT_COLUMN_MAX,
	};
}

static bool
is_stale(const struct exchange *x)
{
	const struct scheme_delivery delivery = {
		.source = x->source,
		.header = request_header,
		.context = x->request,
		.window_s = x->signer.source.window_s,
		.now = timestamp_now(),
	};

	return x->signer.result.verdict == SCHEME_STALE || (x->json != NULL &&
	    scheme_check_body_time(&delivery, x->json) == SCHEME_STALE);
}

/* Whether it only asks for an answer.  Then nothing is recorded. */
static bool
is_handshake(struct exchange *x)
{
	if (x->source->handshake == NULL || !x->source->handshake(x->json,
	    x->signer.source.secrets[0], &x->handshake))
		return false;
	x->reply.kind = REPLY_HANDSHAKE;
	x->reply.handshake = text_string(&x->handshake);
	return true;
}

/* By what the delivery is known again; needs the body as it came. */
static enum refusal_code
identify(struct exchange *x)
{
	const struct sender_delivery delivery = sent(x);

	exchange_begin_delivery(x);
	if (delivery_identify(&x->delivery, &delivery, x->json) != 0)
		return exchange_refuse(x, REFUSAL_NO_MEMORY);
	delivery_keep_headers(&x->delivery, &delivery, x->source->id < SOURCES ?
	    &sources[x->source->id] : x->source,
	    request_variable(x->request, "CONTENT_TYPE"),
	    x->signer.result.timestamp);
	return REFUSAL_NONE;
}

enum refusal_code
sender_steps(struct exchange *x)
{
	struct json_error error = { 0 };
	bool is_fields;
	char window[32];
	enum refusal_code code;

	switch (signer_check(&x->signer, x->request, &x->body)) {
	case SCHEME_GOOD:
	case SCHEME_STALE:
		x->is_signed = true;
		break;
	default:
		return exchange_refuse_signature(x);
	}
	exchange_admit(x);
	int read = sender_read(x->source, text_string(&x->body), x->body.len,
	    &x->json, &is_fields, &error);
	if (read < 0)
		return exchange_refuse(x, REFUSAL_NO_MEMORY);
	bool stale = is_stale(x);
	if (!stale && read == 0 && is_handshake(x))
		return REFUSAL_NONE;
	if ((code = identify(x)) != REFUSAL_NONE)
		return code;
	if (stale) {
		snprintf(window, sizeof(window), "%ld s",
		    x->signer.source.window_s);
		return refusal_set_subject(&x->reply.refusal, REFUSAL_STALE,
		    "%s", window);
	}
	if (read != 0)
		return exchange_refuse_json(x, &error);
	const struct sender_delivery delivery = sent(x);
	return delivery_convert_sender(&x->conversion, &delivery, x->json,
	    is_fields, x->signer.source.tenant, &x->reply.refusal);
}
