/* audit/journal_check.c: journals with planted faults, and innocent ones. */
#include "audit/journal_check.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/journal_file.h"
#include "tap.h"

static struct text report;

/* --- Checking ------------------------------------------------------------- */

static void
on_fault(void *context, const struct journal_fault *fault)
{
	(void)context;
	text_printf(&report, "%s%s@%lld", report.len == 0 ? "" : " ",
	    journal_fault_name(fault->code), (long long)fault->number);
}

/* Checks the file, and leaves in `report` the faults and reservations. */
static void
run(struct file *file, struct journal_check_options options,
    struct journal_verdict *verdict)
{
	unsigned char leaf[DIGEST_BYTES];
	int result = 0;

	text_truncate(&report, 0);
	memcpy(options.id, file_id, sizeof(file_id));
	options.on_fault = on_fault;
	struct journal_check *check = journal_check_open(&options);
	for (int i = 0; i < file->count; i++) {
		struct row *row = &file->rows[i];
		row_leaf(row, leaf);
		result |= journal_check_add(check, &row->entry,
		    row->odd ? NULL : leaf, row->linkless ? NULL : row->link);
	}
	result |= journal_check_end(check, verdict);
	journal_check_close(check);
	journal_verdict_write(verdict, &report);
	if (result != 0)
		text_puts(&report, " failed");
}

static struct journal_check_options
with_keys(const struct file *file)
{
	return (struct journal_check_options){ .keys = file->first,
		.keys_count = (size_t)file->keys,
		.record = file->record.keyed ? &file->record : NULL };
}

static void
expect(const char *what, struct file *file,
    struct journal_check_options options, const char *expected)
{
	struct journal_verdict verdict;

	run(file, options, &verdict);
	if (!ok(strcmp(text_string(&report), expected) == 0, "%s", what))
		printf("# expected '%s', found '%s'\n", expected,
		    text_string(&report));
}

/* With the key, and the record as it is. */
static void
expect_key(const char *what, struct file *file, const char *expected)
{
	expect(what, file, with_keys(file), expected);
}

static struct file file, copy, other;

/* Chains the rows from `from` on anew, as who has no former key would: keyed
 * links are made with the key that the record has. */
static void
forge_links(int from)
{
	unsigned char leaf[DIGEST_BYTES], previous[DIGEST_BYTES];

	journal_link_begin(file_id, previous);
	if (from > 0)
		memcpy(previous, file.rows[from - 1].link, DIGEST_BYTES);
	for (int i = from; i < file.count; i++) {
		struct row *row = &file.rows[i];
		row_leaf(row, leaf);
		journal_link(row->entry.keyed ? &file.record.key : NULL,
		    previous, leaf, row->link);
		memcpy(previous, row->link, DIGEST_BYTES);
	}
	memcpy(file.record.link, previous, DIGEST_BYTES);
	file.record.number = file.count;
}

static void
remove_row(int at, bool renumber)
{
	memmove(&file.rows[at], &file.rows[at + 1],
	    (size_t)(--file.count - at) * sizeof(file.rows[0]));
	for (int i = at; renumber && i < file.count; i++)
		file.rows[i].entry.number--;
}

/* --- Innocent files ------------------------------------------------------- */

static void
check_innocent(void)
{
	struct journal_verdict verdict;

	file_begin(&file);
	expect_key("nothing at all", &file, "");
	file_deliver(&file, 3);
	expect("a file that never had a key", &file,
	    (struct journal_check_options){ 0 }, ", NOT KEYED");
	file_new_key(&file, false);
	file_deliver(&file, 5);
	expect_key("a key that came later", &file, ", NOT KEYED");
	file_ten(&file);
	run(&file, with_keys(&file), &verdict);
	ok(report.len == 0 && verdict.vouched == 10 && verdict.last == 10 &&
	    !journal_verdict_has_reservation(&verdict),
	    "keyed from the first entry on");
	expect("the same, without the key", &file,
	    (struct journal_check_options){ .record = &file.record },
	    ", NOT VOUCHED");
	expect("without key and record", &file,
	    (struct journal_check_options){ 0 }, ", OPEN END, NOT VOUCHED");
	expect("with the key, without the record", &file,
	    (struct journal_check_options){ .keys = file.first,
	    .keys_count = 1 }, ", OPEN END");
	file_new_key(&file, true);
	file_deliver(&file, 4);
	expect_key("a key that followed another", &file, "");
	expect("the first of two keys only", &file,
	    (struct journal_check_options){ .keys = file.first,
	    .keys_count = 1, .record = &file.record }, ", NOT VOUCHED");
	file_new_key(&file, false);
	file_deliver(&file, 2);
	expect_key("the old key was lost", &file, ", OPEN END");
}

