#include "ingest.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "signature.h"
#include "source.h"

/*
 * As values in memory a body can take 70 times its bytes.  So one that is not
 * small waits while those at hand have this many: many at once take no more
 * memory than these and one more.
 */
#define VALUES_BYTES (1024 * 1024)
#define SMALL_BYTES (16 * 1024)

/* Once so many bytes of them have gone by, memory is given back. */
#define TRIM_BYTES (256 * 1024)

static pthread_mutex_t values_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t values_freed = PTHREAD_COND_INITIALIZER;
static size_t values_bytes; /* of the bodies at hand that are not small */
static size_t trim_bytes;   /* of those that were, since the last trim */

/* One request on its way. */
struct call {
	const struct ingest *ingest;
	struct request *request;
	struct reply reply;
	struct text response; /* with room for any */

	struct text body;
	bool has_values;
	struct json_object *json;
	const struct source *source;
	bool is_signed;
	char signature[SIGNATURE_HEX_SIZE];
	struct conversion conversion;

	struct delivery delivery;
	struct text reason; /* of a refusal */
	struct job job;
};

static const struct settings *
settings_of(const struct call *call)
{
	return call->ingest->settings;
}

/* A web server would hand out a file of its document root to anybody.  Apache
 * names the one of a user's site, ~user, by another variable. */
static const char *const document_roots[] = { "DOCUMENT_ROOT",
	"CONTEXT_DOCUMENT_ROOT" };

#define DOCUMENT_ROOTS (sizeof(document_roots) / sizeof(document_roots[0]))

static enum reply_kind
check_root(struct call *call, size_t which)
{
	/* The roots that were found harmless, which hardly ever change. */
	static _Thread_local char known[DOCUMENT_ROOTS][PATH_MAX];
	char *harmless = known[which];
	const struct settings *settings = settings_of(call);
	const char *root = request_variable(call->request,
	    document_roots[which]);

	if (root == NULL || *root == '\0' || strcmp(root, harmless) == 0)
		return REPLY_NONE;
	const char *path = settings_path_inside(settings->db_path, root) ?
	    settings->db_path : settings->file != NULL &&
	    settings_path_inside(settings->file, root) ? settings->file : NULL;
	if (path == NULL) {
		snprintf(harmless, sizeof(known[which]), "%s", root);
		return REPLY_NONE;
	}

	bool database = path == settings->db_path;
	log_line(LOG_ERROR, database ? "database" : "settings", path,
	    "document_root", root, "error", "anybody could download it",
	    "hint", database ? "move it, and set DB_PATH to a folder outside" :
	    "move it outside the document root", NULL);
	return reply_set(&call->reply, REPLY_EXPOSED, "move the %s out",
	    database ? "database" : "settings file");
}

static enum reply_kind
check_exposure(struct call *call)
{
	enum reply_kind kind = REPLY_NONE;

	for (size_t i = 0; i < DOCUMENT_ROOTS && kind == REPLY_NONE; i++)
		kind = check_root(call, i);
	return kind;
}

static enum reply_kind
answer_health(struct call *call)
{
	const char *method = request_variable(call->request, "REQUEST_METHOD");

	if (method == NULL || (strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0))
		return reply_set(&call->reply, REPLY_NOT_GET, "%s", "");
	enum reply_kind kind = check_exposure(call);
	if (kind != REPLY_NONE)
		return kind;
	return reply_set(&call->reply,
	    committer_health(call->ingest->committer), "%s", "");
}

static enum reply_kind
check_method(struct call *call)
{
	const char *method = request_variable(call->request, "REQUEST_METHOD");

	if (method != NULL && strcmp(method, "POST") == 0)
		return REPLY_NONE;
	return reply_set(&call->reply, REPLY_NOT_POST, "%s", "");
}

/* All but the event, which has its own. */
static void
conversion_free_values(struct conversion *c)
{
	mapping_free(&c->mapping);
	envelope_close(&c->envelope);
}

static bool
is_small(const struct call *call)
{
	return call->body.len < SMALL_BYTES;
}

/* Waits for other threads to convert their bodies, which they do without
 * waiting for anything. */
