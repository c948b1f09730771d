#include "audit/tlog_proof.h"

#include <stdlib.h>
#include <string.h>

#include "audit/tlog_lines.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/json.h"

#define TITLE "c2sp.org/tlog-proof@v1"

/* Of "extra", by the part. */
static const char *const part_names[] = {
	[ENTRY_PART_ADDRESS] = "address",
	[ENTRY_PART_DELIVERY] = "delivery",
	[ENTRY_PART_EVENT] = "event",
};
#define PARTS (sizeof(part_names) / sizeof(part_names[0]))

static const char out_of_memory[] = "out of memory";

/* --- Writing -------------------------------------------------------------- */

static void
put_base64(struct text *out, const void *bytes, size_t len)
{
	text_puts(out, "\"");
	base64_write(out, bytes, len);
	text_puts(out, "\"");
}

/* {"v":1,"entry":text,"address":{"salt":base64,"data":base64} or null,"delivery":…,
 * "event":…,"disclosed":{"event":text or null,"body":base64 or null}} */
static void
write_extra(const struct tlog_proof *proof, struct text *out)
{
	text_puts(out, "{\"v\":1,\"entry\":");
	json_write_string(out, text_string(&proof->entry), proof->entry.len);
	for (size_t i = 0; i < PARTS; i++) {
		const struct tlog_opening *opening = &proof->openings[i];
		text_printf(out, ",\"%s\":", part_names[i]);
		if (!opening->present) {
			text_puts(out, "null");
			continue;
		}
		text_puts(out, "{\"salt\":");
		put_base64(out, opening->salt, sizeof(opening->salt));
		text_puts(out, ",\"data\":");
		put_base64(out, opening->data.data, opening->data.len);
		text_puts(out, "}");
	}
	text_puts(out, ",\"disclosed\":{\"event\":");
	if (proof->has_event)
		json_write_string(out, text_string(&proof->event),
		    proof->event.len);
	else
		text_puts(out, "null");
	text_puts(out, ",\"body\":");
	if (proof->has_body)
		put_base64(out, proof->body.data, proof->body.len);
	else
		text_puts(out, "null");
	text_puts(out, "}}");
}

/* The path, an empty line, and the checkpoint as it is. */
static void
write_tail(struct text *out, const unsigned char path[][DIGEST_BYTES],
    int count, const char *checkpoint, size_t len)
{
	for (int i = 0; i < count; i++) {
		base64_write(out, path[i], DIGEST_BYTES);
		text_puts(out, "\n");
	}
	text_puts(out, "\n");
	text_add(out, checkpoint, len);
}

int
tlog_proof_write(const struct tlog_proof *proof, struct text *out)
{
	struct text extra = TEXT_EMPTY;

	write_extra(proof, &extra);
	text_puts(out, TITLE "\nextra ");
	base64_write(out, extra.data, extra.len);
	text_printf(out, "\nindex %lld\n", (long long)proof->index);
	write_tail(out, proof->path, proof->path_count, proof->checkpoint,
	    proof->checkpoint_len);
	out->failed |= extra.failed;
	text_free(&extra);
	return out->failed ? -1 : 0;
}

/* --- Reading -------------------------------------------------------------- */

/* Appends what is base 64.  Returns 0 or -1. */
static int
take_base64(const char *text, size_t len, struct text *out)
{
	size_t bytes_len;

	if (text_reserve(out, len) != 0 ||
	    base64_read(text, len, (unsigned char *)out->data + out->len,
	    len / 4 * 3, &bytes_len) != 0)
		return -1;
	out->len += bytes_len;
	out->data[out->len] = '\0';
	return 0;
}

/* A string of JSON with base 64 in it, or with the text itself. */
static int
take_member(struct json_object *object, const char *name, bool base64,
    struct text *out)
{
	struct json_object *value = json_get(object, name);

	if (!json_is_string(value))
		return -1;
	const char *string = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);
	if (base64)
		return take_base64(string, len, out);
	text_add(out, string, len);
	return out->failed ? -1 : 0;
}

static int
take_opening(struct json_object *value, struct tlog_opening *opening)
{
	struct text salt = TEXT_EMPTY;
	int result = -1;

	if (value == NULL)
		return 0;
	if (take_member(value, "salt", true, &salt) == 0 &&
	    salt.len == sizeof(opening->salt) &&
	    take_member(value, "data", true, &opening->data) == 0) {
		memcpy(opening->salt, salt.data, sizeof(opening->salt));
		opening->present = true;
		result = 0;
	}
	text_free(&salt);
	return result;
}

