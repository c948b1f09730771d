/*
 * Third-party senders from inside: the signatures of tests/captures/
 * third-party/vectors.json, and its deliveries with what is made of them.
 *
 * usage: SOURCE_DIR=... senders [write]
 *
 * With "write" the expected events are written anew instead of compared: look
 * at what git says has changed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/json_path.h"
#include "reader/describe_sender.h"
#include "webhook/scheme.h"
#include "webhook/sender.h"
#include "tests/unit/tap.h"

#define PAYLOAD_MAX 10240
#define NOW INT64_C(1785600000000)

static char folder[256];
static bool writing;

/* Reads a file whole; empty when it is not there. */
static struct text
read_file(const char *name)
{
	struct text text = TEXT_EMPTY;
	char path[512], buffer[65536];
	size_t got;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return text;
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
		text_add(&text, buffer, got);
	fclose(file);
	return text;
}

static struct json_object *
read_json_file(const char *name)
{
	struct text text = read_file(name);
	struct json_object *value = NULL;
	struct json_error error;

	if (json_read(text_string(&text), text.len, &value, &error) != 0) {
		printf("Bail out! %s: %s\n", name, error.reason);
		exit(1);
	}
	text_free(&text);
	return value;
}

/* Headers: an object of strings, looked up as HTTP does. */
static const char *
object_header(const void *context, const char *name)
{
	struct json_object *headers = (struct json_object *)context;

	json_object_object_foreach(headers, key, value) {
		if (strcasecmp(key, name) == 0)
			return json_object_get_string(value);
	}
	return NULL;
}

static const struct source *
find(const char *name)
{
	return source_find_path(strcmp(name, "github-form") == 0 ? "github" :
	    name);
}

struct vector {
	struct json_object *json;
	const struct source *source;
	const char *secret;
	const char *body;
	size_t len;
	int64_t now;
	bool valid;
};

static struct vector
read_vector(struct json_object *json)
{
	struct json_object *body = json_get(json, "body");
	struct json_object *now = json_get(json, "now");

	return (struct vector){
		.json = json,
		.source = find(json_get_string(json, "sender")),
		.secret = json_get_string(json, "secret"),
		.body = json_object_get_string(body),
		.len = (size_t)json_object_get_string_len(body),
		.now = now == NULL ? NOW :
		    (int64_t)json_object_get_double(now) * 1000,
		.valid = json_object_get_boolean(json_get(json, "valid")),
	};
}

static enum scheme_verdict
verify(const struct vector *v, struct json_object *headers,
    const char *const secrets[SCHEME_SECRETS], struct scheme_result *result)
{
	const struct scheme_delivery delivery = {
		.source = v->source,
		.header = object_header,
		.context = headers,
		.body = v->body,
		.body_len = v->len,
		.secrets = secrets,
		.window_s = v->source->window_s,
		.now = v->now,
	};
	struct json_object *json;
	struct json_error error;
	bool is_fields;
	enum scheme_verdict verdict = scheme_verify(&delivery, result);

	if (verdict == SCHEME_GOOD && sender_read(v->source, v->body, v->len,
	    &json, &is_fields, &error) == 0) {
		verdict = scheme_check_body_time(&delivery, json);
		json_object_put(json);
	}
	return verdict;
}

static enum scheme_verdict
verify_plainly(const struct vector *v, struct json_object *headers)
{
	const char *const secrets[SCHEME_SECRETS] = { v->secret };
	struct scheme_result result;

	return verify(v, headers, secrets, &result);
}

/* The name of the header field in this vector that holds the signature. */
static const char *
signature_header(const struct vector *v)
{
	struct json_object *headers = json_get(v->json, "headers");

	json_object_object_foreach(headers, key, value) {
		(void)value;
		if (strcasecmp(key, v->source->signature_headers[0]) == 0)
			return key;
	}
	return NULL;
}

static struct json_object *
copy_of(struct json_object *object)
{
	struct text text = TEXT_EMPTY;
	struct json_object *copy = NULL;
	struct json_error error;

	json_write(&text, object);
	if (json_read(text_string(&text), text.len, &copy, &error) != 0)
		abort();
	text_free(&text);
	return copy;
}

/* The verdict with another signature header. */
static enum scheme_verdict
verify_header(const struct vector *v, const char *value)
{
	struct json_object *headers = copy_of(json_get(v->json, "headers"));

	json_object_object_add(headers, signature_header(v),
	    json_object_new_string(value));
	enum scheme_verdict verdict = verify_plainly(v, headers);
	json_object_put(headers);
	return verdict;
}

