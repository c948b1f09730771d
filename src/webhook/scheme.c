#include "webhook/scheme.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/hex.h"
#include "webhook/form.h"
#include "webhook/locator.h"

/* Pieces of a template. */
#define PARTS_MAX 7

#define KEY_BYTES_MAX 4096

#define WHSEC "whsec_"

/* A signature header, cut at its delimiters. */
struct fields {
	const char *at;
	const char *delimiter; /* or NULL: one field */
};

struct field {
	const char *at;
	size_t len;
};

/* What a template's names stand for. */
struct values {
	struct field id;
	struct field timestamp;
	struct field body;
};

static bool
next_field(struct fields *fields, struct field *field)
{
	if (fields->at == NULL)
		return false;
	const char *end = fields->delimiter == NULL ? NULL :
	    strstr(fields->at, fields->delimiter);
	field->at = fields->at + strspn(fields->at, " \t");
	field->len = end == NULL ? strlen(field->at) :
	    end > field->at ? (size_t)(end - field->at) : 0;
	while (field->len > 0 && strchr(" \t", field->at[field->len - 1]))
		field->len--;
	fields->at = end == NULL ? NULL : end + strlen(fields->delimiter);
	return true;
}

/* Takes a prefix off; false when the field has another. */
static bool
take_prefix(struct field *field, const char *prefix, size_t len)
{
	if (field->len < len || memcmp(field->at, prefix, len) != 0)
		return false;
	field->at += len;
	field->len -= len;
	return true;
}

static const char *
find_header(const struct scheme_delivery *d, struct scheme_result *result)
{
	const char *value = NULL;

	for (int i = 0; i < SOURCE_HEADERS_MAX && value == NULL &&
	    d->source->signature_headers[i] != NULL; i++) {
		result->header = d->source->signature_headers[i];
		value = d->header(d->context, result->header);
	}
	if (value == NULL)
		result->header = d->source->signature_headers[0];
	return value;
}

/* The value of a header, or of a field of the signature header. */
static struct field
find_value(const struct scheme_delivery *d, const char *text,
    const char *signature)
{
	struct locator locator = locator_read(text);
	struct fields fields = { signature, d->source->delimiter };
	struct field field = { 0 };
	char name[128];

	if (locator.place == LOCATOR_HEADER &&
	    locator_header_name(text, name, sizeof(name))) {
		field.at = d->header(d->context, name);
		field.len = field.at == NULL ? 0 : strlen(field.at);
	} else if (locator.place == LOCATOR_SIGNATURE) {
		while (next_field(&fields, &field))
			if (take_prefix(&field, locator.name, locator.len))
				return field;
		field = (struct field){ 0 };
	}
	return field;
}

static const struct field *
value_named(const struct values *values, const char *name, size_t len)
{
	const struct {
		const char *name;
		const struct field *value;
	} names[] = {
		{ "id", &values->id },
		{ "timestamp", &values->timestamp },
		{ "body", &values->body },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len &&
		    memcmp(names[i].name, name, len) == 0)
			return names[i].value;
	return NULL;
}

/*
 * Fills in the template of what is signed.  Returns how many parts it has, or
 * 0 when a value that it needs is missing.
 */
static int
fill_in(const char *at, const struct values *values,
    struct iovec parts[PARTS_MAX])
{
	int count = 0, before = -1; /* where a part in brackets began */

	while (*at != '\0' && count < PARTS_MAX) {
		size_t len = strcspn(at, "{[]");
		if (len > 0) {
			parts[count++] = (struct iovec){ (void *)at, len };
			at += len;
			continue;
		}
		if (*at != '{') {
			before = *at++ == '[' ? count : -1;
			continue;
		}
		len = strcspn(++at, "}");
		const struct field *value = value_named(values, at, len);
		at += len + (at[len] == '}');
		if (value != NULL && value->at != NULL) {
			parts[count++] = (struct iovec){ (void *)value->at,
				value->len };
		} else if (before >= 0) {
			count = before;
			at += strcspn(at, "]");
		} else {
			return 0;
		}
	}
	return *at == '\0' ? count : 0;
}

static enum digest_algorithm
algorithm_of(const struct source *source)
{
	return source->algorithm == SOURCE_HMAC_SHA1 ? DIGEST_SHA1 :
	    DIGEST_SHA256;
}

/* The key's bytes; false when the secret is none. */
static bool
read_key(const struct source *source, const char *secret,
    unsigned char key[KEY_BYTES_MAX], size_t *len)
{
	*len = strlen(secret);
	if (*len > KEY_BYTES_MAX)
		return false;
	if (source->key == SOURCE_KEY_TEXT) {
		memcpy(key, secret, *len);
		return true;
	}
	if (strncmp(secret, WHSEC, strlen(WHSEC)) == 0)
		secret += strlen(WHSEC);
	return base64_read(secret, strlen(secret), key, KEY_BYTES_MAX,
	    len) == 0 && *len > 0;
}