static void
begin_values(struct call *call)
{
	call->has_values = true;
	if (is_small(call))
		return;
	pthread_mutex_lock(&values_lock);
	while (values_bytes >= VALUES_BYTES)
		pthread_cond_wait(&values_freed, &values_lock);
	values_bytes += call->body.len;
	pthread_mutex_unlock(&values_lock);
}

/* Frees what was read of the body, and lets another begin. */
static void
end_values(struct call *call)
{
	if (!call->has_values)
		return;
	conversion_free_values(&call->conversion);
	json_object_put(call->json);
	call->json = NULL;
	if (is_small(call))
		return;
	pthread_mutex_lock(&values_lock);
	values_bytes -= call->body.len;
	trim_bytes += call->body.len;
	bool trim = trim_bytes >= TRIM_BYTES;
	if (trim)
		trim_bytes = 0;
	pthread_cond_broadcast(&values_freed);
	pthread_mutex_unlock(&values_lock);
	/* What is free between other blocks is not given back by itself. */
	if (trim)
		malloc_trim(0);
}

static enum reply_kind
read_json(struct call *call)
{
	struct json_error error;

	begin_values(call);
	/* The reader looks at the byte behind the body, an empty one's too. */
	if (json_read(text_string(&call->body), call->body.len, &call->json,
	    &error) != 0)
		return error.no_memory ? reply_set(&call->reply,
		    REPLY_INTERNAL, "%s", REPLY_NO_MEMORY) :
		    reply_set(&call->reply, REPLY_BAD_JSON,
		    "%s at byte %zu", error.reason, error.offset);
	if (!json_is_object(call->json))
		return reply_set(&call->reply, REPLY_BAD_JSON,
		    "%s", "an object is required");
	return REPLY_NONE;
}

static enum reply_kind
find_source(struct call *call)
{
	call->source = source_find(json_get_string(call->json, "source"),
	    json_get_string(call->json, "event"), request_header,
	    call->request);
	return call->source != NULL ? REPLY_NONE :
	    reply_set(&call->reply, REPLY_NO_SOURCE, "%s", "");
}

/* Whether one of the source's secrets signed the body with this digest. */
static enum reply_kind
compare_digest(struct call *call, const unsigned char digest[SIGNATURE_BYTES])
{
	bool good = false, computed = true;

	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		const char *secret =
		    settings_of(call)->secrets[call->source->id][i];
		unsigned char expected[SIGNATURE_BYTES];
		if (secret == NULL)
			continue;
		if (signature_hmac_sha256(secret, strlen(secret),
		    text_string(&call->body), call->body.len, expected) != 0)
			computed = false;
		else
			good |= signature_equal(digest, expected);
	}
	if (good)
		return REPLY_NONE;
	if (computed)
		return reply_set(&call->reply, REPLY_BAD_SIGNATURE, "%s", "");
	log_line(LOG_ERROR, "error", "libgcrypt computes no HMAC-SHA256; is "
	    "memory short, or the secret too short for its FIPS mode?", NULL);
	return reply_set(&call->reply, REPLY_INTERNAL, "%s",
	    ": the signature could not be checked");
}

static enum reply_kind
verify_signature(struct call *call)
{
	const struct source *source = call->source;
	const char *header = NULL;
	unsigned char digest[SIGNATURE_BYTES];

	if (settings_of(call)->secrets[source->id][0] == NULL) {
		if (!source->signature_required)
			return REPLY_NONE;
		return reply_set(&call->reply, REPLY_NO_SECRET, "%s",
		    source->name);
	}
	for (int i = 0; i < SOURCE_HEADERS_MAX && header == NULL &&
	    source->signature_headers[i] != NULL; i++)
		header = request_header(call->request,
		    source->signature_headers[i]);
	if (header == NULL || signature_decode(header, digest) != 0)
		return reply_set(&call->reply, REPLY_BAD_SIGNATURE, "%s", "");
	enum reply_kind kind = compare_digest(call, digest);
	if (kind != REPLY_NONE)
		return kind;

	call->is_signed = true;
	signature_hex(digest, call->signature);
	return REPLY_NONE;
}

enum reply_kind
ingest_convert(struct conversion *c, const struct source *source,
    struct json_object *body, bool is_signed, const char *tenant,
    struct reply *reply)
{
	enum reply_kind kind;

