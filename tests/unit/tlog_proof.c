/* audit/checkpoint.c and tlog_proof.c: proofs of every entry of small
 * journals, and what becomes of them when anything in them is changed. */
#include "audit/tlog_proof.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "tap.h"

#define SIZE_MAX_TESTED 20
#define BODY "{\"event\":\"request.approved\"}"
#define EVENT "{\"v\":2,\"id\":\"01K7\",\"eventType\":\"approval_granted\"}"

static struct note_signer signer;
static struct note_key keys[2];
static unsigned char leaves[SIZE_MAX_TESTED][DIGEST_BYTES];
static struct text texts[SIZE_MAX_TESTED];
static struct tlog_opening openings[3];

/* --- A journal ------------------------------------------------------------ */

static void
open_part(enum entry_part part, const char *data, unsigned char *commitment)
{
	struct tlog_opening *opening = &openings[part];

	opening->present = true;
	memset(opening->salt, 7 + (int)part, sizeof(opening->salt));
	text_puts(&opening->data, data);
	entry_commit(part, opening->salt, data, strlen(data), commitment);
}

static void
make_entries(void)
{
	static unsigned char commitments[3][DIGEST_BYTES];
	const struct iovec body = { (void *)BODY, strlen(BODY) };
	const struct iovec event = { (void *)EVENT, strlen(EVENT) };
	unsigned char hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	struct entry_delivery delivery = { .body = hash };
	struct text data = TEXT_EMPTY;

	digest_sha256(&body, 1, hash);
	entry_write_delivery(&delivery, &data);
	open_part(ENTRY_PART_ADDRESS, "192.0.2.1", commitments[0]);
	open_part(ENTRY_PART_DELIVERY, data.data, commitments[1]);
	digest_sha256(&event, 1, hash);
	hex_write(hash, DIGEST_BYTES, hex);
	open_part(ENTRY_PART_EVENT, hex, commitments[2]);
	text_free(&data);
	for (int i = 0; i < SIZE_MAX_TESTED; i++) {
		const struct entry entry = { .number = i + 1,
			.kind = ENTRY_DELIVERY, .received = i,
			.source = "agentgate", .length = strlen(BODY),
			.address = commitments[0],
			.delivery = commitments[1], .event_id = "01K7",
			.event = commitments[2], .tenant = "default",
			.org = "default" };
		entry_leaf(&entry, &texts[i], leaves[i]);
	}
}

/* The hash of a range, by the definition. */
static void
root_of(uint64_t from, uint64_t to, unsigned char root[DIGEST_BYTES])
{
	struct merkle tree = { 0 };

	for (uint64_t i = from; i < to; i++)
		merkle_add(&tree, leaves[i]);
	merkle_root(&tree, root);
}

static void
fill(unsigned char path[][DIGEST_BYTES], const struct merkle_range *ranges,
    int count)
{
	for (int i = 0; i < count; i++)
		root_of(ranges[i].from, ranges[i].to, path[i]);
}

static void
make_checkpoint(int64_t size, struct text *out)
{
	struct checkpoint checkpoint = { .size = size };
	struct text text = TEXT_EMPTY;

	strcpy(checkpoint.origin, signer.key.name);
	root_of(0, (uint64_t)size, checkpoint.root);
	checkpoint_write(&text, &checkpoint);
	text_truncate(out, 0);
	note_sign(out, text.data, text.len, &signer);
	text_free(&text);
}

static void
make_proof(int64_t index, int64_t size, bool disclose, struct text *out)
{
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct text checkpoint = TEXT_EMPTY;
	struct tlog_proof proof = { .index = index, .entry = texts[index],
		.has_event = disclose, .has_body = disclose };

	proof.path_count = merkle_inclusion((uint64_t)index, (uint64_t)size,
	    ranges);
	fill(proof.path, ranges, proof.path_count);
	if (disclose) {
		memcpy(proof.openings, openings, sizeof(openings));
		text_puts(&proof.event, EVENT);
		text_puts(&proof.body, BODY);
	}
	make_checkpoint(size, &checkpoint);
	proof.checkpoint = checkpoint.data;
	proof.checkpoint_len = checkpoint.len;
	text_truncate(out, 0);
	tlog_proof_write(&proof, out);
	text_free(&checkpoint);
	text_free(&proof.event);
	text_free(&proof.body);
}