static void
check_later_key(void)
{
	struct journal_key later;

	file_ten(&file);
	later = file.first[0];
	for (int i = 1; i < 6; i++)
		journal_key_step(&later);
	expect("a later key: the same from its turn on", &file,
	    (struct journal_check_options){ .keys = &later, .keys_count = 1,
	    .record = &file.record }, ", NOT VOUCHED");
	file.rows[7].entry.length++;
	expect("it finds what was changed after it", &file,
	    (struct journal_check_options){ .keys = &later, .keys_count = 1,
	    .record = &file.record }, "link@8, NOT VOUCHED");
}

static void
check_crash(void)
{
	file_ten(&file);
	struct journal before = file.record;
	file_deliver(&file, 3);
	file.record = before;
	expect_key("the record was not written before a crash", &file, "");
	ok(file_go_on(&file) == JOURNAL_IN_STEP && file.journal.number == 13,
	    "the responder adopts the rows");
	file_deliver(&file, 2);
	expect_key("and goes on", &file, "");
}

static void
check_older(void)
{
	file_ten(&file);
	copy = file;
	file_deliver(&file, 7);
	copy.record = file.record;
	file = copy;
	expect_key("an older copy", &file, ", LOST 7");
	ok(file_go_on(&file) == JOURNAL_OLDER, "the responder finds it");
	file_deliver(&file, 3);
	expect_key("and goes on", &file, ", GAP 11");
	expect("without the key", &file, (struct journal_check_options){
	    .record = &file.record }, ", NOT VOUCHED, GAP 11");
	int64_t known = 11;
	struct journal_check_options options = with_keys(&file);
	options.accepted = &known;
	options.accepted_count = 1;
	expect("the gap is known", &file, options, "");

	/* Now that copy once more. */
	copy.record = file.record;
	other = copy;
	expect_key("the older copy once more", &other, ", LOST 11");
	ok(file_go_on(&other) == JOURNAL_OLDER, "the responder finds it again");
	expect_key("with the lost turns of both", &other, ", GAP 11");
}

static void
check_branch(void)
{
	file_ten(&file);
	copy = file;
	/* The key file is away for a while, and an older copy goes on. */
	file_deliver(&file, 2);
	copy.record = file.record;
	copy.journal.keyed = false;
	file_deliver(&copy, 3);
	file = copy;
	expect_key("another branch", &file, ", LOST 2, NOT KEYED");
	ok(file_go_on(&file) == JOURNAL_BRANCH, "the responder finds it");
	file_deliver(&file, 2);
	expect_key("and goes on", &file, ", NOT KEYED, GAP 14");
}

static void
check_unkeyed_between(void)
{
	file_ten(&file);
	file.journal.keyed = false;
	file_deliver(&file, 2);
	expect_key("the key file was not to be written for a while", &file,
	    ", NOT KEYED");
	ok(file_go_on(&file) == JOURNAL_IN_STEP, "it is used again");
	file_deliver(&file, 2);
	expect_key("and goes on", &file, ", NOT KEYED");
}

/* --- Broken ones ---------------------------------------------------------- */

static void
check_rows(void)
{
	file_ten(&file);
	file.rows[4].entry.length = 6;
	expect_key("a value changed", &file, "link@5");
	forge_links(4);
	expect_key("and chained anew", &file,
	    "link@5 link@6 link@7 link@8 link@9 link@10 record@10");
	file_ten(&file);
	file.rows[4].link[0] ^= 1;
	expect_key("a link changed", &file, "link@5 link@6");
	file_ten(&file);
	file.rows[4].linkless = true;
	expect_key("a link that is none", &file, "link@5");
	file_ten(&file);
	file.rows[4].odd = true;
	expect_key("a value that is none", &file, "value@5");
	file.rows[9].odd = true;
	expect_key("in the last row, too", &file, "value@5 value@10 record@10");
	file_ten(&file);
	remove_row(4, false);
	expect_key("a row removed", &file, "missing@6");
	file_ten(&file);
	remove_row(4, true);
	forge_links(4);
	expect_key("a row removed, all renumbered and chained anew", &file,
	    "turn@5 turn@6 turn@7 turn@8 turn@9 record@9");
	file_ten(&file);
	remove_row(0, false);
	expect_key("the first row removed", &file,
	    "missing@2 writer@2");
	file_ten(&file);
	file.rows[5] = file.rows[4];
	expect_key("a row doubled", &file, "number@5 missing@7");
	file_ten(&file);
	struct row row = file.rows[4];
	file.rows[4] = file.rows[5];
	file.rows[5] = row;
	file.rows[4].entry.number = 5;
	file.rows[5].entry.number = 6;
	expect_key("two rows swapped", &file, "turn@5 link@6 link@7");
}

