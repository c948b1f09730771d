#include "agentlens-ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-ingest/admission.h"
#include "agentlens-ingest/exposure.h"
#include "agentlens-ingest/reply.h"
#include "base/hex.h"
#include "base/json.h"
#include "webhook/delivery.h"
#include "webhook/scheme.h"

/* One request and its answer. */
struct exchange {
	const struct ingest *ingest;
	const struct settings *settings; /* until it is answered; or NULL */
	struct request *request;
	struct reply reply;
	struct text response; /* has room for any from the beginning */

	struct text body;
	bool admitted;
	struct json_object *json;
	const struct source *source;
	bool is_signed;
	char signature[DIGEST_HEX_SIZE];
	struct conversion conversion;

	struct delivery delivery;
	struct text reason; /* of a refusal */
	struct job job;
};

static const struct settings *
settings_of(const struct exchange *x)
{
	return x->settings;
}

static enum refusal_code
refuse(struct exchange *x, enum refusal_code code)
{
	return refusal_set(&x->reply.refusal, code);
}

static void finish_health(struct job *job);

/* The committer ends it. */
static enum refusal_code
begin_health(struct exchange *x)
{
	const char *method = request_variable(x->request, "REQUEST_METHOD");

	if (method == NULL || (strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0))
		return refuse(x, REFUSAL_NOT_GET);
	enum refusal_code code = exposure_check(x->request, settings_of(x),
	    &x->reply.refusal);
	if (code != REFUSAL_NONE)
		return code;
	x->job = (struct job){ .done = finish_health, .context = x };
	return REFUSAL_NONE;
}

static enum refusal_code
check_method(struct exchange *x)
{
	const char *method = request_variable(x->request, "REQUEST_METHOD");

	return method != NULL && strcmp(method, "POST") == 0 ? REFUSAL_NONE :
	    refuse(x, REFUSAL_NOT_POST);
}

/* Frees the JSON values of the body, and lets another body be read. */
static void
free_values(struct exchange *x)
{
	if (!x->admitted)
		return;
	conversion_free_values(&x->conversion);
	json_object_put(x->json);
	x->json = NULL;
	admission_leave(x->body.len);
}

static enum refusal_code
read_json(struct exchange *x)
{
	struct json_error error;

	admission_enter(x->body.len);
	x->admitted = true;
	/* json_read() looks at the byte behind the body, also of an empty
	 * one. */
	if (json_read(text_string(&x->body), x->body.len, &x->json, &error) !=
	    0)
		return error.no_memory ? refuse(x, REFUSAL_NO_MEMORY) :
		    refusal_set_subject(&x->reply.refusal, REFUSAL_BAD_JSON,
		    "%s at byte %zu", error.reason, error.offset);
	if (!json_is_object(x->json))
		return refusal_set_subject(&x->reply.refusal,
		    REFUSAL_BAD_JSON, "an object is required");
	return REFUSAL_NONE;
}

static enum refusal_code
find_source(struct exchange *x)
{
	x->source = source_find(json_get_string(x->json, "source"),
	    json_get_string(x->json, "event"), request_header, x->request);
	return x->source != NULL ? REFUSAL_NONE : refuse(x, REFUSAL_NO_SOURCE);
}

/* Whether one of the source's secrets signed the body with this digest. */
static enum refusal_code
check_digest(struct exchange *x, const unsigned char digest[DIGEST_BYTES])
{
	switch (scheme_check(settings_of(x)->secrets[x->source->id],
	    SETTINGS_SECRETS, text_string(&x->body), x->body.len, digest)) {
	case SCHEME_GOOD:
		return REFUSAL_NONE;
	case SCHEME_WRONG:
	case SCHEME_NO_SECRET:
		return refuse(x, REFUSAL_BAD_SIGNATURE);
	case SCHEME_FAILED:
		break;
	}
	log_line(LOG_ERROR, "error", "libgcrypt computes no HMAC-SHA256; is "
	    "memory short, or the secret too short for its FIPS mode?", NULL);
	return refuse(x, REFUSAL_NO_DIGEST);
}

