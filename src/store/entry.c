#include "store/entry.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/merkle.h"
#include "store/entry_format.h"

#define AT(member) offsetof(struct entry, member)

/* --- The format ----------------------------------------------------------- */

static const struct entry_field delivery_fields[] = {
	{ "source", FIELD_CODE, AT(source) },
	{ "scheme", FIELD_CODE_0, AT(scheme) },
	{ "length", FIELD_NUMBER, AT(length) },
	{ "mapping", FIELD_NUMBER, AT(mapping) },
	{ "reason", FIELD_NULL, 0 },
	{ "notes", FIELD_NOTES, AT(notes) },
	{ "address", FIELD_HASH_0, AT(address) },
	{ "delivery", FIELD_HASH, AT(delivery) },
	{ "eventId", FIELD_STRING, AT(event_id) },
	{ "event", FIELD_HASH, AT(event) },
	{ "tenant", FIELD_STRING, AT(tenant) },
	{ "org", FIELD_STRING, AT(org) },
	{ "project", FIELD_STRING_0, AT(project) },
	{ 0 },
};

static const struct entry_field refused_fields[] = {
	{ "source", FIELD_CODE, AT(source) },
	{ "scheme", FIELD_CODE_0, AT(scheme) },
	{ "length", FIELD_NUMBER, AT(length) },
	{ "mapping", FIELD_NUMBER, AT(mapping) },
	{ "reason", FIELD_CODE, AT(reason) },
	{ "notes", FIELD_NOTES, AT(notes) },
	{ "address", FIELD_HASH_0, AT(address) },
	{ "delivery", FIELD_HASH, AT(delivery) },
	{ "eventId", FIELD_NULL, 0 },
	{ "event", FIELD_NULL, 0 },
	{ "tenant", FIELD_STRING_0, AT(tenant) },
	{ "org", FIELD_STRING_0, AT(org) },
	{ "project", FIELD_STRING_0, AT(project) },
	{ 0 },
};

static const struct entry_field accepted_fields[] = {
	{ "of", FIELD_NUMBER_1, AT(of) },
	{ "mapping", FIELD_NUMBER, AT(mapping) },
	{ "notes", FIELD_NOTES, AT(notes) },
	{ "address", FIELD_HASH_0, AT(address) },
	{ "delivery", FIELD_HASH_0, AT(delivery) },
	{ "eventId", FIELD_STRING, AT(event_id) },
	{ "event", FIELD_HASH, AT(event) },
	{ "tenant", FIELD_STRING, AT(tenant) },
	{ "org", FIELD_STRING, AT(org) },
	{ "project", FIELD_STRING_0, AT(project) },
	{ 0 },
};

static const struct entry_field prune_fields[] = {
	{ "what", FIELD_CODE, AT(what) },
	{ "before", FIELD_TIME, AT(before) },
	{ "count", FIELD_NUMBER, AT(count) },
	{ "numbers", FIELD_HASH, AT(numbers) },
	{ 0 },
};

static const struct entry_field erase_fields[] = {
	{ "what", FIELD_CODE, AT(what) },
	{ "count", FIELD_NUMBER, AT(count) },
	{ "numbers", FIELD_HASH, AT(numbers) },
	{ 0 },
};

static const struct entry_field takeover_fields[] = {
	{ "sessions", FIELD_NUMBER, AT(sessions) },
	{ "events", FIELD_NUMBER, AT(events) },
	{ "root", FIELD_HASH, AT(root) },
	{ 0 },
};

static const struct entry_field key_open_fields[] = {
	{ "commit", FIELD_HASH, AT(commit) },
	{ "size", FIELD_NUMBER, AT(size) },
	{ "root", FIELD_HASH, AT(root) },
	{ 0 },
};

static const struct entry_field key_close_fields[] = {
	{ "next", FIELD_WRITER, AT(next) },
	{ "commit", FIELD_HASH, AT(commit) },
	{ 0 },
};

static const struct entry_field gap_fields[] = {
	{ "why", FIELD_CODE, AT(why) },
	{ "lost", FIELD_LOST, AT(lost_first) },
	{ 0 },
};

const struct entry_format entry_formats[ENTRY_KINDS] = {
	[ENTRY_DELIVERY] = { "delivery", delivery_fields },
	[ENTRY_REFUSED] = { "refused", refused_fields },
	[ENTRY_ACCEPTED] = { "accepted", accepted_fields },
	[ENTRY_PRUNE] = { "prune", prune_fields },
	[ENTRY_ERASE] = { "erase", erase_fields },
	[ENTRY_TAKEOVER] = { "takeover", takeover_fields },
	[ENTRY_KEY_OPEN] = { "key-open", key_open_fields },
	[ENTRY_KEY_CLOSE] = { "key-close", key_close_fields },
	[ENTRY_GAP] = { "gap", gap_fields },
};