static void
check_numbers(void)
{
	static const int64_t numbers[] = { 0, -1, INT64_MIN, INT64_MAX,
		ENTRY_NUMBER_MAX + 1 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char expected[64];
		file_ten(&file);
		file_deliver(&file, 1);
		file.rows[10].entry.number = numbers[i];
		file.record = (struct journal){ 0 };
		snprintf(expected, sizeof(expected), "number@%lld, OPEN END",
		    (long long)numbers[i]);
		expect("a row with a number that is none", &file,
		    (struct journal_check_options){ .keys = file.first,
		    .keys_count = 1 }, expected);
	}
}

/* Turns of 10^18 must not be counted up to. */
static void
check_huge_turns(void)
{
	file_ten(&file);
	file.rows[9].entry.turn = ENTRY_NUMBER_MAX;
	expect_key("a turn of 2^53 - 1", &file, "turn@10 record@10");
	file.rows[9].entry.kind = ENTRY_GAP;
	file.rows[9].entry.why = "older";
	file.rows[9].entry.lost_first = 10;
	file.rows[9].entry.lost_last = ENTRY_NUMBER_MAX - 1;
	expect_key("in a gap entry that fits", &file, "far@10 record@10, GAP 10");
	file.rows[9].entry.lost_last = 3;
	expect_key("in one that does not", &file, "gap@10 record@10, GAP 10");
	file_ten(&file);
	file.record.key.turn = ENTRY_NUMBER_MAX;
	file.record.number = ENTRY_NUMBER_MAX;
	expect_key("in the record", &file, "far@10 record@10");
	expect("in the record, without the key", &file,
	    (struct journal_check_options){ .record = &file.record },
	    ", LOST 9007199254740981, NOT VOUCHED");
}

static void
check_thief(void)
{
	struct entry gap = { .kind = ENTRY_GAP, .why = "older" };

	/* Who holds the present key: turn 11. */
	file_ten(&file);
	file.count = 7;
	expect_key("the tail cut", &file, ", LOST 3");
	file.record.number = 7;
	memcpy(file.record.link, file.rows[6].link, DIGEST_BYTES);
	expect_key("the tail cut, and the record edited", &file, "record@7");
	file.journal = file.record;
	file_deliver(&file, 3);
	expect_key("the tail written anew with the present key", &file,
	    "turn@8 turn@9 turn@10 record@10");

	file_ten(&file);
	file.count = 7;
	file.journal = file.record;
	file.journal.number = 7;
	memcpy(file.journal.link, file.rows[6].link, DIGEST_BYTES);
	gap.lost_first = 8;
	gap.lost_last = 10;
	file_append(&file, gap);
	expect_key("his own gap entry that tells the count", &file,
	    ", GAP 8");
	file.rows[7].entry.lost_first = 10;
	expect_key("one that tells less", &file, "gap@8 record@8, GAP 8");
	file_ten(&file);
	file.count = 7;
	file.journal = file.record;
	file.journal.number = 7;
	memcpy(file.journal.link, file.rows[6].link, DIGEST_BYTES);
	gap.lost_first = 0;
	file_append(&file, gap);
	file_deliver(&file, 2);
	expect_key("one that tells nothing", &file,
	    "gap@8 turn@9 turn@10 record@10, GAP 8");

	/* The last five replaced by rows without a key. */
	file_ten(&file);
	file.count = 5;
	file.journal.keyed = false;
	file.journal.number = 5;
	memcpy(file.journal.link, file.rows[4].link, DIGEST_BYTES);
	file_deliver(&file, 5);
	file.record.number = 10;
	memcpy(file.record.link, file.journal.link, DIGEST_BYTES);
	expect_key("rows without a key in place of keyed ones", &file,
	    "record@10, NOT KEYED");
	ok(file_go_on(&file) == JOURNAL_RECORD, "the responder finds it");
	file_deliver(&file, 2);
	expect_key("and it is shown for ever", &file, ", NOT KEYED, GAP 11");
}