/* Every byte of the signature changed, one at a time. */
static void
check_changed_signature(const struct vector *v, const char *name)
{
	const char *header = json_get_string(json_get(v->json, "headers"),
	    signature_header(v));
	char *changed = strdup(header);
	bool refused = true;

	for (size_t i = 0; changed[i] != '\0'; i++) {
		char old = changed[i];
		changed[i] = old == '0' ? '1' : '0';
		/* What stands beside a good signature may be anything. */
		bool other = strstr(name, "rotation") != NULL ||
		    strstr(name, "several") != NULL ||
		    strstr(header, ",v0=") != NULL;
		/* Bearer is compared without regard to case, to be exact. */
		if (!other && verify_header(v, changed) == SCHEME_GOOD)
			refused = false;
		changed[i] = old;
	}
	ok(refused, "%s: any byte of the signature changed", name);
	free(changed);
}

static void
check_changed_body(const struct vector *v, const char *name)
{
	struct vector other = *v;
	char *body = malloc(v->len + 2);
	bool refused = true;

	memcpy(body, v->body, v->len);
	body[v->len] = ' ';
	body[v->len + 1] = '\0';
	other.body = body;
	for (size_t i = 0; i < v->len; i += 1 + v->len / 64) {
		body[i] ^= 1;
		refused &= verify_plainly(&other, json_get(v->json,
		    "headers")) == SCHEME_MISMATCH;
		body[i] ^= 1;
	}
	other.len++;
	refused &= verify_plainly(&other, json_get(v->json, "headers")) ==
	    SCHEME_MISMATCH;
	ok(refused, "%s: a byte of the body changed, or one more", name);
	free(body);
}

/* Another spelling of the digits is accepted only where it is no other
 * signature: hex in either case. */
static void
check_spelling(const struct vector *v, const char *name)
{
	const char *header = json_get_string(json_get(v->json, "headers"),
	    signature_header(v));
	size_t len = strlen(header);
	char *other = malloc(len + 8);
	bool hex = v->source->encoding == SOURCE_HEX;

	strcpy(other, header);
	for (size_t i = strcspn(other, "="); i < len; i++)
		if (other[i] >= 'a' && other[i] <= 'f' && (i + 1 == len ||
		    strchr("=,;", other[i + 1]) == NULL))
			other[i] = (char)(other[i] - 'a' + 'A');
	if (hex && v->source->delimiter == NULL)
		ok(verify_header(v, other) == SCHEME_GOOD,
		    "%s: upper-case digits", name);
	snprintf(other, len + 8, "%s%s", header, hex ? "0" : "=");
	ok(verify_header(v, other) == SCHEME_MALFORMED, "%s: longer", name);
	snprintf(other, len + 8, "%s", header);
	other[len - 1] = '\0';
	ok(verify_header(v, other) == SCHEME_MALFORMED,
	    "%s: shorter, or without its padding", name);
	free(other);
}

static void
check_rotation(const struct vector *v, const char *name)
{
	const char *const secrets[SCHEME_SECRETS] = { "another", v->secret };
	struct scheme_result result;

	ok(verify(v, json_get(v->json, "headers"), secrets, &result) ==
	    SCHEME_GOOD && result.secret == 1, "%s: by the previous secret",
	    name);
	if (v->source->algorithm == SOURCE_TOKEN)
		return;
	struct text header = TEXT_EMPTY;
	scheme_write_header(v->source, result.signature, result.timestamp,
	    &header);
	ok(result.signature_len == (v->source->algorithm == SOURCE_HMAC_SHA1 ?
	    20 : 32) && verify_header(v, text_string(&header)) == SCHEME_GOOD,
	    "%s: what is stored can be checked again", name);
	text_free(&header);
}

static void
check_vector(struct json_object *json)
{
	const char *name = json_get_string(json, "name");
	struct json_object *headers = json_get(json, "headers");
	struct vector v = read_vector(json);
	struct source renamed;
	bool holds = json_object_get_boolean(json_get(json,
	    "signature_holds"));

	/* Left out: another algorithm. */
	if (strcmp(name, "standard-webhooks-ed25519") == 0)
		v.valid = holds = false;
	/* Whose headers the operator has renamed. */
	if (strcmp(name, "grafana-timestamp") == 0) {
		ok(verify_plainly(&v, headers) == SCHEME_MISSING,
		    "%s: without the settings", name);
		renamed = *v.source;
		renamed.signature_headers[0] = "X-Signature";
		renamed.timestamp = "h:X-Timestamp s";
		v.source = &renamed;
	}
	enum scheme_verdict verdict = verify_plainly(&v, headers);
	ok((verdict == SCHEME_GOOD) == v.valid &&
	    (verdict == SCHEME_STALE) == (holds && !v.valid),
	    "%s", name);
	if (!v.valid)
		return;
	check_rotation(&v, name);
	if (v.source->algorithm == SOURCE_TOKEN)
		return;
	check_changed_signature(&v, name);
	check_changed_body(&v, name);
	if (strcmp(name, "stripe-dotnet") != 0 &&
	    strcmp(name, "stripe-dotnet-at-the-edge") != 0 &&
	    strcmp(name, "stripe-rotation") != 0 &&
	    strcmp(name, "paddle-several") != 0)
		check_spelling(&v, name);
}