static int
take_disclosed(struct json_object *disclosed, struct tlog_proof *proof)
{
	proof->has_event = json_get(disclosed, "event") != NULL;
	proof->has_body = json_get(disclosed, "body") != NULL;
	if (proof->has_event &&
	    take_member(disclosed, "event", false, &proof->event) != 0)
		return -1;
	return !proof->has_body ? 0 :
	    take_member(disclosed, "body", true, &proof->body);
}

static int
take_extra(struct tlog_proof *proof, const char *base64, size_t len)
{
	struct text text = TEXT_EMPTY, written = TEXT_EMPTY;
	struct json_object *json = NULL;
	struct json_error error;
	int result = -1;

	if (take_base64(base64, len, &text) == 0 && text.len > 0 &&
	    json_read(text.data, text.len, &json, &error) == 0 &&
	    take_member(json, "entry", false, &proof->entry) == 0) {
		result = take_disclosed(json_get(json, "disclosed"), proof);
		for (size_t i = 0; i < PARTS; i++)
			result |= take_opening(json_get(json, part_names[i]),
			    &proof->openings[i]);
	}
	/* So that there are no two ways to write a proof. */
	if (result == 0) {
		write_extra(proof, &written);
		if (written.failed || written.len != text.len ||
		    memcmp(written.data, text.data, text.len) != 0)
			result = -1;
	}
	json_object_put(json);
	text_free(&written);
	text_free(&text);
	return result;
}

const char *
tlog_proof_read(struct tlog_proof *proof, const char *text, size_t len)
{
	struct tlog_lines lines = { text, text + len };
	const char *line;
	size_t line_len;

	memset(proof, 0, sizeof(*proof));
	if (!tlog_next(&lines, &line, &line_len) ||
	    line_len != strlen(TITLE) || memcmp(line, TITLE, line_len) != 0)
		return "it is no proof: its first line is not " TITLE;
	if (!tlog_next(&lines, &line, &line_len) ||
	    !tlog_skip(&line, &line_len, "extra"))
		return "it has no line \"extra\", which holds the entry";
	if (take_extra(proof, line, line_len) != 0)
		return "its line \"extra\" is not what it should be";
	if (!tlog_next(&lines, &line, &line_len) ||
	    !tlog_skip(&line, &line_len, "index") ||
	    text_read_number(line, line_len, ENTRY_NUMBER_MAX,
	    &proof->index) != 0)
		return "it has no line \"index\" with a number";
	proof->path_count = tlog_hashes(&lines, proof->path, TLOG_PATH_MAX);
	if (proof->path_count < 0)
		return "its path is not lines of one hash each and an empty "
		    "line";
	proof->checkpoint = lines.at;
	proof->checkpoint_len = (size_t)(lines.end - lines.at);
	return NULL;
}

void
tlog_proof_free(struct tlog_proof *proof)
{
	for (size_t i = 0; i < PARTS; i++)
		text_free(&proof->openings[i].data);
	text_free(&proof->entry);
	text_free(&proof->event);
	text_free(&proof->body);
}

/* --- Checking ------------------------------------------------------------- */

static const char *
check_openings(const struct tlog_proof *proof, const struct entry *entry)
{
	const unsigned char *const commitments[PARTS] = {
		[ENTRY_PART_ADDRESS] = entry->address,
		[ENTRY_PART_DELIVERY] = entry->delivery,
		[ENTRY_PART_EVENT] = entry->event,
	};
	unsigned char made[DIGEST_BYTES];

	for (size_t i = 0; i < PARTS; i++) {
		const struct tlog_opening *opening = &proof->openings[i];
		if (!opening->present)
			continue;
		if (entry_commit((enum entry_part)i, opening->salt,
		    text_string(&opening->data), opening->data.len, made) != 0)
			return out_of_memory;
		if (commitments[i] == NULL ||
		    memcmp(made, commitments[i], sizeof(made)) != 0)
			return "what it opens is not what the entry is "
			    "committed to";
	}
	return NULL;
}

static int
hash_hex(const struct text *text, char hex[DIGEST_HEX_SIZE])
{
	const struct iovec part = { (void *)text_string(text), text->len };
	unsigned char digest[DIGEST_BYTES];

	if (digest_sha256(&part, 1, digest) != 0)
		return -1;
	hex_write(digest, DIGEST_BYTES, hex);
	return 0;
}

/* Whether a member of JSON text is this string. */
static bool
has_member(const struct text *text, const char *name, const char *value)
{
	struct json_object *json = NULL;
	struct json_error error;
	bool same = false;

	if (text->len > 0 &&
	    json_read(text->data, text->len, &json, &error) == 0) {
		const char *is = json_get_string(json, name);
		same = is != NULL && strcmp(is, value) == 0;
	}
	json_object_put(json);
	return same;
}

