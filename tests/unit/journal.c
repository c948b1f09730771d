/* store/journal.c and keyfile.c: vectors computed elsewhere (Python's hmac and
 * hashlib), and what a record and a file can say against each other. */
#include "store/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/merkle.h"
#include "store/key_id.h"
#include "store/keyfile.h"
#include "tap.h"

#define KEY_TEXT "agentlens-journal+0d411de9cf2c2b0f+1+" \
	"ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA"
#define MARK_TEXT "agentlens-journal-end+0d411de9cf2c2b0f+2+2+" \
	"kYvuNGYASWU/q0tQFZpAh5vO9ES3QtK42CssrzpHbyLuwtuF"

static unsigned char id[JOURNAL_ID_BYTES], leaf[DIGEST_BYTES];

static bool
is_hex(const unsigned char *bytes, const char *hex)
{
	char is[DIGEST_HEX_SIZE];

	hex_write(bytes, DIGEST_BYTES, is);
	return strcmp(is, hex) == 0;
}

/* A journal of one unkeyed and one keyed entry. */
static struct journal
make_journal(void)
{
	struct journal journal = { 0 };
	unsigned char link[DIGEST_BYTES];

	memcpy(journal.id, id, sizeof(id));
	journal_link_begin(id, journal.link);
	journal_append(&journal, leaf, link);
	journal.keyed = true;
	journal_key_read(&journal.key, KEY_TEXT, strlen(KEY_TEXT));
	journal_append(&journal, leaf, link);
	return journal;
}

/* --- Vectors -------------------------------------------------------------- */

static void
check_vectors(void)
{
	unsigned char hash[DIGEST_BYTES], record[JOURNAL_RECORD_BYTES];
	struct journal journal = { 0 };
	const struct iovec part = { record, sizeof(record) };
	uint64_t writer;

	ok(journal_key_read(&journal.key, KEY_TEXT, strlen(KEY_TEXT)) == 0 &&
	    journal.key.turn == 1 && journal.key.bytes[0] == 100,
	    "the verification key is read");
	journal_key_commit(journal.key.bytes, hash, &writer);
	ok(is_hex(hash, "0d411de9cf2c2b0f0a4f43dcd470fc71b0e578d361e02f187f0e"
	    "f1761d382af8") && writer == 0x0d411de9cf2c2b0f, "commitment");
	journal_link_begin(id, hash);
	ok(is_hex(hash, "d253e9028f0700e0aeac0006fcbb54a09e256ab8036601cda66c"
	    "cae03b47e7ec"), "link 0");
	journal_link(NULL, hash, leaf, hash);
	ok(is_hex(hash, "709833429b201e4943f58d16ea5933085ee104d685b8f0cee0f6"
	    "0eb5393b4a8f"), "a link that is not keyed");

	journal = make_journal();
	ok(journal.number == 2 && journal.key.turn == 2 &&
	    is_hex(journal.link, "fbefbbd4079dd048e7efc95bb17c4d2928c6d561955"
	    "573cc23b37fd3a2cc27e6"), "a keyed link");
	journal_end_mark(&journal.key, journal.link, hash);
	ok(is_hex(hash, "918bee34660049653fab4b50159a40879bcef444b742d2b8d82b"
	    "2caf3a476f22"), "an end mark");
	journal_record_write(&journal, record);
	digest_sha256(&part, 1, hash);
	ok(is_hex(hash, "0ef185fc95e5d2347655aece1c7bed71b2398dff3eaf897f9141"
	    "7ab00dd65632"), "a key record");
	journal_key_step(&journal.key);
	ok(journal.key.turn == 3 && is_hex(journal.key.bytes, "4b48ada965caad9"
	    "b94c73bc547aafb45d04e240cd67d22472fd662730d002812"), "a step");
}

/* --- Texts ---------------------------------------------------------------- */

static const char *const bad_keys[] = {
	"", "agentlens-journal", "agentlens-journal+", KEY_TEXT "\n",
	" " KEY_TEXT, KEY_TEXT "=",
	"agentlens-journal+0d411de9cf2c2b0f+1",
	"agentlens-journal+0d411de9cf2c2b0f+1+",
	"agentlens-journal+0d411de9cf2c2b0e+1+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0D411DE9CF2C2B0F+1+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+d411de9cf2c2b0f+1+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f+0+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f+01+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f++"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f+9007199254740992+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f+99999999999999999999999+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
	"agentlens-journal+0d411de9cf2c2b0f+1+"
	    "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeB",
	"agentlens-journal+0d411de9cf2c2b0f+1+"
	    "aGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoPj4WeA",
};