/* The time that a body has in it: a minute, either way, and no more. */
static void
check_body_time(struct json_object *json)
{
	static const int64_t apart[] = { 0, 60, -60, 61, -61 };

	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		struct vector v = read_vector(json);
		v.now += apart[i] * 1000;
		ok(verify_plainly(&v, json_get(json, "headers")) == (i < 3 ?
		    SCHEME_GOOD : SCHEME_STALE), "linear: %lld s later",
		    (long long)apart[i]);
	}
}

static void
check_vectors(void)
{
	struct json_object *vectors = read_json_file("vectors.json");
	size_t count = json_object_array_length(vectors);

	ok(count == 46, "46 vectors");
	for (size_t i = 0; i < count; i++) {
		struct json_object *json = json_object_array_get_idx(vectors,
		    i);
		check_vector(json);
		if (strcmp(json_get_string(json, "name"), "linear") == 0)
			check_body_time(json);
	}
	json_object_put(vectors);
}

/* The window: the second at its edge is in, the next is out, on both sides. */
static void
check_window(const struct source *source, const char *secret)
{
	static const struct {
		int offset;
		enum scheme_verdict verdict;
	} cases[] = { { 0, SCHEME_GOOD }, { -1, SCHEME_GOOD },
		{ 1, SCHEME_GOOD }, { -2, SCHEME_STALE },
		{ 2, SCHEME_STALE } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t apart = cases[i].offset == 0 ? 0 :
		    cases[i].offset < 0 ? -source->window_s -
		    (cases[i].offset < -1) : source->window_s +
		    (cases[i].offset > 1);
		struct json_object *headers = json_object_new_object();
		struct text header = TEXT_EMPTY;
		char time[32];
		snprintf(time, sizeof(time), "%lld",
		    (long long)(NOW / 1000 + apart));
		scheme_sign(source, secret, "id", time, "{}", 2, &header);
		json_object_object_add(headers, source->signature_headers[0],
		    json_object_new_string(text_string(&header)));
		char name[SENDER_HEADERS_MAX][SENDER_HEADER_SIZE];
		int count = sender_headers(source, name);
		for (int n = 0; n < count; n++)
			json_object_object_add(headers, name[n],
			    json_object_new_string(source->timestamp[0] ==
			    'h' && n == 0 ? time : "id"));
		const struct vector v = { .source = source, .secret = secret,
			.body = "{}", .len = 2, .now = NOW };
		ok(verify_plainly(&v, headers) == cases[i].verdict,
		    "%s: %lld s from now", source->name, (long long)apart);
		text_free(&header);
		json_object_put(headers);
	}
}

/* What the row of each sender makes can be verified by it. */
static void
check_rows(void)
{
	for (int i = 0; i < SOURCES; i++)
		if (sources[i].timestamp != NULL &&
		    sources[i].timestamp[0] != 'b')
			check_window(&sources[i],
			    sources[i].key == SOURCE_KEY_WHSEC ?
			    "whsec_c2VjcmV0c2VjcmV0" : "secret");
}

/* The headers of a delivery, as an object. */
static struct json_object *
read_headers(const char *name)
{
	struct json_object *headers = json_object_new_object();
	struct text text = read_file(name);

	for (char *line = text.data; line != NULL && *line != '\0';) {
		char *end = strchr(line, '\n');
		if (end != NULL)
			*end = '\0';
		char *colon = strstr(line, ": ");
		if (colon != NULL) {
			*colon = '\0';
			json_object_object_add(headers, line,
			    json_object_new_string(colon + 2));
		}
		line = end == NULL ? NULL : end + 1;
	}
	text_free(&text);
	return headers;
}

static void
add_text(struct text *out, const char *name, const struct text *value)
{
	text_printf(out, "%s: ", name);
	text_add(out, text_string(value), value->len);
	text_puts(out, "\n");
}