/* --- Checking ------------------------------------------------------------- */

/* Everything that check-proof does.  Returns NULL or why not. */
static const char *
check_text(const char *bytes, size_t len, int64_t *number)
{
	static struct note note;
	struct checkpoint checkpoint;
	struct tlog_proof proof;
	struct entry entry;
	struct entry_storage storage = { 0 };
	const char *why = tlog_proof_read(&proof, bytes, len);

	if (why == NULL) {
		enum checkpoint_error error = checkpoint_open(&checkpoint,
		    &note, proof.checkpoint, proof.checkpoint_len, keys, 1);
		if (error != CHECKPOINT_OK)
			why = checkpoint_error_text(error);
	}
	if (why == NULL) {
		why = tlog_proof_check(&proof, &checkpoint, &entry, &storage);
		*number = entry.number;
	}
	entry_storage_free(&storage);
	tlog_proof_free(&proof);
	return why;
}

static void
check_all(void)
{
	struct text text = TEXT_EMPTY;
	int64_t number;
	bool good = true;

	for (int64_t size = 1; size <= SIZE_MAX_TESTED; size++)
		for (int64_t index = 0; index < size; index++) {
			make_proof(index, size, index % 2 == 0, &text);
			good &= check_text(text.data, text.len, &number) ==
			    NULL && number == index + 1;
		}
	ok(good, "every entry of every size is proven");
	text_free(&text);
}

static void
check_flips(bool disclose)
{
	struct text text = TEXT_EMPTY;
	int64_t number;
	int accepted = 0;

	make_proof(5, 11, disclose, &text);
	for (size_t i = 0; i < text.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			text.data[i] ^= (char)(1 << bit);
			accepted += check_text(text.data, text.len, &number)
			    == NULL;
			text.data[i] ^= (char)(1 << bit);
		}
	ok(accepted == 0, "no bit of a proof may change");
	for (size_t len = 0; len < text.len; len++) {
		char *part = malloc(len + 1);
		memcpy(part, text.data, len);
		if (check_text(part, len, &number) == NULL)
			accepted = -1;
		free(part);
	}
	ok(accepted >= 0, "no prefix of it is a proof");
	text_free(&text);
}

/* A proof with something else in its "extra". */
static void
check_extra(const char *what, const char *old, const char *new,
    const char *expected)
{
	struct text text = TEXT_EMPTY, other = TEXT_EMPTY;
	unsigned char *extra;
	char *start, *end, *at;
	size_t len;
	int64_t number;
	const char *why;

	make_proof(5, 11, true, &text);
	start = strstr(text.data, "extra ") + 6;
	end = strchr(start, '\n');
	extra = calloc(1, (size_t)(end - start) + 1);
	base64_read(start, (size_t)(end - start), extra,
	    (size_t)(end - start), &len);
	at = strstr((char *)extra, old);
	struct text json = TEXT_EMPTY;
	if (at != NULL) {
		text_add(&json, extra, (size_t)(at - (char *)extra));
		text_puts(&json, new);
		text_puts(&json, at + strlen(old));
	}
	text_add(&other, text.data, (size_t)(start - text.data));
	base64_write(&other, json.data, json.len);
	text_puts(&other, end);
	why = check_text(other.data, other.len, &number);
	if (!ok(at != NULL && why != NULL && strstr(why, expected) != NULL,
	    "%s", what))
		printf("# %s\n", why == NULL ? "accepted" : why);
	free(extra);
	text_free(&json);
	text_free(&other);
	text_free(&text);
}