static const char *
check_event(const struct tlog_proof *proof, const struct entry *entry)
{
	const struct tlog_opening *opening =
	    &proof->openings[ENTRY_PART_EVENT];
	char hex[DIGEST_HEX_SIZE];

	if (!proof->has_event)
		return NULL;
	if (hash_hex(&proof->event, hex) != 0)
		return out_of_memory;
	if (!opening->present || opening->data.len != strlen(hex) ||
	    memcmp(opening->data.data, hex, opening->data.len) != 0)
		return "the event that it discloses is not the entry's";
	if (entry->event_id == NULL ||
	    !has_member(&proof->event, "id", entry->event_id))
		return "the event that it discloses has another id";
	return NULL;
}

static const char *
check_body(const struct tlog_proof *proof, const struct entry *entry)
{
	const struct tlog_opening *opening =
	    &proof->openings[ENTRY_PART_DELIVERY];
	char hex[DIGEST_HEX_SIZE];

	if (!proof->has_body)
		return NULL;
	if (hash_hex(&proof->body, hex) != 0)
		return out_of_memory;
	if (!opening->present || !has_member(&opening->data, "body", hex) ||
	    (entry->kind != ENTRY_ACCEPTED &&
	    entry->length != (int64_t)proof->body.len))
		return "the body that it discloses is not the delivery's";
	return NULL;
}

const char *
tlog_proof_check(const struct tlog_proof *proof,
    const struct checkpoint *checkpoint, struct entry *entry,
    struct entry_storage *storage)
{
	unsigned char path[TLOG_PATH_MAX][DIGEST_BYTES], leaf[DIGEST_BYTES];
	const char *why;

	if (entry_read(text_string(&proof->entry), proof->entry.len, entry,
	    storage) != 0)
		return "the entry's text is none that a journal holds";
	if (entry->number != proof->index + 1)
		return "the entry's number is not that of the index";
	if (proof->index >= checkpoint->size)
		return "the entry came after the checkpoint";
	if (merkle_leaf(proof->entry.data, proof->entry.len, leaf) != 0)
		return out_of_memory;
	memcpy(path, proof->path, sizeof(path));
	if (!merkle_includes((uint64_t)proof->index,
	    (uint64_t)checkpoint->size, leaf, path, proof->path_count,
	    checkpoint->root))
		return "the path does not lead from the entry to the "
		    "checkpoint's root";
	why = check_openings(proof, entry);
	if (why == NULL)
		why = check_event(proof, entry);
	return why != NULL ? why : check_body(proof, entry);
}

/* --- Consistency ---------------------------------------------------------- */

int
tlog_consistency_write(const struct tlog_consistency *proof,
    struct text *out)
{
	text_printf(out, "old %lld\n", (long long)proof->old);
	write_tail(out, proof->path, proof->path_count, proof->checkpoint,
	    proof->checkpoint_len);
	return out->failed ? -1 : 0;
}

const char *
tlog_consistency_read(struct tlog_consistency *proof, const char *text,
    size_t len)
{
	struct tlog_lines lines = { text, text + len };
	const char *line;
	size_t line_len;

	memset(proof, 0, sizeof(*proof));
	if (!tlog_next(&lines, &line, &line_len) ||
	    !tlog_skip(&line, &line_len, "old") ||
	    text_read_number(line, line_len, ENTRY_NUMBER_MAX,
	    &proof->old) != 0)
		return "its first line is not \"old\" and a number";
	proof->path_count = tlog_hashes(&lines, proof->path, TLOG_PATH_MAX);
	if (proof->path_count < 0)
		return "its path is not lines of one hash each and an empty "
		    "line";
	proof->checkpoint = lines.at;
	proof->checkpoint_len = (size_t)(lines.end - lines.at);
	return NULL;
}

const char *
tlog_consistency_check(const struct tlog_consistency *proof,
    const struct checkpoint *old, const struct checkpoint *checkpoint)
{
	unsigned char path[TLOG_PATH_MAX][DIGEST_BYTES];

	if (strcmp(old->origin, checkpoint->origin) != 0)
		return "the two checkpoints are of different journals";
	if (old->size != proof->old)
		return "it is not about the older checkpoint";
	if (old->size > checkpoint->size)
		return "the older checkpoint is the larger one";
	/* Of nothing everything is the continuation. */
	if (old->size == 0)
		return proof->path_count == 0 ? NULL :
		    "a path from nothing must be empty";
	memcpy(path, proof->path, sizeof(path));
	return merkle_continues((uint64_t)old->size, old->root,
	    (uint64_t)checkpoint->size, checkpoint->root, path,
	    proof->path_count) ? NULL :
	    "the older checkpoint is not the beginning of the newer one";
}
