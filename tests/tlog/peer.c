/*
 * Checkpoints and proofs of a small journal, for tests against another
 * implementation (peer.go):
 *
 *   peer entries N       prints the texts of N entries, one a line
 *   peer key NAME        prints a new private key, and its public one
 *   peer make KEY DIR    of the texts in DIR/entries, signs a checkpoint of each
 *                        size, DIR/checkpoint-S, with every DIR/proof-S-I and
 *                        DIR/consistency-O-S
 *   peer check VKEY DIR  checks all of them, and says how many they are
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/checkpoint.h"
#include "audit/tlog_proof.h"
#include "base/merkle.h"
#include "store/entry.h"

#define ENTRIES_MAX 64

static char texts[ENTRIES_MAX][1024];
static unsigned char leaves[ENTRIES_MAX][DIGEST_BYTES];
static int count;
static const char *folder;
static int wrong;

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
    int ranges_count)
{
	for (int i = 0; i < ranges_count; i++)
		root_of(ranges[i].from, ranges[i].to, path[i]);
}

/* Opens WHAT, WHAT-A or WHAT-A-B: a number below 0 is left out. */
static FILE *
open_file(const char *mode, const char *what, int a, int b)
{
	char first[16] = "", second[16] = "", path[4096];
	FILE *file;

	if (a >= 0)
		snprintf(first, sizeof(first), "-%d", a);
	if (b >= 0)
		snprintf(second, sizeof(second), "-%d", b);
	snprintf(path, sizeof(path), "%s/%s%s%s", folder, what, first, second);
	file = fopen(path, mode);
	if (file == NULL) {
		perror(path);
		exit(2);
	}
	return file;
}

static void
read_entries(void)
{
	FILE *file = open_file("r", "entries", -1, -1);

	while (count < ENTRIES_MAX &&
	    fgets(texts[count], sizeof(texts[0]), file) != NULL) {
		texts[count][strcspn(texts[count], "\n")] = '\0';
		merkle_leaf(texts[count], strlen(texts[count]),
		    leaves[count]);
		count++;
	}
	fclose(file);
}

static int
print_entries(int n)
{
	unsigned char hash[DIGEST_BYTES] = { 1 };
	struct text text = TEXT_EMPTY;

	for (int i = 1; i <= n; i++) {
		const struct entry entry = { .number = i,
			.kind = ENTRY_DELIVERY, .received = 1760000000000 + i,
			.source = "agentgate", .length = i, .mapping = 1,
			.delivery = hash, .event_id = "01K7",
			.event = hash, .tenant = "caf\xc3\xa9",
			.org = "a\"\\\n\x7f" };
		text_truncate(&text, 0);
		if (entry_write(&entry, &text) != 0)
			return 1;
		puts(text.data);
	}
	text_free(&text);
	return 0;
}

static int
print_key(const char *name)
{
	struct note_signer signer;
	struct text text = TEXT_EMPTY;

	if (note_signer_generate(&signer, name) != 0)
		return 1;
	note_signer_write(&text, &signer);
	text_puts(&text, "\n");
	note_key_write(&text, &signer.key);
	puts(text.data);
	text_free(&text);
	return 0;
}

/* --- Making --------------------------------------------------------------- */

static void
make_size(int size, const struct note_signer *signer)
{
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct checkpoint checkpoint = { .size = size };
	struct text text = TEXT_EMPTY, note = TEXT_EMPTY;
	FILE *file = open_file("w", "checkpoint", size, -1);

	strcpy(checkpoint.origin, signer->key.name);
	root_of(0, (uint64_t)size, checkpoint.root);
	checkpoint_write(&text, &checkpoint);
	note_sign(&note, text.data, text.len, signer);
	fputs(note.data, file);
	fclose(file);
	for (int i = 0; i < size; i++) {
		struct tlog_proof proof = { .index = i,
			.checkpoint = note.data, .checkpoint_len = note.len };
		proof.path_count = merkle_inclusion((uint64_t)i,
		    (uint64_t)size, ranges);
		fill(proof.path, ranges, proof.path_count);
		text_puts(&proof.entry, texts[i]);
		text_truncate(&text, 0);
		tlog_proof_write(&proof, &text);
		file = open_file("w", "proof", size, i);
		fputs(text.data, file);
		fclose(file);
		text_free(&proof.entry);
	}
	for (int old = 1; old <= size; old++) {
		struct tlog_consistency proof = { .old = old,
			.checkpoint = note.data, .checkpoint_len = note.len };
		proof.path_count = merkle_consistency((uint64_t)old,
		    (uint64_t)size, ranges);
		fill(proof.path, ranges, proof.path_count);
		text_truncate(&text, 0);
		tlog_consistency_write(&proof, &text);
		file = open_file("w", "consistency", old, size);
		fputs(text.data, file);
		fclose(file);
	}
	text_free(&text);
	text_free(&note);
}