static void
check_extras(void)
{
	check_extra("another number", "\\\"number\\\":6", "\\\"number\\\":7",
	    "not that of the index");
	check_extra("another source", "agentgate", "formbridge", "path");
	check_extra("a text with a space", "\\\"v\\\":1,", "\\\"v\\\":1, ",
	    "none that a journal holds");
	check_extra("another id of the event", "\\\"eventId\\\":\\\"01K7",
	    "\\\"eventId\\\":\\\"01K8", "path");
	check_extra("another salt", "\"salt\":\"BwcHBwc", "\"salt\":\"CwcHBwc",
	    "committed");
	check_extra("a salt that is short",
	    "\"salt\":\"BwcHBwcHBwcHBwcHBwcHBw==\"", "\"salt\":\"BwcH\"",
	    "extra");
	check_extra("another event", "approval_granted", "approval_denied",
	    "is not the entry's");
	check_extra("another body", "eyJldmVudCI6InJl", "eyJldmVudCI6InJf",
	    "body that it discloses");
	check_extra("a body with a space in it", "eyJldmVudCI6InJl",
	    "eyJldmVudCI6InJ ", "extra");
	check_extra("no entry", "\"entry\":", "\"empty\":", "extra");
	check_extra("a member that is unknown", "\"disclosed\":{",
	    "\"x\":1,\"disclosed\":{", "extra");
	openings[ENTRY_PART_EVENT].present = false;
	check_extra("an event without its opening", "{", "{", "event that");
	openings[ENTRY_PART_EVENT].present = true;
	openings[ENTRY_PART_DELIVERY].present = false;
	check_extra("a body without its opening", "{", "{", "body that");
	openings[ENTRY_PART_DELIVERY].present = true;
}

static const char *const bad_proofs[] = {
	"", "\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n",
	"c2sp.org/tlog-proof@v2\nindex 0\n\n",
	"c2sp.org/tlog-proof@v1\nindex 0\n\n",
	"c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n\n",
	"c2sp.org/tlog-proof@v1\nextra bnVsbA==\nindex 0\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex -1\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex 00\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex "
	    "9007199254740992\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex "
	    "99999999999999999999999999\n\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n",
	"c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\nAAAA\n\n",
};

static void
check_bad(void)
{
	struct text text = TEXT_EMPTY;
	int64_t number;

	for (size_t i = 0; i < sizeof(bad_proofs) / sizeof(bad_proofs[0]); i++)
		ok(check_text(bad_proofs[i], strlen(bad_proofs[i]), &number) !=
		    NULL, "text %zu is no proof", i);
	text_puts(&text, "c2sp.org/tlog-proof@v1\nextra e30=\n"
	    "index 0\n");
	for (int i = 0; i < 64; i++)
		text_puts(&text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		    "\n");
	text_puts(&text, "\n");
	ok(check_text(text.data, text.len, &number) != NULL,
	    "a path of 64 hashes is none");
	text_free(&text);
}

/* --- Checkpoints ---------------------------------------------------------- */