static void
check_record(void)
{
	file_ten(&file);
	file.record.key.bytes[0] ^= 1;
	expect_key("another key in the record", &file, "record@10");
	file_ten(&file);
	file.record.key.turn++;
	expect_key("a later turn in the record", &file, "record@10");
	file_ten(&file);
	journal_key_step(&file.record.key);
	expect_key("with its key", &file, "record@10");
	ok(file_go_on(&file) == JOURNAL_RECORD, "the responder finds it");
	expect_key("and tells the turn that it does not have", &file,
	    ", GAP 11");
	file_ten(&file);
	file.record.number++;
	for (int i = 0; i < 5; i++)
		journal_key_step(&file.record.key);
	expect_key("more turns lost than numbers", &file, ", LOST 5");
	file_ten(&file);
	file.record.number += 3;
	expect_key("no turn lost, three numbers", &file, ", LOST 3");
}

static void
check_keys(void)
{
	struct file *f = &file;

	file_ten(f);
	file_ten(&other);
	expect("another file's key", f, (struct journal_check_options){
	    .keys = other.first, .keys_count = 1, .record = &f->record },
	    "no-entry@10, NOT VOUCHED");
	file_new_key(f, true);
	file_deliver(f, 2);
	struct journal after = f->journal;
	f->journal.key = f->first[0];
	for (int i = 1; i < 12; i++)
		journal_key_step(&f->journal.key);
	file_deliver(f, 1);
	f->record = after;
	expect_key("an entry of a closed writer", f, "closed@15");

	file_ten(f);
	file_new_key(f, true);
	f->count--;
	f->record = (struct journal){ 0 };
	expect("a key closed, and no other opened", f,
	    (struct journal_check_options){ .keys = f->first,
	    .keys_count = 1 }, "handover@11");
	file_ten(f);
	file_new_key(f, true);
	f->rows[11].commit[9] ^= 1;
	expect_key("opened with another commitment", f,
	    "handover@12 link@12 record@12 no-entry@12");
	file_ten(f);
	f->rows[0].root[0] ^= 1;
	expect_key("a key opened for another beginning", f,
	    "opened@1 link@1");
	file_ten(f);
	file_new_key(f, false);
	f->rows[10].entry.size = 3;
	expect_key("or another size", f,
	    "opened@11 link@11 record@11 no-entry@11, OPEN END");
	file_ten(f);
	f->rows[0].entry.kind = ENTRY_TAKEOVER;
	expect_key("a writer that begins otherwise", f, "writer@1 link@1");
}

/* A file of many writers takes no more memory. */
static void
check_many(void)
{
	file_begin(&file);
	for (int i = 0; i < JOURNAL_CHECK_WRITERS_MAX + 9; i++) {
		file.keys = 0;
		file_new_key(&file, false);
	}
	expect("too many writers", &file, (struct journal_check_options){ 0 },
	    "many@65, OPEN END, NOT VOUCHED");
}

static void
check_accepted(void)
{
	static const struct entry accepted = { .kind = ENTRY_ACCEPTED,
		.of = 11, .mapping = 1, .event_id = "01K",
		.tenant = "default", .org = "default" };

	file_ten(&file);
	file_append(&file, accepted);
	expect_key("an entry that accepts itself", &file, "of@11");
	file_ten(&file);
	file_deliver(&file, 1);
	file_append(&file, accepted);
	expect_key("one that accepts the one before", &file, "");
	file_ten(&file);
	file.journal.keyed = false;
	file_append(&file, (struct entry){ .kind = ENTRY_GAP, .why = "older" });
	expect_key("a gap entry without a key", &file,
	    "writer@11, NOT KEYED, GAP 11");
}

