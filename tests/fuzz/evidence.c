/*
 * What strangers hand to a verifier: base 64, keys, marks, notes, checkpoints,
 * entries, proofs.  The first byte says which.  Each is read in one way only:
 * what was read is written again to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/checkpoint.h"
#include "audit/tlog_proof.h"
#include "base/base64.h"
#include "base/note.h"
#include "fuzz.h"
#include "store/entry_read.h"
#include "store/journal.h"

/* The key of tests/unit/note.c. */
#define PUBLIC "log.example/agents+dd0cf06b+" \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

static struct note_key known;

static void
open_target(void)
{
	fuzz_require(digest_init() == 0);
	fuzz_require(note_key_read(&known, PUBLIC, strlen(PUBLIC)) == 0);
}

static void
require_same(struct text *written, const char *text, size_t len)
{
	fuzz_require(written->len == len &&
	    (len == 0 || memcmp(written->data, text, len) == 0));
}

static void
run_base64(const char *text, size_t len, struct text *out)
{
	unsigned char *bytes = malloc(len + 1);
	size_t bytes_len;

	if (base64_read(text, len, bytes, len, &bytes_len) == 0) {
		fuzz_require(bytes_len <= len);
		base64_write(out, bytes, bytes_len);
		require_same(out, text, len);
	}
	free(bytes);
}

static void
run_keys(const char *text, size_t len, struct text *out)
{
	struct note_key key;
	struct note_signer signer;
	struct journal_key journal_key;
	struct journal_mark mark;

	if (note_key_read(&key, text, len) == 0)
		note_key_write(out, &key);
	else if (note_signer_read(&signer, text, len) == 0)
		note_signer_write(out, &signer);
	else if (journal_key_read(&journal_key, text, len) == 0)
		journal_key_write(out, &journal_key);
	else if (journal_mark_read(&mark, text, len) == 0)
		journal_mark_write(out, &mark);
	else
		return;
	require_same(out, text, len);
}

static void
run_note(const char *text, size_t len)
{
	static struct note note;
	enum note_error error = note_open(&note, text, len, &known, 1);

	if (error != NOTE_OK && error != NOTE_UNKNOWN_KEYS)
		return;
	fuzz_require(note.count > 0 && note.text_len < len);
	fuzz_require((error == NOTE_OK) == (note.verified > 0));
	for (int i = 0; i < note.count; i++)
		fuzz_require(note.lines[i].line >= text + note.text_len &&
		    note.lines[i].line + note.lines[i].len < text + len);
}

static void
run_checkpoint(const char *text, size_t len, struct text *out)
{
	struct checkpoint checkpoint;

	if (checkpoint_read(&checkpoint, text, len) != 0)
		return;
	checkpoint_write(out, &checkpoint);
	/* Extension lines may follow. */
	fuzz_require(out->len <= len &&
	    memcmp(out->data, text, out->len) == 0);
}

static void
run_entry(const char *text, size_t len, struct text *out)
{
	struct entry_storage storage;
	struct entry entry;

	if (entry_read(text, len, &entry, &storage) == 0) {
		fuzz_require(entry_write(&entry, out) == 0);
		require_same(out, text, len);
	}
	entry_storage_free(&storage);
}

static void
run_proof(const char *text, size_t len, struct text *out)
{
	struct checkpoint checkpoint = { .origin = "a", .size = 1000 };
	struct entry_storage storage = { 0 };
	struct tlog_proof proof;
	struct entry entry;

	if (tlog_proof_read(&proof, text, len) == NULL) {
		fuzz_require(tlog_proof_write(&proof, out) == 0);
		require_same(out, text, len);
		/* No path leads to a root of zeros. */
		fuzz_require(tlog_proof_check(&proof, &checkpoint, &entry,
		    &storage) != NULL);
	}
	entry_storage_free(&storage);
	tlog_proof_free(&proof);
}

static void
run_consistency(const char *text, size_t len, struct text *out)
{
	struct tlog_consistency proof;

	if (tlog_consistency_read(&proof, text, len) != NULL)
		return;
	fuzz_require(tlog_consistency_write(&proof, out) == 0);
	require_same(out, text, len);
}

static void
run(const unsigned char *data, size_t size)
{
	struct text out = TEXT_EMPTY;
	char *text;

	if (size == 0)
		return;
	text = fuzz_copy(data + 1, size - 1);
	switch (data[0]) {
	case 'b':
		run_base64(text, size - 1, &out);
		break;
	case 'k':
		run_keys(text, size - 1, &out);
		break;
	case 'n':
		run_note(text, size - 1);
		break;
	case 'c':
		run_checkpoint(text, size - 1, &out);
		break;
	case 'e':
		run_entry(text, size - 1, &out);
		break;
	case 'p':
		run_proof(text, size - 1, &out);
		break;
	case 'o':
		run_consistency(text, size - 1, &out);
		break;
	default:
		break;
	}
	text_free(&out);
	free(text);
}

const struct fuzz_target fuzz_evidence = { "evidence", open_target, run };