static const struct {
	const char *what, *text;
	bool good;
} checkpoints[] = {
	{ "one", "a\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", true },
	{ "with an extension", "a\n9\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n", true },
	{ "with an empty line", "a\n9\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n", false },
	{ "without its last newline", "a\n9\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
	{ "no origin", "\n9\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    false },
	{ "an origin with a space", "a b\n9\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", false },
	{ "a size with a zero in front", "a\n09\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", false },
	{ "a size of 2^53", "a\n9007199254740992\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", false },
	{ "a negative one", "a\n-1\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", false },
	{ "a root that is short", "a\n9\nAAAA\n", false },
	{ "no root", "a\n9\n", false },
	{ "nothing", "", false },
};

static void
check_checkpoints(void)
{
	static struct note note;
	struct checkpoint checkpoint;
	struct text text = TEXT_EMPTY;
	struct note_signer other;

	for (size_t i = 0; i < sizeof(checkpoints) / sizeof(checkpoints[0]);
	    i++)
		ok((checkpoint_read(&checkpoint, checkpoints[i].text,
		    strlen(checkpoints[i].text)) == 0) == checkpoints[i].good,
		    "a checkpoint: %s", checkpoints[i].what);
	make_checkpoint(7, &text);
	ok(checkpoint_open(&checkpoint, &note, text.data, text.len, keys, 1) ==
	    CHECKPOINT_OK && checkpoint.size == 7, "ours is opened");
	ok(checkpoint_open(&checkpoint, &note, text.data, text.len, keys, 2) ==
	    CHECKPOINT_NO_WITNESS, "not where a witness is required");
	ok(checkpoint_open(&checkpoint, &note, text.data, text.len, &keys[1],
	    1) == CHECKPOINT_NOT_SIGNED, "nor with another key");
	text.data[2] ^= 1;
	ok(checkpoint_open(&checkpoint, &note, text.data, text.len, keys, 1) ==
	    CHECKPOINT_BAD_SIGNATURE, "nor changed");

	/* Signed by the witness in the journal's name, as it were. */
	note_signer_generate(&other, "other.example");
	text_truncate(&text, 0);
	note_sign(&text, checkpoints[0].text, strlen(checkpoints[0].text),
	    &other);
	ok(checkpoint_open(&checkpoint, &note, text.data, text.len,
	    &other.key, 1) == CHECKPOINT_OTHER_ORIGIN,
	    "nor in another one's name");
	text_free(&text);
}

/* --- Consistency ---------------------------------------------------------- */

static const char *
check_consistency(int64_t old_size, int64_t size, int64_t claimed, int flip)
{
	static struct note note;
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct checkpoint old = { .size = old_size }, new;
	struct tlog_consistency proof = { .old = claimed }, back;
	struct text checkpoint = TEXT_EMPTY, text = TEXT_EMPTY;
	const char *why;

	strcpy(old.origin, signer.key.name);
	root_of(0, (uint64_t)old_size, old.root);
	if (old_size > 0 && old_size <= size)
		proof.path_count = merkle_consistency((uint64_t)old_size,
		    (uint64_t)size, ranges);
	fill(proof.path, ranges, proof.path_count);
	if (flip >= 0)
		proof.path[flip][3] ^= 1;
	make_checkpoint(size, &checkpoint);
	proof.checkpoint = checkpoint.data;
	proof.checkpoint_len = checkpoint.len;
	tlog_consistency_write(&proof, &text);
	why = tlog_consistency_read(&back, text.data, text.len);
	if (why == NULL && checkpoint_open(&new, &note, back.checkpoint,
	    back.checkpoint_len, keys, 1) != CHECKPOINT_OK)
		why = "checkpoint";
	if (why == NULL)
		why = tlog_consistency_check(&back, &old, &new);
	text_free(&checkpoint);
	text_free(&text);
	return why;
}

static void
check_consistencies(void)
{
	struct tlog_consistency proof;
	bool good = true, flipped = false;

	for (int64_t size = 0; size <= SIZE_MAX_TESTED; size++)
		for (int64_t old = 0; old <= size; old++)
			good &= check_consistency(old, size, old, -1) == NULL;
	ok(good, "every size is the beginning of every larger one");
	for (int i = 0; i < 4; i++)
		flipped |= check_consistency(6, 11, 6, i) == NULL;
	ok(!flipped, "not by another path");
	ok(check_consistency(6, 11, 5, -1) != NULL &&
	    check_consistency(11, 6, 11, -1) != NULL, "nor of other sizes");
	ok(tlog_consistency_read(&proof, "old 1\n", 6) != NULL &&
	    tlog_consistency_read(&proof, "old\n\n", 5) != NULL &&
	    tlog_consistency_read(&proof, "", 0) != NULL &&
	    tlog_consistency_read(&proof, "old 01\n\n", 8) != NULL,
	    "what is none is refused");
}

int
main(void)
{
	struct note_signer witness;

	if (digest_init() != 0 ||
	    note_signer_generate(&signer, "log.example/agents") != 0 ||
	    note_signer_generate(&witness, "witness.example") != 0)
		return 1;
	keys[0] = signer.key;
	keys[1] = witness.key;
	make_entries();
	check_all();
	check_flips(true);
	check_flips(false);
	check_extras();
	check_bad();
	check_checkpoints();
	check_consistencies();
	for (int i = 0; i < SIZE_MAX_TESTED; i++)
		text_free(&texts[i]);
	for (int i = 0; i < 3; i++)
		text_free(&openings[i].data);
	return tap_end();
}