/* --- Checking ------------------------------------------------------------- */

static void
slurp(struct text *text, const char *what, int a, int b)
{
	FILE *file = open_file("r", what, a, b);
	char buffer[4096];
	size_t len;

	text_truncate(text, 0);
	while ((len = fread(buffer, 1, sizeof(buffer), file)) > 0)
		text_add(text, buffer, len);
	fclose(file);
}

static void
expect(const char *what, int a, int b, const char *why)
{
	if (why == NULL)
		return;
	printf("%s %d %d: %s\n", what, a, b, why);
	wrong = 1;
}

static const char *
open_checkpoint(struct checkpoint *checkpoint, const char *bytes, size_t len,
    const struct note_key *key)
{
	static struct note note;
	enum checkpoint_error error = checkpoint_open(checkpoint, &note, bytes,
	    len, key, 1);

	return error == CHECKPOINT_OK ? NULL : checkpoint_error_text(error);
}

static void
check_proof(int size, int index, const struct note_key *key)
{
	struct text text = TEXT_EMPTY;
	struct checkpoint checkpoint;
	struct tlog_proof proof;
	struct entry entry;
	struct entry_storage storage = { 0 };

	slurp(&text, "proof", size, index);
	const char *why = tlog_proof_read(&proof, text.data, text.len);
	if (why == NULL)
		why = open_checkpoint(&checkpoint, proof.checkpoint,
		    proof.checkpoint_len, key);
	if (why == NULL)
		why = tlog_proof_check(&proof, &checkpoint, &entry, &storage);
	if (why == NULL && (entry.number != index + 1 ||
	    checkpoint.size != size))
		why = "it proves another entry";
	expect("proof", size, index, why);
	entry_storage_free(&storage);
	tlog_proof_free(&proof);
	text_free(&text);
}

static void
check_consistency(int old_size, int size, const struct note_key *key)
{
	struct text text = TEXT_EMPTY, older = TEXT_EMPTY;
	struct checkpoint old, checkpoint;
	struct tlog_consistency proof;

	slurp(&older, "checkpoint", old_size, -1);
	slurp(&text, "consistency", old_size, size);
	const char *why = open_checkpoint(&old, older.data, older.len, key);
	if (why == NULL)
		why = tlog_consistency_read(&proof, text.data, text.len);
	if (why == NULL)
		why = open_checkpoint(&checkpoint, proof.checkpoint,
		    proof.checkpoint_len, key);
	if (why == NULL)
		why = tlog_consistency_check(&proof, &old, &checkpoint);
	expect("consistency", old_size, size, why);
	text_free(&older);
	text_free(&text);
}

int
main(int argc, char **argv)
{
	struct note_signer signer;
	struct note_key key;
	int done = 0;

	if (digest_init() != 0)
		return 2;
	if (argc == 3 && strcmp(argv[1], "entries") == 0)
		return print_entries(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "key") == 0)
		return print_key(argv[2]);
	if (argc != 4)
		return 64;
	folder = argv[3];
	read_entries();
	if (strcmp(argv[1], "make") == 0 &&
	    note_signer_read(&signer, argv[2], strlen(argv[2])) == 0) {
		for (int size = 1; size <= count; size++)
			make_size(size, &signer);
		return 0;
	}
	if (note_key_read(&key, argv[2], strlen(argv[2])) != 0)
		return 2;
	for (int size = 1; size <= count; size++)
		for (int i = 0; i < size; i++, done++) {
			check_proof(size, i, &key);
			check_consistency(i + 1, size, &key);
		}
	printf("%d of each\n", done);
	return wrong;
}