/* Without a key a file's links are all that there is. */
static void
check_unkeyed(void)
{
	struct journal_check_options none = { 0 };

	file_begin(&file);
	file_deliver(&file, 6);
	copy = file;
	file.rows[2].entry.length++;
	expect("a value changed in a file without a key", &file, none,
	    "link@3, NOT KEYED");
	file = copy;
	file.rows[2].odd = true;
	file.rows[4].linkless = true;
	expect("a value and a link that are none", &file, none,
	    "value@3 link@5, NOT KEYED");
	file = copy;
	remove_row(2, false);
	expect("a row removed from it", &file, none, "missing@4, NOT KEYED");
}

/* --- Marks and checkpoints ------------------------------------------------ */

static void
check_marks(void)
{
	struct journal_check_options options;
	struct journal_mark mark;

	file_ten(&file);
	mark = (struct journal_mark){ .writer = file.journal.key.writer,
		.turn = file.journal.key.turn, .number = 10 };
	journal_end_mark(&file.journal.key, file.journal.link, mark.mark);
	options = (struct journal_check_options){ .keys = file.first,
		.keys_count = 1, .marks = &mark, .marks_count = 1 };
	expect("a mark vouches for the end", &file, options, "");
	options.keys_count = 0;
	expect("not without the key", &file, options,
	    ", OPEN END, NOT VOUCHED");
	options.keys_count = 1;
	file.count = 8;
	expect("the tail cut", &file, options, ", LOST 2, OPEN END");
	file.count = 10;
	file_deliver(&file, 1);
	expect("what came after it is open", &file, options, ", OPEN END");
	mark.mark[0] ^= 1;
	expect("a mark that is wrong", &file, options, "mark@10, OPEN END");
	mark.mark[0] ^= 1;
	mark.turn = 4;
	expect("of another turn", &file, options, "mark@10, OPEN END");
	mark.writer ^= 1;
	expect("of another journal", &file, options, "mark@10, OPEN END");
}

static void
check_roots(void)
{
	struct journal_check_options options;
	struct journal_root root = { .size = 10 };

	file_ten(&file);
	file_root(&file, 10, root.root);
	options = (struct journal_check_options){ .keys = file.first,
		.keys_count = 1, .roots = &root, .roots_count = 1 };
	expect("a checkpoint vouches for the end", &file, options, "");
	file_deliver(&file, 1);
	expect("what came after it is open", &file, options, ", OPEN END");
	file.count = 9;
	expect("the journal ends before it", &file, options,
	    "short@9, OPEN END");
	file_begin(&file);
	file_new_key(&file, false);
	file_deliver(&file, 10);
	options.keys = file.first;
	expect("the owner wrote it all anew", &file, options,
	    "root@10, OPEN END");
}

static void
check_words(void)
{
	struct text text = TEXT_EMPTY;
	struct journal_verdict verdict = { .gaps = 20, .lost = 3,
		.open_ends = 2, .not_vouched = 7, .not_keyed = 1 };
	bool named = true;

	for (int code = 0; code < JOURNAL_FAULTS; code++) {
		const struct journal_fault fault = {
			.code = (enum journal_fault_code)code, .number = 7,
			.keyed = true, .writer = 255, .expected = 3,
			.found = 5 };
		named &= journal_fault_name(fault.code) != NULL;
		text_truncate(&text, 0);
		journal_fault_write(&fault, &text);
		named &= strncmp(text_string(&text), "entry 7 (writer "
		    "00000000000000ff): ", 35) == 0 && text.len > 45;
	}
	ok(named, "each fault has a name and a sentence");
	text_truncate(&text, 0);
	journal_verdict_write(&verdict, &text);
	ok(strncmp(text.data, ", LOST 3, OPEN END, NOT VOUCHED, NOT KEYED, "
	    "GAP 0", 49) == 0 && strstr(text.data, " and 4 more") != NULL,
	    "reservations are named");
	verdict.gaps = JOURNAL_CHECK_GAPS_MAX;
	text_truncate(&text, 0);
	journal_verdict_write(&verdict, &text);
	ok(strstr(text.data, "more") == NULL, "and no more than there are");
	text_free(&text);
}

int
main(void)
{
	if (digest_init() != 0)
		return 1;
	check_innocent();
	check_later_key();
	check_crash();
	check_older();
	check_branch();
	check_unkeyed_between();
	check_rows();
	check_numbers();
	check_huge_turns();
	check_thief();
	check_record();
	check_keys();
	check_many();
	check_accepted();
	check_unkeyed();
	check_marks();
	check_roots();
	check_words();
	text_free(&report);
	return tap_end();
}
