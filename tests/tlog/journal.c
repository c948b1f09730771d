/*
 * A sample journal as text, for tests/second_verifier.py, and what journal_check
 * says of one:
 *
 *   journal make DIR   writes DIR/journal, keys, marks, roots and record
 *   journal check DIR  prints SOUND with its reservations, or BROKEN with the
 *                      first fault
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/journal_check.h"
#include "base/hex.h"
#include "base/json.h"
#include "store/entry_read.h"
#include "store/journal.h"

#define ROWS_MAX 256
#define KEYS_MAX 8

static const char *folder;
static char path[4096];

static FILE *
open_file(const char *name, const char *mode)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, mode);
}

/* --- Making --------------------------------------------------------------- */

static struct journal journal, record, branch;
static struct merkle tree, branch_tree;
static FILE *out;
static long branch_at;
static unsigned char hash[DIGEST_BYTES] = "some digest, it does not matter";

static void
append(struct entry entry)
{
	struct text text = TEXT_EMPTY, line = TEXT_EMPTY;
	unsigned char leaf[DIGEST_BYTES], link[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	entry.number = journal.number + 1;
	entry.keyed = journal.keyed;
	entry.writer = journal.key.writer;
	entry.turn = journal.key.turn;
	entry.received = 1760000000000 + entry.number;
	if (entry_leaf(&entry, &text, leaf) != 0)
		abort();
	merkle_add(&tree, leaf);
	journal_append(&journal, leaf, link);
	if (journal.keyed)
		record = journal;
	hex_write(link, DIGEST_BYTES, hex);
	text_puts(&line, "{\"text\":");
	json_write_string(&line, text.data, text.len);
	text_printf(&line, ",\"link\":\"%s\"}\n", hex);
	fputs(line.data, out);
	text_free(&text);
	text_free(&line);
}

static void
deliver(int count)
{
	const struct entry entry = { .kind = ENTRY_DELIVERY,
		.source = "agentgate", .scheme = "hmac-sha256", .length = 77,
		.mapping = 2, .notes = 5, .address = hash, .delivery = hash,
		.event_id = "01K7A0000000000000000000AB", .event = hash,
		.tenant = "caf\xc3\xa9 \"\\\x01\x7f", .org = "default" };

	while (count-- > 0)
		append(entry);
}

static void
new_key(bool has_old, FILE *keys)
{
	struct text text = TEXT_EMPTY;
	unsigned char commit[DIGEST_BYTES], root[DIGEST_BYTES];
	struct journal_key key;
	uint64_t writer;

	journal_key_generate(&key);
	journal_key_commit(key.bytes, commit, &writer);
	if (has_old)
		append((struct entry){ .kind = ENTRY_KEY_CLOSE,
			.next = writer, .commit = commit });
	merkle_root(&tree, root);
	journal.keyed = true;
	journal.key = key;
	append((struct entry){ .kind = ENTRY_KEY_OPEN, .commit = commit,
		.size = journal.number, .root = root });
	journal_key_write(&text, &key);
	fprintf(keys, "%s\n", text.data);
	text_free(&text);
}

static void
write_roots(void)
{
	unsigned char root[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	FILE *roots = open_file("roots", "w");

	merkle_root(&tree, root);
	hex_write(root, DIGEST_BYTES, hex);
	fprintf(roots, "%lld %s\n", (long long)tree.size, hex);
	fclose(roots);
}

static void
write_mark(void)
{
	struct text text = TEXT_EMPTY;
	struct journal_mark mark = { journal.key.writer, journal.key.turn,
		journal.number, { 0 } };
	FILE *marks = open_file("marks", "w");

	journal_end_mark(&journal.key, journal.link, mark.mark);
	journal_mark_write(&text, &mark);
	fprintf(marks, "%s\n", text.data);
	fclose(marks);
	text_free(&text);
}

/* Entries of every kind: unkeyed ones, a key, an older copy put back, another
 * key. */
static int
make(void)
{
	unsigned char bytes[JOURNAL_RECORD_BYTES];
	struct entry gap = { 0 };
	struct journal_view view = { 0 };
	FILE *keys = open_file("keys", "w"), *file;

	out = open_file("journal", "w+");
	memcpy(journal.id, "0123456789abcdef", JOURNAL_ID_BYTES);
	for (int i = 0; i < JOURNAL_ID_BYTES; i++)
		fprintf(out, "%02x", journal.id[i]);
	fprintf(out, "\n");
	journal_link_begin(journal.id, journal.link);
	append((struct entry){ .kind = ENTRY_TAKEOVER, .sessions = 2,
		.events = 9, .root = hash });
	deliver(2);
	new_key(false, keys);
	deliver(3);
	append((struct entry){ .kind = ENTRY_REFUSED, .source = "formbridge",
		.reason = "unknown-event", .delivery = hash });
	append((struct entry){ .kind = ENTRY_ACCEPTED, .of = 8, .mapping = 3,
		.event_id = "01K7", .event = hash, .tenant = "a",
		.org = "b", .project = "c" });
	write_roots();

	branch = journal;
	branch_tree = tree;
	branch_at = ftell(out);
	deliver(4);
	view.last = branch.number;
	memcpy(view.last_link, branch.link, DIGEST_BYTES);
	view.row_turn = view.last_turn = branch.key.turn - 1;
	fseek(out, branch_at, SEEK_SET);
	tree = branch_tree;
	journal_gap(&journal, &view, journal_compare(&journal, &view), &gap);
	append(gap);
	deliver(2);
	journal.keyed = false;
	deliver(1);
	journal.keyed = true;
	append((struct entry){ .kind = ENTRY_PRUNE, .what = "bodies",
		.before = 1760000000000, .count = 2, .numbers = hash });
	new_key(true, keys);
	append((struct entry){ .kind = ENTRY_ERASE, .what = "session",
		.count = 2, .numbers = hash });
	deliver(2);
	write_mark();

	file = open_file("record", "w");
	journal_record_write(&record, bytes);
	fwrite(bytes, 1, sizeof(bytes), file);
	fclose(file);
	fclose(keys);
	/* What is left of the branch behind it. */
	fflush(out);
	if (ftruncate(fileno(out), ftell(out)) != 0)
		return 1;
	return fclose(out);
}

/* --- Checking ------------------------------------------------------------- */

static char first_fault[64];

static void
on_fault(void *context, const struct journal_fault *fault)
{
	(void)context;
	if (first_fault[0] == '\0')
		snprintf(first_fault, sizeof(first_fault), "%s",
		    journal_fault_name(fault->code));
}

/* The lines of a small file.  Returns how many. */
static size_t
read_lines(const char *name, char lines[][256], size_t max)
{
	FILE *file = open_file(name, "r");
	size_t count = 0;

	while (file != NULL && count < max &&
	    fgets(lines[count], 256, file) != NULL) {
		lines[count][strcspn(lines[count], "\n")] = '\0';
		count++;
	}
	if (file != NULL)
		fclose(file);
	return count;
}

static void
broken(const char *why)
{
	printf("BROKEN: %s\n", why);
	exit(1);
}

static void
read_outside(struct journal_check_options *options)
{
	static struct journal_key keys[KEYS_MAX];
	static struct journal_mark marks[KEYS_MAX];
	static struct journal_root roots[KEYS_MAX];
	static struct journal given;
	char lines[KEYS_MAX][256];
	unsigned char bytes[JOURNAL_RECORD_BYTES] = { 0 };
	FILE *file = open_file("record", "r");

	options->keys = keys;
	options->keys_count = read_lines("keys", lines, KEYS_MAX);
	for (size_t i = 0; i < options->keys_count; i++)
		if (journal_key_read(&keys[i], lines[i], strlen(lines[i])) !=
		    0)
			broken("a key is none");
	options->marks = marks;
	options->marks_count = read_lines("marks", lines, KEYS_MAX);
	for (size_t i = 0; i < options->marks_count; i++)
		if (journal_mark_read(&marks[i], lines[i], strlen(lines[i])) !=
		    0)
			broken("a mark is none");
	options->roots = roots;
	options->roots_count = read_lines("roots", lines, KEYS_MAX);
	for (size_t i = 0; i < options->roots_count; i++) {
		char *end;
		roots[i].size = strtoll(lines[i], &end, 10);
		if (*end != ' ' || hex_read_exactly(end + 1,
		    strlen(end + 1), roots[i].root, DIGEST_BYTES) != 0)
			broken("a root is none");
	}
	if (file == NULL)
		return;
	if (fread(bytes, 1, sizeof(bytes), file) == sizeof(bytes) &&
	    journal_record_read(&given, bytes) == 0 &&
	    memcmp(given.id, options->id, JOURNAL_ID_BYTES) == 0)
		options->record = &given;
	fclose(file);
}

static int
add_line(struct journal_check *check, char *line, int64_t number)
{
	struct json_object *json = NULL;
	struct json_error error;
	struct entry entry;
	struct entry_storage storage = { 0 };
	unsigned char leaf[DIGEST_BYTES], link[DIGEST_BYTES];
	const char *text = NULL, *hex = NULL;
	bool good = false;

	if (json_read(line, strlen(line), &json, &error) == 0) {
		text = json_get_string(json, "text");
		hex = json_get_string(json, "link");
	}
	if (text != NULL) {
		good = entry_read(text, strlen(text), &entry, &storage) == 0;
		merkle_leaf(text, strlen(text), leaf);
	}
	if (!good)
		entry = (struct entry){ .number = number };
	int result = journal_check_add(check, &entry, good ? leaf : NULL,
	    hex != NULL && hex_read_exactly(hex, strlen(hex), link,
	    sizeof(link)) == 0 ? link : NULL);
	entry_storage_free(&storage);
	json_object_put(json);
	return result;
}

static int
check_folder(void)
{
	struct journal_check_options options = { .on_fault = on_fault };
	struct journal_verdict verdict;
	struct text words = TEXT_EMPTY;
	static char line[8192];
	FILE *file = open_file("journal", "r");
	int64_t number = 0;

	if (file == NULL || fgets(line, sizeof(line), file) == NULL)
		return 2;
	line[strcspn(line, "\n")] = '\0';
	if (hex_read_exactly(line, strlen(line), options.id,
	    JOURNAL_ID_BYTES) != 0)
		broken("an id that is none");
	read_outside(&options);
	struct journal_check *check = journal_check_open(&options);
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (add_line(check, line, ++number) != 0)
			return 2;
	}
	fclose(file);
	if (journal_check_end(check, &verdict) != 0)
		return 2;
	journal_check_close(check);
	if (verdict.faults > 0)
		broken(first_fault);
	journal_verdict_write(&verdict, &words);
	printf("SOUND%s\n", text_string(&words));
	text_free(&words);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3 || digest_init() != 0)
		return 64;
	folder = argv[2];
	return strcmp(argv[1], "make") == 0 ? make() : check_folder();
}