static void
check_texts(void)
{
	struct journal_key key, other;
	struct journal_mark mark;
	struct text text = TEXT_EMPTY;

	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++)
		ok(journal_key_read(&key, bad_keys[i], strlen(bad_keys[i])) !=
		    0, "key %zu is refused", i);
	journal_key_read(&key, KEY_TEXT, strlen(KEY_TEXT));
	journal_key_write(&text, &key);
	ok(strcmp(text_string(&text), KEY_TEXT) == 0, "a key is written");
	text_truncate(&text, 0);
	ok(journal_mark_read(&mark, MARK_TEXT, strlen(MARK_TEXT)) == 0 &&
	    mark.turn == 2 && mark.number == 2 &&
	    mark.writer == key.writer, "a mark is read");
	journal_mark_write(&text, &mark);
	ok(strcmp(text_string(&text), MARK_TEXT) == 0, "and written");
	ok(journal_mark_read(&mark, KEY_TEXT, strlen(KEY_TEXT)) != 0 &&
	    journal_key_read(&key, MARK_TEXT, strlen(MARK_TEXT)) != 0 &&
	    journal_mark_read(&mark, MARK_TEXT, strlen(MARK_TEXT) - 1) != 0,
	    "one is not read as the other");
	text_truncate(&text, 0);
	ok(journal_key_generate(&key) == 0 &&
	    journal_key_generate(&other) == 0 && key.writer != other.writer &&
	    key.turn == 1, "keys are made");
	journal_key_step(&key);
	journal_key_write(&text, &key);
	ok(journal_key_read(&other, text.data, text.len) == 0 &&
	    other.turn == 2 && other.writer == key.writer &&
	    memcmp(other.bytes, key.bytes, sizeof(key.bytes)) == 0,
	    "a later key, too");
	text_free(&text);
}

/* --- The record ----------------------------------------------------------- */