bool
scheme_is_key(const struct source *source, const char *secret)
{
	unsigned char key[KEY_BYTES_MAX];
	size_t len;
	bool good = read_key(source, secret, key, &len);

	explicit_bzero(key, sizeof(key));
	return good;
}

/* Returns 0, 1 when the secret is no key, -1 when libgcrypt fails. */
static int
compute(const struct source *source, const char *secret,
    const struct iovec *parts, int count, unsigned char mac[DIGEST_BYTES])
{
	unsigned char key[KEY_BYTES_MAX];
	size_t len;
	int result = 1;

	if (read_key(source, secret, key, &len))
		result = digest_hmac(algorithm_of(source), key, len, parts,
		    count, mac);
	explicit_bzero(key, sizeof(key));
	return result;
}

static bool
decode(const struct source *source, const struct field *field,
    unsigned char signature[DIGEST_BYTES])
{
	size_t size = digest_size(algorithm_of(source));

	if (source->encoding == SOURCE_BASE64)
		return base64_read_exactly(field->at, field->len, signature,
		    size) == 0;
	return field->len == 2 * size &&
	    hex_read(field->at, signature, size) == 0;
}

int
scheme_read(const struct source *source, const char *header,
    unsigned char signatures[SCHEME_SIGNATURES_MAX][DIGEST_BYTES])
{
	struct fields fields = { header, source->delimiter };
	struct field field;
	int count = 0;

	while (count < SCHEME_SIGNATURES_MAX && next_field(&fields, &field)) {
		if (source->prefix != NULL && !take_prefix(&field,
		    source->prefix, strlen(source->prefix)) &&
		    source->prefix_use == SOURCE_PREFIX_NEEDED)
			continue;
		memset(signatures[count], 0, DIGEST_BYTES);
		if (decode(source, &field, signatures[count]))
			count++;
	}
	return count;
}

/* Whole digests are compared, the unused end of a short one being zero. */
static enum scheme_verdict
compare(const struct scheme_delivery *d, const char *header,
    const struct iovec *parts, int count, struct scheme_result *result)
{
	unsigned char signatures[SCHEME_SIGNATURES_MAX][DIGEST_BYTES];
	int given = scheme_read(d->source, header, signatures);
	enum scheme_verdict verdict = given == 0 ? SCHEME_MALFORMED :
	    SCHEME_MISMATCH;

	for (int i = 0; given > 0 && i < SCHEME_SECRETS; i++) {
		unsigned char mac[DIGEST_BYTES] = { 0 };
		if (d->secrets[i] == NULL)
			continue;
		int computed = compute(d->source, d->secrets[i], parts, count,
		    mac);
		if (computed < 0)
			verdict = SCHEME_FAILED;
		for (int n = 0; computed == 0 && n < given; n++)
			if (digest_equal(signatures[n], mac)) {
				result->secret = i;
				memcpy(result->signature, mac, DIGEST_BYTES);
				result->signature_len = digest_size(
				    algorithm_of(d->source));
				return SCHEME_GOOD;
			}
	}
	return verdict;
}

/* Digests of both are compared, so that no time depends on the secret. */
static enum scheme_verdict
compare_token(const struct scheme_delivery *d, const char *header,
    struct scheme_result *result)
{
	const char *prefix = d->source->prefix;
	unsigned char given[DIGEST_BYTES], known[DIGEST_BYTES];

	/* "Bearer" is the name of a scheme, which has no case (RFC 9110). */
	if (prefix != NULL) {
		if (strncasecmp(header, prefix, strlen(prefix)) != 0)
			return SCHEME_MALFORMED;
		header += strlen(prefix);
	}
	struct iovec part = { (void *)header, strlen(header) };
	if (digest_sha256(&part, 1, given) != 0)
		return SCHEME_FAILED;
	for (int i = 0; i < SCHEME_SECRETS; i++) {
		if (d->secrets[i] == NULL)
			continue;
		part = (struct iovec){ (void *)d->secrets[i],
			strlen(d->secrets[i]) };
		if (digest_sha256(&part, 1, known) != 0)
			return SCHEME_FAILED;
		if (digest_equal(given, known)) {
			result->secret = i;
			return SCHEME_GOOD;
		}
	}
	return SCHEME_MISMATCH;
}

/* A whole number of at most 15 digits, in the unit, as ms. */
static bool
read_time(const struct field *field, int64_t unit_ms, int64_t *ms)
{
	int64_t number = 0;

	if (field->len == 0 || field->len > 15)
		return false;
	for (size_t i = 0; i < field->len; i++) {
		if (field->at[i] < '0' || field->at[i] > '9')
			return false;
		number = 10 * number + (field->at[i] - '0');
	}
	*ms = number * unit_ms;
	return true;
}