static enum refusal_code
verify_signature(struct exchange *x)
{
	const struct source *source = x->source;
	const char *header = NULL;
	unsigned char digest[DIGEST_BYTES];

	if (settings_of(x)->secrets[source->id][0] == NULL)
		return source->signature_required ?
		    refuse(x, REFUSAL_NO_SECRET) : REFUSAL_NONE;
	for (int i = 0; i < SOURCE_HEADERS_MAX && header == NULL &&
	    source->signature_headers[i] != NULL; i++)
		header = request_header(x->request,
		    source->signature_headers[i]);
	if (header == NULL || scheme_read(header, digest) != 0)
		return refuse(x, REFUSAL_BAD_SIGNATURE);
	enum refusal_code code = check_digest(x, digest);
	if (code != REFUSAL_NONE)
		return code;

	x->is_signed = true;
	hex_write(digest, DIGEST_BYTES, x->signature);
	return REFUSAL_NONE;
}

static enum refusal_code
make_event(struct exchange *x)
{
	return delivery_convert(&x->conversion, x->source, x->json,
	    x->is_signed, settings_of(x)->tenants[x->source->id],
	    &x->reply.refusal);
}

/* Gives the delivery the keys by which it is recognised when it comes again.
 * Returns 0, or -1 when libgcrypt refuses. */
static int
name_delivery(struct exchange *x, struct delivery *delivery)
{
	if (x->is_signed) {
		delivery->signature = x->signature;
		delivery->has_key = true;
		if (delivery_key(x->source, delivery->body,
		    delivery->body_len, delivery->key) != 0)
			return -1;
	}
	for (int i = 0; source_idempotency_headers[i] != NULL; i++) {
		const char *name = source_idempotency_headers[i];
		const char *value = request_header(x->request, name);
		if (value == NULL)
			continue;
		delivery->has_idempotency_key = true;
		return delivery_idempotency_key(x->source, name, value,
		    delivery->idempotency_key);
	}
	return 0;
}

static void finish(struct job *job);

/*
 * Makes the delivery that the committer is handed: with its event, or, when
 * `code` is not REFUSAL_NONE, with the reason why it is refused.
 */
static enum refusal_code
make_delivery(struct exchange *x, enum refusal_code code)
{
	struct delivery *delivery = &x->delivery;

	*delivery = (struct delivery){
		.source = x->source,
		.remote_addr = request_variable(x->request, "REMOTE_ADDR"),
		.body = text_string(&x->body),
		.body_len = x->body.len,
		.sent_at = envelope_sent_at(x->json),
		.event = code == REFUSAL_NONE ? &x->conversion.event : NULL,
	};
	if (code != REFUSAL_NONE) {
		refusal_write(&x->reply.refusal, &x->reason);
		delivery->reason = text_string(&x->reason);
	}
	if (x->reason.failed || name_delivery(x, delivery) != 0)
		return refuse(x, REFUSAL_NO_MEMORY);
	x->job = (struct job){
		.delivery = delivery,
		.done = finish,
		.context = x,
	};
	return code;
}

static enum refusal_code
check_settings(struct exchange *x)
{
	if (settings_of(x) != NULL)
		return REFUSAL_NONE;
	log_line(LOG_ERROR, "error", x->ingest->settings_error, NULL);
	return refuse(x, REFUSAL_MISCONFIGURED);
}

static enum refusal_code
read_body(struct exchange *x)
{
	return request_read_body(x->request, (size_t)settings_of(x)->max_body,
	    (int)settings_of(x)->read_timeout_ms, &x->body,
	    &x->reply.refusal);
}

/* Takes the steps up to the delivery that the committer is handed.  The first
 * that does not return REFUSAL_NONE decides the answer. */
static enum refusal_code
take_steps(struct exchange *x)
{
	const char *path = request_path(x->request);
	enum refusal_code code;

	if ((code = check_settings(x)) != REFUSAL_NONE)
		return code;
	if (strcmp(path, "/health") == 0)
		return begin_health(x);
	if (*path != '\0' && strcmp(path, "/") != 0)
		return refuse(x, REFUSAL_NOT_FOUND);
	if ((code = check_method(x)) != REFUSAL_NONE ||
	    (code = exposure_check(x->request, settings_of(x),
	    &x->reply.refusal)) != REFUSAL_NONE ||
	    (code = read_body(x)) != REFUSAL_NONE ||
	    (code = read_json(x)) != REFUSAL_NONE ||
	    (code = find_source(x)) != REFUSAL_NONE ||
	    (code = verify_signature(x)) != REFUSAL_NONE)
		return code;

	code = make_event(x);
	/* A signed delivery is kept even when it is refused; an unsigned one
	 * is not. */
	if (code == REFUSAL_NONE || (x->is_signed && refusal_is_senders(code)))
		return make_delivery(x, code);
	return code;
}