static const char *const note_names[ENTRY_NOTES] = {
	[ENTRY_NOTE_ID_REUSED] = "id-reused",
	[ENTRY_NOTE_TIME_MOVED] = "time-moved",
	[ENTRY_NOTE_SESSION_KEPT] = "session-kept",
};

static const char *const labels[ENTRY_PARTS] = {
	[ENTRY_PART_ADDRESS] = "agentlens address v1",
	[ENTRY_PART_DELIVERY] = "agentlens delivery v1",
	[ENTRY_PART_EVENT] = "agentlens event v1",
	[ENTRY_PART_SESSION] = "agentlens session v1",
};

const char *
entry_kind_name(enum entry_kind kind)
{
	return entry_formats[kind].name;
}

enum entry_kind
entry_kind_find(const char *name)
{
	enum entry_kind kind = 0;

	while (kind < ENTRY_KINDS &&
	    strcmp(entry_formats[kind].name, name) != 0)
		kind++;
	return kind;
}

const char *
entry_note_name(enum entry_note note)
{
	return note_names[note];
}

bool
entry_is_code(const char *code)
{
	size_t len = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len <= ENTRY_CODE_MAX && code[len] == '\0';
}

/* --- Values --------------------------------------------------------------- */

static int
put_number(struct text *out, int64_t number, int64_t least)
{
	char digits[20];
	size_t at = sizeof(digits);
	int64_t left = number;

	if (number < least || number > ENTRY_NUMBER_MAX)
		return -1;
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	text_add(out, digits + at, sizeof(digits) - at);
	return 0;
}

static int
put_string(struct text *out, const char *string)
{
	size_t len;

	if (string == NULL)
		return -1;
	len = strlen(string);
	if (text_utf8(string, len) != len)
		return -1;
	json_write_string(out, string, len);
	return 0;
}

static int
put_code(struct text *out, const char *code)
{
	if (code == NULL || !entry_is_code(code))
		return -1;
	text_add(out, "\"", 1);
	text_puts(out, code);
	text_add(out, "\"", 1);
	return 0;
}

static void
put_hex(struct text *out, const unsigned char *bytes, size_t len)
{
	text_add(out, "\"", 1);
	hex_add(out, bytes, len);
	text_add(out, "\"", 1);
}

static int
put_hash(struct text *out, const unsigned char *hash)
{
	if (hash == NULL)
		return -1;
	put_hex(out, hash, DIGEST_BYTES);
	return 0;
}

static int
put_writer(struct text *out, uint64_t writer)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(writer >> (56 - 8 * i));
	put_hex(out, bytes, sizeof(bytes));
	return 0;
}

static int
put_notes(struct text *out, unsigned notes)
{
	const char *separator = "[";

	if (notes >> ENTRY_NOTES != 0)
		return -1;
	for (int i = 0; i < ENTRY_NOTES; i++)
		if ((notes >> i & 1) != 0) {
			text_puts(out, separator);
			put_code(out, note_names[i]);
			separator = ",";
		}
	text_puts(out, notes == 0 ? "[]" : "]");
	return 0;
}

static int
put_null(struct text *out)
{
	text_puts(out, "null");
	return 0;
}

static int
put_lost(struct text *out, int64_t first, int64_t last)
{
	if (first == 0)
		return put_null(out);
	text_add(out, "[", 1);
	if (put_number(out, first, 1) != 0)
		return -1;
	text_add(out, ",", 1);
	if (put_number(out, last, first) != 0)
		return -1;
	text_add(out, "]", 1);
	return 0;
}

/* --- The text ------------------------------------------------------------- */

static int
put_field(struct text *out, const struct entry_field *field, const void *at)
{
	const int64_t *number = at;
	const char *const *string = at;
	const unsigned char *const *hash = at;

	switch (field->type) {
	case FIELD_NUMBER:
		return put_number(out, *number, 0);
	case FIELD_NUMBER_1:
		return put_number(out, *number, 1);
	case FIELD_TIME:
		return *number < 0 ? put_null(out) :
		    put_number(out, *number, 0);
	case FIELD_CODE:
		return put_code(out, *string);
	case FIELD_CODE_0:
		return *string == NULL ? put_null(out) :
		    put_code(out, *string);
	case FIELD_STRING:
		return put_string(out, *string);
	case FIELD_STRING_0:
		return *string == NULL ? put_null(out) :
		    put_string(out, *string);
	case FIELD_HASH:
		return put_hash(out, *hash);
	case FIELD_HASH_0:
		return *hash == NULL ? put_null(out) : put_hash(out, *hash);
	case FIELD_WRITER:
		return put_writer(out, *(const uint64_t *)at);
	case FIELD_NOTES:
		return put_notes(out, *(const unsigned *)at);
	case FIELD_LOST:
		return put_lost(out, number[0], number[1]);
	case FIELD_NULL:
		return put_null(out);
	}
	return -1;
}