static bool
in_window(const struct scheme_delivery *d, int64_t ms)
{
	/* In whole seconds, as senders count, so that the edge can be met. */
	int64_t apart = ms / 1000 - d->now / 1000;

	return (apart < 0 ? -apart : apart) <= d->window_s;
}

/* Checks a signature over a template. */
static enum scheme_verdict
verify_signature(const struct scheme_delivery *d, const char *header,
    struct field body, struct scheme_result *result)
{
	const struct source *source = d->source;
	struct values values = { .body = body };
	struct iovec parts[PARTS_MAX];
	int64_t ms = 0;

	values.timestamp = find_value(d, source->timestamp, header);
	values.id = find_value(d, source->delivery_id, header);
	if (locator_read(source->timestamp).place == LOCATOR_SIGNATURE)
		snprintf(result->timestamp, sizeof(result->timestamp), "%.*s",
		    (int)values.timestamp.len, values.timestamp.at == NULL ?
		    "" : values.timestamp.at);
	bool has_time = values.timestamp.at != NULL;
	if (has_time && !read_time(&values.timestamp,
	    locator_read(source->timestamp).unit_ms, &ms))
		return SCHEME_MALFORMED;
	int count = fill_in(source->signed_text, &values, parts);
	if (count == 0)
		return SCHEME_MISSING;
	enum scheme_verdict verdict = compare(d, header, parts, count, result);
	if (verdict == SCHEME_GOOD && has_time && !in_window(d, ms))
		verdict = SCHEME_STALE;
	return verdict;
}

enum scheme_verdict
scheme_verify(const struct scheme_delivery *d, struct scheme_result *result)
{
	struct field body = { d->body, d->body_len };
	struct text inner = TEXT_EMPTY;

	*result = (struct scheme_result){ .verdict = SCHEME_MISSING };
	const char *header = find_header(d, result);
	if (header == NULL)
		return result->verdict;
	if (d->source->algorithm == SOURCE_TOKEN)
		return result->verdict = compare_token(d, header, result);
	if (d->source->form_field_is_signed &&
	    form_is_one(d->body, d->body_len) &&
	    form_add_field(&inner, d->body, d->body_len,
	    d->source->form_field))
		body = (struct field){ text_string(&inner), inner.len };
	result->verdict = inner.failed ? SCHEME_FAILED :
	    verify_signature(d, header, body, result);
	text_free(&inner);
	return result->verdict;
}

enum scheme_verdict
scheme_check_body_time(const struct scheme_delivery *d,
    struct json_object *body)
{
	struct locator locator = locator_read(d->source->timestamp);
	struct text text = TEXT_EMPTY;
	int64_t ms;
	bool stale = false;

	if (locator.place == LOCATOR_BODY) {
		const struct locator_scope scope = { d->header, d->context,
			body };
		char name[sizeof("b:") + 128];
		snprintf(name, sizeof(name), "b:%.*s", (int)locator.len,
		    locator.name);
		locator_add(&text, name, &scope);
		const struct field field = { text_string(&text), text.len };
		stale = read_time(&field, locator.unit_ms, &ms) &&
		    !in_window(d, ms);
	}
	text_free(&text);
	return stale ? SCHEME_STALE : SCHEME_GOOD;
}

void
scheme_write_header(const struct source *source,
    const unsigned char *signature, const char *timestamp, struct text *out)
{
	struct locator time = locator_read(source->timestamp);
	size_t size = digest_size(algorithm_of(source));

	if (time.place == LOCATOR_SIGNATURE && timestamp != NULL) {
		text_add(out, time.name, time.len);
		text_puts(out, timestamp);
		text_puts(out, source->delimiter);
	}
	if (source->prefix != NULL &&
	    source->prefix_use != SOURCE_PREFIX_TAKEN)
		text_puts(out, source->prefix);
	if (source->encoding == SOURCE_BASE64)
		base64_write(out, signature, size);
	else
		hex_add(out, signature, size);
}

int
scheme_sign(const struct source *source, const char *secret, const char *id,
    const char *timestamp, const char *body, size_t body_len,
    struct text *out)
{
	const struct values values = {
		.id = { id, id == NULL ? 0 : strlen(id) },
		.timestamp = { timestamp,
		    timestamp == NULL ? 0 : strlen(timestamp) },
		.body = { body, body_len },
	};
	struct iovec parts[PARTS_MAX];
	unsigned char mac[DIGEST_BYTES];

	if (source->algorithm == SOURCE_TOKEN) {
		text_puts(out, source->prefix == NULL ? "" : source->prefix);
		text_puts(out, secret);
		return out->failed ? -1 : 0;
	}
	int count = fill_in(source->signed_text, &values, parts);
	if (count == 0 || compute(source, secret, parts, count, mac) != 0)
		return -1;
	scheme_write_header(source, mac, timestamp, out);
	return out->failed ? -1 : 0;
}