	if ((kind = envelope_open(&c->envelope, source, body, reply)) !=
	    REPLY_NONE ||
	    (kind = mapping_find(&c->mapping, source, &c->envelope, reply)) !=
	    REPLY_NONE)
		return kind;
	if (c->mapping.type->needs_signature && !is_signed)
		return reply_set(reply, REPLY_UNSIGNED_TYPE,
		    "'%s' needs a signed delivery", c->mapping.type->name);
	if ((kind = envelope_fill(&c->envelope, source, body, reply)) !=
	    REPLY_NONE ||
	    (kind = mapping_apply(&c->mapping, &c->envelope, reply)) !=
	    REPLY_NONE)
		return kind;
	return event_build(&c->event, source, &c->envelope, c->mapping.type,
	    c->mapping.payload, c->mapping.correlation_id, tenant, reply);
}

void
ingest_conversion_free(struct conversion *c)
{
	event_free(&c->event);
	conversion_free_values(c);
}

static enum reply_kind
make_event(struct call *call)
{
	return ingest_convert(&call->conversion, call->source, call->json,
	    call->is_signed, settings_of(call)->tenants[call->source->id],
	    &call->reply);
}

/* SHA-256 of the parts, each but the last with its NUL, so that no two lists
 * of names come to the same bytes. */
static bool
make_key(const char *first, const char *second, const void *rest, size_t len,
    unsigned char key[SIGNATURE_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)first, strlen(first) + 1 },
		{ (void *)second, second == NULL ? 0 : strlen(second) + 1 },
		{ (void *)rest, len },
	};
	return signature_sha256(parts, 3, key) == 0;
}

bool
ingest_key(const struct source *source, const void *body, size_t len,
    unsigned char key[SIGNATURE_BYTES])
{
	return make_key(source->name, NULL, body, len, key);
}

static bool
name_delivery(struct call *call, struct delivery *delivery)
{
	const char *source = call->source->name;

	if (call->is_signed) {
		delivery->signature = call->signature;
		delivery->has_key = true;
		if (!ingest_key(call->source, delivery->body,
		    delivery->body_len, delivery->key))
			return false;
	}
	for (int i = 0; source_idempotency_headers[i] != NULL; i++) {
		const char *name = source_idempotency_headers[i];
		const char *value = request_header(call->request, name);
		if (value == NULL)
			continue;
		delivery->has_idempotency_key = true;
		return make_key(source, name, value, strlen(value),
		    delivery->idempotency_key);
	}
	return true;
}

static void finish(struct job *job);

/*
 * Makes the delivery that the committer is handed: with its event, or as a
 * refused one with the sentence of the refusal.  What is refused unsigned is
 * not kept.
 */
static enum reply_kind
record(struct call *call, enum reply_kind refusal)
{
	struct delivery *delivery = &call->delivery;

	*delivery = (struct delivery){
		.source = call->source,
		.remote_addr = request_variable(call->request, "REMOTE_ADDR"),
		.body = text_string(&call->body),
		.body_len = call->body.len,
		.sent_at = envelope_sent_at(call->json),
		.event = refusal == REPLY_NONE ? &call->conversion.event : NULL,
	};
	if (refusal != REPLY_NONE) {
		reply_sentence(&call->reply, &call->reason);
		delivery->reason = text_string(&call->reason);
	}
	if (call->reason.failed || !name_delivery(call, delivery))
		return reply_set(&call->reply, REPLY_INTERNAL, "%s",
		    REPLY_NO_MEMORY);
	call->job = (struct job){
		.delivery = delivery,
		.done = finish,
		.context = call,
	};
	return refusal;
}

static enum reply_kind
check_settings(struct call *call)
{
	if (call->ingest->settings != NULL)
		return REPLY_NONE;
	log_line(LOG_ERROR, "error", call->ingest->settings_error, NULL);
	return reply_set(&call->reply, REPLY_MISCONFIGURED, "%s", "");
}

/* The steps up to handing the delivery to the committer.  The first that does
 * not return REPLY_NONE answers. */