static void
check_record(void)
{
	unsigned char record[JOURNAL_RECORD_BYTES];
	struct journal journal = make_journal(), back = { 0 };
	int accepted = 0;

	journal_record_write(&journal, record);
	ok(journal_record_read(&back, record) == 0 &&
	    memcmp(&back, &journal, sizeof(back)) == 0,
	    "a record is read as it was written");
	for (int bit = 0; bit < 160 * 8; bit++) {
		record[bit / 8] ^= (unsigned char)(1 << bit % 8);
		accepted += journal_record_read(&back, record) == 0;
		record[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	ok(accepted == 0, "no bit of it may change");

	const struct {
		int64_t turn, number;
	} odd[] = { { 0, 2 }, { -1, 2 }, { INT64_MIN, 2 }, { INT64_MAX, 2 },
		{ ENTRY_NUMBER_MAX + 1, 2 }, { 2, -1 },
		{ 2, ENTRY_NUMBER_MAX + 1 } };
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		journal.key.turn = odd[i].turn;
		journal.number = odd[i].number;
		journal_record_write(&journal, record);
		ok(journal_record_read(&back, record) != 0,
		    "turn %lld and number %lld are refused",
		    (long long)odd[i].turn, (long long)odd[i].number);
	}
}

/* --- At a BEGIN ------------------------------------------------------------ */

/* The record has number 10 and turn 8. */
static const struct {
	const char *what;
	int64_t last;
	bool has_row, same_link;
	int64_t row_turn, last_turn;
	enum journal_state state;
	int64_t lost_first, lost_last;
} views[] = {
	{ "in step", 10, true, true, 7, 7, JOURNAL_IN_STEP, 0, 0 },
	{ "the file is ahead", 13, true, true, 7, 9, JOURNAL_IN_STEP, 0, 0 },
	{ "an older copy", 6, false, false, 3, 3, JOURNAL_OLDER, 4, 7 },
	{ "an empty file", 0, false, false, 0, 0, JOURNAL_OLDER, 1, 7 },
	{ "one that lost only unkeyed rows", 9, false, false, 7, 7,
	    JOURNAL_OLDER, 0, 0 },
	{ "another row", 10, true, false, 5, 5, JOURNAL_BRANCH, 6, 7 },
	{ "a row that is missing, others behind it", 12, false, false, 5, 6,
	    JOURNAL_BRANCH, 7, 7 },
	{ "the turn is behind", 10, true, true, 5, 5, JOURNAL_RECORD, 6, 7 },
	{ "the turn is ahead", 10, true, true, 8, 8, JOURNAL_RECORD, 0, 0 },
	{ "a turn of 10^18", 10, true, true, 7, 1000000000000000000,
	    JOURNAL_IN_STEP, 0, 0 },
	{ "the same in an older copy", 6, false, false, 1000000000000000000,
	    1000000000000000000, JOURNAL_OLDER, 0, 0 },
	{ "a turn of INT64_MIN", 6, false, false, INT64_MIN, INT64_MIN,
	    JOURNAL_OLDER, 0, 0 },
	{ "a turn of INT64_MAX", 10, true, true, INT64_MAX, INT64_MAX,
	    JOURNAL_RECORD, 0, 0 },
};

static void
check_compare(size_t i)
{
	struct journal record = { .number = 10, .keyed = true };
	struct journal_view view = { .last = views[i].last,
		.has_row = views[i].has_row, .row_turn = views[i].row_turn,
		.last_turn = views[i].last_turn };
	struct entry gap = { 0 };

	record.key.turn = 8;
	memset(record.link, 1, sizeof(record.link));
	memset(view.row_link, views[i].same_link ? 1 : 2,
	    sizeof(view.row_link));
	memset(view.last_link, 3, sizeof(view.last_link));
	enum journal_state state = journal_compare(&record, &view);
	ok(state == views[i].state, "%s", views[i].what);
	if (state == JOURNAL_IN_STEP)
		return;
	journal_gap(&record, &view, state, &gap);
	ok(record.number == views[i].last && record.key.turn == 8 &&
	    memcmp(record.link, view.last_link, DIGEST_BYTES) == 0 &&
	    gap.kind == ENTRY_GAP && gap.lost_first == views[i].lost_first &&
	    gap.lost_last == views[i].lost_last &&
	    strcmp(gap.why, journal_state_name(state)) == 0, "%s: the gap",
	    views[i].what);
}

/* The row that comes next, made with the key. */
static struct journal_row
next_row(const struct journal *journal, bool keyed)
{
	struct journal_row row = { .number = journal->number + 1,
		.keyed = keyed, .writer = journal->key.writer,
		.turn = journal->key.turn };

	memcpy(row.leaf, leaf, sizeof(leaf));
	journal_link(keyed ? &journal->key : NULL, journal->link, leaf,
	    row.link);
	return row;
}

static void
refuse_row(const char *what, struct journal_row row)
{
	struct journal journal = make_journal(), before = journal;

	ok(journal_adopt(&journal, &row) == JOURNAL_STRANGE &&
	    memcmp(&journal, &before, sizeof(before)) == 0,
	    "not adopted: %s", what);
}

#define REFUSE(change) do { \
	struct journal now = make_journal(); \
	struct journal_row row = next_row(&now, true); \
	change; \
	refuse_row(#change, row); \
} while (0)

static void
check_adopt(void)
{
	struct journal journal = make_journal(), ahead = journal;
	unsigned char link[DIGEST_BYTES];
	struct journal_row row = next_row(&journal, true);

	journal_append(&ahead, leaf, link);
	ok(journal_adopt(&journal, &row) == JOURNAL_ADOPTED &&
	    memcmp(&journal, &ahead, sizeof(ahead)) == 0,
	    "a row of a crash is adopted");
	row = next_row(&journal, false);
	ok(journal_adopt(&journal, &row) == JOURNAL_ADOPTED &&
	    journal.number == 4 && journal.key.turn == 3,
	    "one that is not keyed as well, without a step");
	row = next_row(&journal, true);
	row.kind = ENTRY_KEY_CLOSE;
	ok(journal_adopt(&journal, &row) == JOURNAL_CLOSED,
	    "the last one of its writer is told");
}

static void
check_strange(void)
{
	REFUSE(row.number++);
	REFUSE(row.number = INT64_MIN);
	REFUSE(row.turn = 1000000000000000000);
	REFUSE(row.turn--);
	REFUSE(row.writer++);
	REFUSE(row.keyed = false);
	REFUSE(row.leaf[0] ^= 1);
	REFUSE(row.link[31] ^= 1);
	REFUSE(memset(row.link, 0, sizeof(row.link)));
}

static void
check_key_id(void)
{
	static char source[4096];
	unsigned char tombstone[KEY_ID_TOMBSTONE_BYTES];
	char hex[KEY_ID_SIZE];

	ok(key_id_compute("secret", 6, id, "agentgate", hex) == 0 &&
	    strcmp(hex, "fd500f17") == 0, "a secret's id");
	memset(source, 'a', sizeof(source) - 1);
	ok(key_id_compute("secret", 6, id, source, hex) != 0,
	    "a source's name that is too long is refused");
	ok(key_id_tombstone("secret", 6, leaf, tombstone) == 0 &&
	    memcmp(tombstone, "\x0d\xe2\xa3\x03\xab\xc1\xc0\x36"
	    "\x4d\xd9\x47\x89\xea\x5e\xc3\xab", sizeof(tombstone)) == 0, "a tombstone");
}

/* --- The file -------------------------------------------------------------- */

static char folder[200], path[224];

static void
write_bytes(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	fwrite(bytes, 1, len, file);
	fclose(file);
}

static void
check_file(void)
{
	struct journal journal = make_journal(), back = { 0 };
	unsigned char other[JOURNAL_ID_BYTES] = { 1 };
	struct keyfile *file = NULL;
	struct stat status;

	ok(keyfile_open(&file, path) == KEYFILE_NONE && file == NULL,
	    "no file");
	ok(keyfile_make(path, &journal) == 0 && stat(path, &status) == 0 &&
	    status.st_size == JOURNAL_RECORD_BYTES &&
	    (status.st_mode & 07777) == 0600, "one is made");
	ok(keyfile_open(&file, path) == KEYFILE_GOOD &&
	    keyfile_read(file, id, &back) == KEYFILE_GOOD &&
	    memcmp(&back, &journal, sizeof(back)) == 0, "and read");
	back.number = 77;
	ok(keyfile_read(file, other, &back) == KEYFILE_FOREIGN &&
	    back.number == 77, "of another journal");
	journal_key_step(&journal.key);
	journal.number++;
	ok(keyfile_write(file, &journal) == 0 &&
	    keyfile_read(file, NULL, &back) == KEYFILE_GOOD &&
	    back.number == journal.number, "and written over");
	ok(!keyfile_is_exposed(file) && chmod(path, 0640) == 0 &&
	    keyfile_is_exposed(file), "others that may read it are noticed");
	ok(keyfile_is_current(file, path), "it is the one at the path");
	unlink(path);
	ok(!keyfile_is_current(file, path) &&
	    keyfile_make(path, &journal) == 0 &&
	    !keyfile_is_current(file, path), "another one is noticed");
	keyfile_close(file);
	keyfile_close(NULL);
}

static void
check_bad_files(void)
{
	struct journal journal = make_journal(), back;
	unsigned char record[JOURNAL_RECORD_BYTES + 1] = { 0 };
	struct keyfile *file = NULL;

	journal_record_write(&journal, record);
	write_bytes(record, 160);
	ok(keyfile_open(&file, path) == KEYFILE_DAMAGED, "a short file");
	write_bytes(record, sizeof(record));
	ok(keyfile_open(&file, path) == KEYFILE_DAMAGED, "a long file");
	write_bytes("", 0);
	ok(keyfile_open(&file, path) == KEYFILE_DAMAGED, "an empty file");
	record[40] ^= 1;
	write_bytes(record, JOURNAL_RECORD_BYTES);
	ok(keyfile_open(&file, path) == KEYFILE_GOOD &&
	    keyfile_read(file, NULL, &back) == KEYFILE_DAMAGED,
	    "a changed record");
	keyfile_close(file);
	unlink(path);
	mkdir(path, 0700);
	ok(keyfile_open(&file, path) == KEYFILE_DAMAGED, "a folder");
	ok(keyfile_make(path, &journal) != 0, "none is made in its place");
	rmdir(path);
	ok(mkfifo(path, 0600) == 0 &&
	    keyfile_open(&file, path) == KEYFILE_DAMAGED,
	    "a FIFO, without waiting");
	unlink(path);
	ok(keyfile_make(path, &journal) == 0 && chmod(path, 0444) == 0 &&
	    chmod(folder, 0755) == 0, "a file that must not be written");
	/* root may write whatever there is. */
	bool is_root = geteuid() == 0 && seteuid(65534) == 0;
	ok(keyfile_open(&file, path) == KEYFILE_UNWRITABLE &&
	    keyfile_read(file, id, &back) == KEYFILE_GOOD &&
	    keyfile_write(file, &journal) != 0, "is read all the same");
	keyfile_close(file);
	ok(!is_root || (seteuid(0) == 0 && chmod(path, 0) == 0 &&
	    seteuid(65534) == 0 &&
	    keyfile_open(&file, path) == KEYFILE_FAILED &&
	    errno == EACCES && seteuid(0) == 0),
	    "one that must not even be read");
	unlink(path);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/agentlens-journal.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (digest_init() != 0 || mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/a.db.key", folder);
	for (int i = 0; i < JOURNAL_ID_BYTES; i++)
		id[i] = (unsigned char)i;
	merkle_leaf("one", 3, leaf);
	check_vectors();
	check_texts();
	check_record();
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		check_compare(i);
	check_adopt();
	check_strange();
	check_key_id();
	check_file();
	check_bad_files();
	rmdir(folder);
	return tap_end();
}
