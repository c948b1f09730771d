#include "agentlens-ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agentlens-ingest/admission.h"
#include "agentlens-ingest/exchange.h"
#include "agentlens-ingest/exposure.h"
#include "base/log.h"

static const struct settings *
settings_of(const struct exchange *x)
{
	return x->settings;
}

static void finish_health(struct job *job);

/* The committer ends it. */
static enum refusal_code
begin_health(struct exchange *x)
{
	const char *method = request_variable(x->request, "REQUEST_METHOD");

	if (method == NULL || (strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0))
		return exchange_refuse(x, REFUSAL_NOT_GET);
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
	    exchange_refuse(x, REFUSAL_NOT_POST);
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

void
exchange_admit(struct exchange *x)
{
	admission_enter(x->body.len);
	x->admitted = true;
}

/* Kinds of bodies that are not JSON, and what begins their content types. */
static const char *
other_kind(const struct exchange *x)
{
	static const char *const types[][2] = {
		{ "application/x-www-form-urlencoded", "a form" },
		{ "multipart/", "a form in parts" },
		{ "application/xml", "XML" },
		{ "text/xml", "XML" },
	};
	const char *encoding = request_header(x->request, "Content-Encoding");
	const char *type = request_variable(x->request, "CONTENT_TYPE");

	if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
		return "compressed";
	for (size_t i = 0; type != NULL &&
	    i < sizeof(types) / sizeof(types[0]); i++)
		if (strncasecmp(type, types[i][0], strlen(types[i][0])) == 0)
			return types[i][1];
	return NULL;
}

enum refusal_code
exchange_refuse_json(struct exchange *x, const struct json_error *error)
{
	const char *kind = other_kind(x);
	char where[32] = "";

	if (error->no_memory)
		return exchange_refuse(x, REFUSAL_NO_MEMORY);
	/* It may be signed: then it must come again. */
	if (x->undecided)
		return exchange_refuse(x, REFUSAL_NO_DIGEST);
	if (error->offset != JSON_NOWHERE)
		snprintf(where, sizeof(where), " at byte %zu", error->offset);
	return kind == NULL ? refusal_set_subject(&x->reply.refusal,
	    REFUSAL_BAD_JSON, "%s%s", error->reason, where) :
	    refusal_set_subject(&x->reply.refusal, REFUSAL_BAD_JSON,
	    "the body is %s; %s%s", kind, error->reason, where);
}

enum refusal_code
exchange_refuse_signature(struct exchange *x)
{
	if (x->signer.result.verdict != SCHEME_FAILED)
		return exchange_refuse(x, REFUSAL_BAD_SIGNATURE);
	log_line(LOG_ERROR, "error", "libgcrypt computes no HMAC; is memory "
	    "short, or the secret too short for its FIPS mode?", NULL);
	return exchange_refuse(x, REFUSAL_NO_DIGEST);
}

void
exchange_begin_delivery(struct exchange *x)
{
	const struct scheme_result *result = &x->signer.result;

	x->delivery = (struct delivery){
		/* One that is signed is the signer's, whatever it says. */
		.source = x->is_signed ? x->signer.source.row : x->source,
		.remote_addr = request_variable(x->request, "REMOTE_ADDR"),
		.body = text_string(&x->body),
		.body_len = x->body.len,
	};
	if (!x->is_signed)
		return;
	x->delivery.scheme = delivery_scheme_of(x->signer.source.row);
	x->delivery.secret = result->secret;
	x->delivery.signature_len = result->signature_len;
	memcpy(x->delivery.signature, result->signature,
	    result->signature_len);
}

static void finish(struct job *job);

/* Hands the delivery to the committer: with its event, or, when `code` is not
 * REFUSAL_NONE, with the reason why it is refused. */
static enum refusal_code
make_job(struct exchange *x, enum refusal_code code)
{
	struct delivery *delivery = &x->delivery;

	if (delivery->source == NULL ||
	    (code != REFUSAL_NONE && !refusal_is_senders(code)))
		return code;
	/* A body without a byte in it says nothing, and would look like one
	 * that prune has removed. */
	if (code != REFUSAL_NONE && delivery->body_len == 0)
		return code;
	if (code == REFUSAL_NONE) {
		delivery->event = &x->conversion.event;
	} else {
		refusal_write(&x->reply.refusal, &x->reason);
		delivery->reason = text_string(&x->reason);
	}
	if (x->reason.failed)
		return exchange_refuse(x, REFUSAL_NO_MEMORY);
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
	return exchange_refuse(x, REFUSAL_MISCONFIGURED);
}

static enum refusal_code
read_body(struct exchange *x)
{
	return request_read_body(x->request, (size_t)settings_of(x)->max_body,
	    (int)settings_of(x)->read_timeout_ms, &x->body,
	    &x->reply.refusal);
}

/* The path tells a sender: the last step of the path is its name. */
static enum refusal_code
find_sender(struct exchange *x, const char *name)
{
	char setting[128];

	if (!settings_find_source(settings_of(x), name, &x->signer.source) ||
	    !source_has_path(x->signer.source.row))
		return exchange_refuse(x, REFUSAL_NOT_FOUND);
	x->source = x->signer.source.row;
	if (x->signer.source.secrets[0] != NULL)
		return REFUSAL_NONE;
	settings_secret_name(x->source, setting, sizeof(setting));
	return refusal_set_subject(&x->reply.refusal, REFUSAL_NO_SENDER, "%s",
	    setting);
}

/*
 * Takes the steps up to the delivery that the committer is handed.  The first
 * that does not return REFUSAL_NONE decides the answer; a signed delivery is
 * kept even when it is refused.
 */
static enum refusal_code
take_steps(struct exchange *x)
{
	char path[REQUEST_PATH_SIZE];
	enum refusal_code code;

	if ((code = check_settings(x)) != REFUSAL_NONE)
		return code;
	bool certain = request_path(x->request, path);
	if (strcmp(path, "health") == 0)
		return begin_health(x);
	if (*path != '\0' && (code = find_sender(x, path)) != REFUSAL_NONE &&
	    (certain || code != REFUSAL_NOT_FOUND))
		return code;
	if ((code = check_method(x)) != REFUSAL_NONE ||
	    (code = exposure_check(x->request, settings_of(x),
	    &x->reply.refusal)) != REFUSAL_NONE ||
	    (code = read_body(x)) != REFUSAL_NONE)
		return code;
	code = x->source != NULL ? sender_steps(x) : product_steps(x);
	return make_job(x, code);
}

/* What the log says of a refusal, and the answer does not. */
struct remarks {
	const char *signature; /* what is wrong with it */
	const char *header;    /* where it was looked for, or found */
	const char *seen;      /* where there is one, but not of this source */
	const char *signer;    /* of a body that names another source */
	const char *missing;   /* a setting */
	char length[24];       /* of what was not kept */
};

static void
remark(const struct exchange *x, struct remarks *remarks)
{
	static const char *const faults[] = {
		[SCHEME_MISSING] = "missing",
		[SCHEME_MALFORMED] = "malformed",
		[SCHEME_MISMATCH] = "mismatch",
	};
	const struct scheme_result *result = &x->signer.result;

	*remarks = (struct remarks){ .length = "" };
	switch (x->reply.refusal.code) {
	case REFUSAL_BAD_SIGNATURE:
		remarks->signature = faults[result->verdict];
		remarks->header = result->header;
		if (result->verdict == SCHEME_MISSING)
			remarks->seen = signer_seen_header(x->request);
		break;
	case REFUSAL_SOURCE_MISMATCH:
		remarks->signer = x->signer.source.row->name;
		break;
	case REFUSAL_NO_SENDER:
		remarks->missing = x->reply.refusal.subject;
		break;
	case REFUSAL_TOO_LARGE:
		remarks->header = signer_seen_header(x->request);
		snprintf(remarks->length, sizeof(remarks->length), "%lld",
		    x->request->body_bytes);
		break;
	default:
		break;
	}
}

static void
log_exchange(const struct exchange *x)
{
	const struct reply *reply = &x->reply;
	bool recorded = reply->kind == REPLY_RECORDED ||
	    reply->kind == REPLY_REPLAYED;
	struct text sentence = TEXT_EMPTY;
	struct remarks remarks;
	char status[16];

	remark(x, &remarks);
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
	    "note", recorded && (x->job.outcome.notes &
	    DELIVERY_NOTE_ID_REUSED) != 0 ? "id-reused" : NULL,
	    "signature", remarks.signature, "header", remarks.header,
	    "seen", remarks.seen, "signer", remarks.signer,
	    "missing", remarks.missing, "length",
	    remarks.length[0] == '\0' ? NULL : remarks.length,
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
	text_free(&x->handshake);
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
		exchange_refuse(x, outcome->refusal);
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
	exchange_refuse(x, job->outcome.refusal);
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