/* What every kind begins with. */
static int
put_head(struct text *out, const struct entry *entry)
{
	int result = 0;

	text_puts(out, "{\"v\":1,\"number\":");
	result |= put_number(out, entry->number, 1);
	text_puts(out, ",\"writer\":");
	if (entry->keyed)
		put_writer(out, entry->writer);
	else
		put_null(out);
	text_puts(out, ",\"turn\":");
	result |= entry->keyed ? put_number(out, entry->turn, 1) :
	    put_null(out);
	text_puts(out, ",\"kind\":\"");
	text_puts(out, entry_formats[entry->kind].name);
	text_puts(out, "\",\"received\":");
	result |= put_number(out, entry->received, 0);
	return result;
}

int
entry_write(const struct entry *entry, struct text *out)
{
	size_t before = out->len;
	int result = -1;

	if ((unsigned)entry->kind < ENTRY_KINDS) {
		const struct entry_field *field =
		    entry_formats[entry->kind].fields;
		result = put_head(out, entry);
		for (; field->name != NULL && result == 0; field++) {
			text_puts(out, ",\"");
			text_puts(out, field->name);
			text_puts(out, "\":");
			result = put_field(out, field,
			    (const char *)entry + field->offset);
		}
		text_puts(out, "}");
	}
	if (result == 0 && !out->failed)
		return 0;
	text_truncate(out, before);
	return -1;
}

int
entry_leaf(const struct entry *entry, struct text *text,
    unsigned char leaf[DIGEST_BYTES])
{
	text_truncate(text, 0);
	if (entry_write(entry, text) != 0)
		return -1;
	return merkle_leaf(text->data, text->len, leaf);
}

/* --- Commitments ---------------------------------------------------------- */

int
entry_commit(enum entry_part part, const unsigned char salt[ENTRY_SALT_BYTES],
    const void *data, size_t len, unsigned char commitment[DIGEST_BYTES])
{
	/* The label's NUL is the 0x00 behind it. */
	const struct iovec parts[] = {
		{ (void *)labels[part], strlen(labels[part]) + 1 },
		{ (void *)salt, ENTRY_SALT_BYTES }, { (void *)data, len },
	};

	return digest_sha256(parts, 3, commitment);
}

/* Each byte as the character of its number: as the Fetch standard decodes a
 * header's value, "isomorphic". */
static void
put_header_value(struct text *out, const char *value)
{
	struct text decoded = TEXT_EMPTY;

	for (const unsigned char *c = (const unsigned char *)value; *c != 0;
	    c++) {
		const char pair[2] = { (char)(0xc0 | *c >> 6),
			(char)(0x80 | (*c & 0x3f)) };
		if (*c < 0x80)
			text_add(&decoded, c, 1);
		else
			text_add(&decoded, pair, 2);
	}
	out->failed |= decoded.failed;
	json_write_string(out, text_string(&decoded), decoded.len);
	text_free(&decoded);
}

static int
put_headers(struct text *out, const struct entry_header *headers,
    size_t count)
{
	text_puts(out, "[");
	for (size_t i = 0; i < count; i++) {
		text_puts(out, i == 0 ? "[" : ",[");
		if (put_string(out, headers[i].name) != 0)
			return -1;
		text_puts(out, ",");
		put_header_value(out, headers[i].value);
		text_puts(out, "]");
	}
	text_puts(out, "]");
	return 0;
}

int
entry_write_delivery(const struct entry_delivery *delivery, struct text *out)
{
	size_t before = out->len;
	int result;

	text_puts(out, "{\"body\":");
	put_hex(out, delivery->body, DIGEST_BYTES);
	text_puts(out, ",\"keyId\":");
	result = delivery->key_id == NULL ? put_null(out) :
	    put_code(out, delivery->key_id);
	text_puts(out, ",\"signature\":");
	if (delivery->signature == NULL)
		put_null(out);
	else
		put_hex(out, delivery->signature, delivery->signature_len);
	text_puts(out, ",\"headers\":");
	result |= put_headers(out, delivery->headers, delivery->headers_count);
	text_puts(out, ",\"idempotencyKey\":");
	if (delivery->idempotency_key == NULL)
		put_null(out);
	else
		put_hex(out, delivery->idempotency_key, DIGEST_BYTES);
	text_puts(out, "}");
	if (result == 0 && !out->failed)
		return 0;
	text_truncate(out, before);
	return -1;
}

int
entry_write_session(const char *tenant, const char *session, int64_t count,
    const char *hash, struct text *out)
{
	size_t before = out->len;
	int result;

	text_puts(out, "[");
	result = put_string(out, tenant);
	text_puts(out, ",");
	result |= put_string(out, session);
	text_puts(out, ",");
	result |= put_number(out, count, 0);
	text_puts(out, ",");
	result |= put_string(out, hash);
	text_puts(out, "]");
	if (result == 0 && !out->failed)
		return 0;
	text_truncate(out, before);
	return -1;
}

void
entry_numbers_add(struct digest_stream *stream, int64_t number)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
	digest_stream_add(stream, bytes, sizeof(bytes));
}