/* All that is made of a delivery, as the files of expected events have it. */
static void
write_event(struct text *out, const struct source *source,
    const struct sender_event *event, const struct sender_identity *identity)
{
	static const char *const kinds[] = { "new each time", "by its id",
		"by its bytes" };

	text_printf(out, "type: %s\n", event->type);
	add_text(out, "name", &event->name);
	add_text(out, "session", &event->session);
	add_text(out, "agent", &event->agent);
	text_printf(out, "known: %s%s\n", kinds[identity->kind],
	    identity->has_id && !identity->id_is_signed ? ", with an id that is not signed" : "");
	text_puts(out, "payload: ");
	json_write(out, event->payload);
	text_puts(out, "\n");
	if (strcmp(event->type, "custom") != 0)
		return;
	text_puts(out, "sentence: ");
	describe_sender_add(out, source->name, event->payload);
	text_puts(out, "\n");
}

static void
compare_file(const char *name, const struct text *made)
{
	struct text expected = read_file(name);
	char path[512];

	if (writing) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		FILE *file = fopen(path, "w");
		fwrite(text_string(made), 1, made->len, file);
		fclose(file);
	}
	if (!ok(writing || (expected.len == made->len &&
	    memcmp(text_string(&expected), text_string(made),
	    made->len) == 0), "%s", name))
		printf("# made:\n# %s\n", text_string(made));
	text_free(&expected);
}

static void
convert(const struct sender_delivery *delivery, const char *name,
    const char *ending)
{
	struct sender_identity identity;
	struct sender_event event;
	struct json_object *json;
	struct json_error error;
	struct text made = TEXT_EMPTY;
	bool is_fields;
	char file[512];

	snprintf(file, sizeof(file), "%s.%s", name, ending);
	if (!ok(sender_read(delivery->source, delivery->body,
	    delivery->body_len, &json, &is_fields, &error) == 0,
	    "%s: read", name))
		return;
	struct text answer = TEXT_EMPTY;
	if (delivery->source->handshake != NULL &&
	    delivery->source->handshake(json,
	    "8f742231b10e8888abcd99yyyzzz85a5", &answer)) {
		text_puts(&answer, "\n");
		snprintf(file, sizeof(file), "%s.answer", name);
		compare_file(file, &answer);
	} else if (ok(sender_identify(delivery, json, &identity) == 0 &&
	    sender_convert(delivery, json, is_fields, &event) == 0,
	    "%s: converted", name)) {
		write_event(&made, delivery->source, &event, &identity);
		compare_file(file, &made);
		ok(json_get(event.payload, "omitted") == NULL,
		    "%s: nothing had to be left out for its length", name);
		sender_event_free(&event);
	}
	text_free(&answer);
	text_free(&made);
	json_object_put(json);
}

static void
check_delivery(struct json_object *entry)
{
	char name[256], file[512];

	snprintf(name, sizeof(name), "%s/%s", json_get_string(entry,
	    "sender"), json_get_string(entry, "name"));
	snprintf(file, sizeof(file), "%s.body", name);
	struct text body = read_file(file);
	snprintf(file, sizeof(file), "%s.headers", name);
	struct json_object *headers = read_headers(file);
	const struct vector v = {
		.source = find(json_get_string(entry, "sender")),
		.secret = json_get_string(entry, "secret"),
		.body = text_string(&body),
		.len = body.len,
		.now = NOW,
	};
	struct sender_delivery delivery = {
		.source = v.source,
		.header = object_header,
		.context = headers,
		.body = v.body,
		.body_len = v.len,
		.payload_max = PAYLOAD_MAX,
	};

	ok(verify_plainly(&v, headers) == SCHEME_GOOD, "%s: signature", name);
	convert(&delivery, name, "event");
	delivery.approvals = true;
	if (strstr(name, "deployment_review") != NULL)
		convert(&delivery, name, "approval");
	json_object_put(headers);
	text_free(&body);
}

static void
check_deliveries(void)
{
	struct json_object *manifest = read_json_file("manifest.json");
	size_t count = json_object_array_length(manifest);

	ok(count == 26, "26 deliveries");
	for (size_t i = 0; i < count; i++)
		check_delivery(json_object_array_get_idx(manifest, i));
	json_object_put(manifest);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("SOURCE_DIR");

	if (top == NULL || argc > 2 || digest_init() != 0) {
		fprintf(stderr, "usage: SOURCE_DIR=... %s [write]\n", argv[0]);
		return 64;
	}
	snprintf(folder, sizeof(folder), "%s/tests/captures/third-party", top);
	writing = argc > 1;
	check_vectors();
	check_rows();
	check_deliveries();
	return tap_end();
}