static void
log_exchange(const struct exchange *x)
{
	const struct reply *reply = &x->reply;
	bool recorded = reply->kind == REPLY_RECORDED ||
	    reply->kind == REPLY_REPLAYED;
	struct text sentence = TEXT_EMPTY;
	char status[16];

	snprintf(status, sizeof(status), "%d", reply_status(reply));
	reply_sentence(reply, &sentence);
	if (recorded && x->conversion.mapping.missing_id != NULL)
		log_line(LOG_WARN, "event", reply->event_id, "warning",
		    "recorded without an id", "missing",
		    x->conversion.mapping.missing_id, NULL);
	log_line(reply_log_level(reply), "status", status,
	    "source", x->source == NULL ? NULL : x->source->name,
	    "remote", request_variable(x->request, "REMOTE_ADDR"),
	    "event", recorded ? reply->event_id : NULL,
	    "type", recorded ? reply->event_type : NULL,
	    "session", recorded ? reply->session_id : NULL,
	    "replayed", reply->kind == REPLY_REPLAYED ? "yes" : NULL,
	    "error", sentence.len == 0 ? NULL : text_string(&sentence), NULL);
	text_free(&sentence);
}

static void
answer(struct exchange *x)
{
	const char *method = request_variable(x->request, "REQUEST_METHOD");
	struct text *response = &x->response;

	x->reply.source = x->source;
	log_exchange(x);
	reply_write(&x->reply, method == NULL || strcmp(method, "HEAD") != 0,
	    response);
	request_answer(x->request, response->failed ? reply_fallback :
	    text_string(response), response->failed ?
	    strlen(reply_fallback) : response->len);

	text_free(response);
	text_free(&x->reason);
	event_free(&x->conversion.event);
	text_free(&x->body);
	if (x->settings != NULL)
		snapshot_give_back(x->ingest->settings, x->settings);
	free(x);
}

/* The committer calls this, on its thread if it has one, when the outcome
 * stands. */
static void
finish(struct job *job)
{
	struct exchange *x = job->context;
	const struct outcome *outcome = &job->outcome;

	/* A refused delivery that was kept has the outcome REFUSAL_NONE; its
	 * reply still says why it is refused. */
	if (outcome->refusal != REFUSAL_NONE)
		refuse(x, outcome->refusal);
	if (outcome->recorded)
		x->reply = (struct reply){
			.kind = outcome->replayed ? REPLY_REPLAYED :
			    REPLY_RECORDED,
			.event_id = outcome->event_id,
			.event_type = outcome->event_type,
			.session_id = outcome->session_id,
		};
	request_log(x->request);
	answer(x);
}

static void
finish_health(struct job *job)
{
	struct exchange *x = job->context;

	if (job->outcome.refusal == REFUSAL_NONE)
		x->reply.kind = REPLY_HEALTHY;
	refuse(x, job->outcome.refusal);
	request_log(x->request);
	answer(x);
}

void
ingest_handle(void *context, struct request *request)
{
	struct exchange *x = calloc(1, sizeof(*x));

	/* The room for the answer is taken first, so that nothing is recorded
	 * that cannot be answered. */
	if (x == NULL || text_reserve(&x->response, REPLY_BYTES) != 0) {
		free(x);
		request_answer(request, reply_fallback,
		    strlen(reply_fallback));
		return;
	}
	x->ingest = context;
	if (x->ingest->settings != NULL)
		x->settings = snapshot_take(x->ingest->settings);
	x->request = request;
	take_steps(x);
	free_values(x);
	if (x->job.done == finish_health)
		committer_probe(x->ingest->committer, &x->job);
	else if (x->job.done != NULL)
		committer_record(x->ingest->committer, &x->job);
	else
		answer(x);
}