static enum reply_kind
take_steps(struct call *call)
{
	const char *path = request_path(call->request);
	struct reply *reply = &call->reply;
	enum reply_kind kind;

	if ((kind = check_settings(call)) != REPLY_NONE)
		return kind;
	if (strcmp(path, "/health") == 0)
		return answer_health(call);
	if (*path != '\0' && strcmp(path, "/") != 0)
		return reply_set(reply, REPLY_NOT_FOUND, "%s", "");
	if ((kind = check_method(call)) != REPLY_NONE ||
	    (kind = check_exposure(call)) != REPLY_NONE)
		return kind;
	kind = request_read_body(call->request,
	    (size_t)settings_of(call)->max_body,
	    (int)settings_of(call)->read_timeout_ms, &call->body, reply);
	if (kind != REPLY_NONE ||
	    (kind = read_json(call)) != REPLY_NONE ||
	    (kind = find_source(call)) != REPLY_NONE ||
	    (kind = verify_signature(call)) != REPLY_NONE)
		return kind;

	kind = make_event(call);
	if (kind == REPLY_NONE)
		return record(call, REPLY_NONE);
	/* Nothing signed is lost, not even what is refused. */
	if (call->is_signed && reply_status(kind) < 500)
		return record(call, kind);
	return kind;
}

static void
log_call(const struct call *call)
{
	const struct reply *reply = &call->reply;
	bool recorded = reply->kind == REPLY_RECORDED ||
	    reply->kind == REPLY_REPLAYED;
	struct text sentence = TEXT_EMPTY;
	char status[16];

	snprintf(status, sizeof(status), "%d", reply_status(reply->kind));
	if (!recorded && reply->kind != REPLY_HEALTHY)
		reply_sentence(reply, &sentence);
	if (recorded && call->conversion.mapping.missing_id != NULL)
		log_line(LOG_WARN, "event", reply->event_id, "warning",
		    "recorded without an id", "missing",
		    call->conversion.mapping.missing_id, NULL);
	log_line(reply_log_level(reply->kind), "status", status,
	    "source", call->source == NULL ? NULL : call->source->name,
	    "remote", request_variable(call->request, "REMOTE_ADDR"),
	    "event", recorded ? reply->event_id : NULL,
	    "type", recorded ? reply->event_type : NULL,
	    "session", recorded ? reply->session_id : NULL,
	    "replayed", reply->kind == REPLY_REPLAYED ? "yes" : NULL,
	    "error", sentence.len == 0 ? NULL : text_string(&sentence), NULL);
	text_free(&sentence);
}

static void
answer(struct call *call)
{
	const char *method = request_variable(call->request, "REQUEST_METHOD");
	struct text *response = &call->response;

	log_call(call);
	reply_write(&call->reply, method == NULL || strcmp(method, "HEAD") != 0,
	    response);
	request_answer(call->request, response->failed ? reply_fallback :
	    text_string(response), response->failed ?
	    strlen(reply_fallback) : response->len);

	text_free(response);
	text_free(&call->reason);
	event_free(&call->conversion.event);
	text_free(&call->body);
	free(call);
}

/* What the committer calls, maybe on another thread. */
static void
finish(struct job *job)
{
	struct call *call = job->context;
	const struct outcome *outcome = &job->outcome;

	/* A refused delivery that is kept is refused all the same. */
	if (outcome->kind != REPLY_NONE) {
		call->reply.event_id = outcome->event_id;
		call->reply.event_type = outcome->event_type;
		call->reply.session_id = outcome->session_id;
		reply_set(&call->reply, outcome->kind, "%s", "");
	}
	request_log(call->request);
	answer(call);
}

void
ingest_handle(void *context, struct request *request)
{
	struct call *call = calloc(1, sizeof(*call));

	/* Nothing is recorded that could not be answered. */
	if (call == NULL || text_reserve(&call->response, REPLY_BYTES) != 0) {
		free(call);
		request_answer(request, reply_fallback,
		    strlen(reply_fallback));
		return;
	}
	call->ingest = context;
	call->request = request;
	call->reply.kind = take_steps(call);
	end_values(call);
	if (call->job.done != NULL)
		committer_record(call->ingest->committer, &call->job);
	else
		answer(call);
}
