#include "audit/journal_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct writer {
	uint64_t id;
	int64_t turn;    /* of its last entry that counts */
	int64_t excused; /* turns that faults, told already, may have taken */
	int64_t number;  /* of its last entry */
	int64_t vouched;
	bool closed;
	bool has_key;
	struct journal_key key; /* of the next turn to check */
	bool end_known; /* where it is, or should be */
};

struct journal_check {
	struct journal_check_options options;
	struct journal_verdict verdict;
	struct writer writers[JOURNAL_CHECK_WRITERS_MAX];
	int writers_count;
	bool too_many;

	unsigned char link[DIGEST_BYTES]; /* of the last entry, as stored */
	bool has_link; /* it is there, and of the entry before the next */
	struct merkle tree;
	bool tree_broken;
	int64_t missing; /* entries, which may have been anybody's */
	int64_t skip_left;

	/* A key-close, whose key-open must be the next entry. */
	bool handover;
	uint64_t next;
	unsigned char next_commit[DIGEST_BYTES];

	bool record_row;  /* the record's number was passed */
	bool record_link; /* with its link */
	bool record_turn; /* and its turn */
};

/* --- Faults --------------------------------------------------------------- */

static void
tell(struct journal_check *check, enum journal_fault_code code,
    const struct entry *entry, int64_t expected, int64_t found)
{
	const struct journal_fault fault = {
		.code = code,
		.number = entry != NULL ? entry->number : check->verdict.last,
		.keyed = entry != NULL && entry->keyed,
		.writer = entry != NULL ? entry->writer : 0,
		.expected = expected,
		.found = found,
	};

	check->verdict.faults++;
	if (check->options.on_fault != NULL)
		check->options.on_fault(check->options.context, &fault);
}

/* A fault of the journal as a whole that names a writer. */
static void
tell_writer(struct journal_check *check, enum journal_fault_code code,
    uint64_t writer, int64_t expected, int64_t found)
{
	const struct entry entry = { .number = check->verdict.last,
		.keyed = true, .writer = writer };

	tell(check, code, &entry, expected, found);
}

/* --- Writers -------------------------------------------------------------- */

static struct writer *
find_writer(struct journal_check *check, uint64_t id)
{
	for (int i = 0; i < check->writers_count; i++)
		if (check->writers[i].id == id)
			return &check->writers[i];
	return NULL;
}

/* A writer that is met for the first time; NULL when there are too many. */
static struct writer *
add_writer(struct journal_check *check, uint64_t id)
{
	const struct journal_check_options *options = &check->options;

	if (check->writers_count == JOURNAL_CHECK_WRITERS_MAX)
		return NULL;
	struct writer *writer = &check->writers[check->writers_count++];
	*writer = (struct writer){ .id = id, .excused = check->missing };
	/* Of several keys of one writer the earliest says most. */
	for (size_t i = 0; i < options->keys_count; i++)
		if (options->keys[i].writer == id && (!writer->has_key ||
		    options->keys[i].turn < writer->key.turn)) {
			writer->has_key = true;
			writer->key = options->keys[i];
		}
	return writer;
}

static void
excuse(int64_t *excused, int64_t turns)
{
	*excused = turns > ENTRY_NUMBER_MAX - *excused ? ENTRY_NUMBER_MAX :
	    *excused + turns;
}

/* What is missing or unreadable may have been anybody's. */
static void
excuse_all(struct journal_check *check, int64_t turns)
{
	excuse(&check->missing, turns);
	for (int i = 0; i < check->writers_count; i++)
		excuse(&check->writers[i].excused, turns);
}

/* Whether an entry of this turn may follow the writer's last one. */
static bool
turn_fits(struct journal_check *check, const struct writer *writer,
    const struct entry *entry)
{
	int64_t next = writer->turn + 1;

	if (entry->kind == ENTRY_GAP && entry->lost_first != 0) {
		if (entry->lost_first != next ||
		    entry->lost_last != entry->turn - 1) {
			/* After another fault nobody can say. */
			if (writer->excused == 0)
				tell(check, JOURNAL_FAULT_GAP, entry, next,
				    entry->lost_first);
			return writer->excused > 0 && entry->turn >= next;
		}
		return true;
	}
	if (entry->turn == next || (entry->turn > next &&
	    entry->turn - next <= writer->excused))
		return true;
	tell(check, entry->kind == ENTRY_GAP && entry->turn > next ?
	    JOURNAL_FAULT_GAP : JOURNAL_FAULT_TURN, entry, next, entry->turn);
	return false;
}

static void
count_turn(struct writer *writer, const struct entry *entry)
{
	writer->turn = entry->turn;
	writer->excused = 0;
}

/* --- Links ---------------------------------------------------------------- */

/* Brings a copy of the writer's key to a turn, as far as that is allowed.
 * Returns 1; 0 having told that it is too far; or -1. */
static int
key_at(struct journal_check *check, const struct writer *writer,
    const struct entry *entry, struct journal_key *key)
{
	int64_t steps = entry->turn - writer->key.turn;

	if (steps > check->skip_left) {
		tell(check, JOURNAL_FAULT_FAR, entry, check->skip_left, steps);
		return 0;
	}
	check->skip_left -= steps;
	*key = writer->key;
	while (key->turn < entry->turn)
		if (journal_key_step(key) != 0)
			return -1;
	return 1;
}

/* An entry of a writer whose key is at hand, at a turn that fits. */
static int
check_mac(struct journal_check *check, struct writer *writer,
    const struct entry *entry, const unsigned char *leaf,
    const unsigned char *link)
{
	unsigned char made[DIGEST_BYTES];
	struct journal_key key;
	int result = key_at(check, writer, entry, &key);

	if (result != 1)
		return result;
	result = journal_link(&key, check->link, leaf, made);
	if (result == 0 && !digest_equal(made, link)) {
		/* What the key disowns moves no counter. */
		tell(check, JOURNAL_FAULT_LINK, entry, 0, 0);
		excuse(&writer->excused, 1);
	} else if (result == 0) {
		count_turn(writer, entry);
		writer->vouched++;
		check->verdict.vouched++;
		result = journal_key_step(&key);
		writer->key = key;
	}
	explicit_bzero(&key, sizeof(key));
	return result;
}

/* The first entry of a writer opens its key. */
static int
check_opening(struct journal_check *check, const struct entry *entry)
{
	unsigned char root[DIGEST_BYTES];

	if (check->tree_broken)
		return 0;
	if (merkle_root(&check->tree, root) != 0)
		return -1;
	if (journal_writer(entry->commit) != entry->writer ||
	    entry->size != entry->number - 1 ||
	    memcmp(entry->root, root, sizeof(root)) != 0)
		tell(check, JOURNAL_FAULT_OPENED, entry, entry->number - 1,
		    entry->size);
	return 0;
}

static int
check_keyed(struct journal_check *check, const struct entry *entry,
    const unsigned char *leaf, const unsigned char *link)
{
	struct writer *writer = find_writer(check, entry->writer);
	bool opens = leaf != NULL && entry->kind == ENTRY_KEY_OPEN;
	bool first = writer == NULL;

	if (first)
		writer = add_writer(check, entry->writer);
	if (writer == NULL) {
		if (!check->too_many)
			tell(check, JOURNAL_FAULT_MANY, entry, 0, 0);
		check->too_many = true;
		check->verdict.not_vouched++;
		return 0;
	}
	writer->number = entry->number;
	if (first != opens && leaf != NULL)
		tell(check, JOURNAL_FAULT_WRITER, entry, 0, 0);
	if (opens && check_opening(check, entry) != 0)
		return -1;
	if (writer->closed)
		tell(check, JOURNAL_FAULT_CLOSED, entry, 0, 0);
	if (leaf == NULL || link == NULL || !check->has_link) {
		/* It cannot be checked, which a fault has said. */
		excuse(&writer->excused, 1);
		return 0;
	}
	if (!turn_fits(check, writer, entry)) {
		excuse(&writer->excused, 1);
		return 0;
	}
	if (writer->has_key && entry->turn >= writer->key.turn)
		return check_mac(check, writer, entry, leaf, link);
	check->verdict.not_vouched++;
	count_turn(writer, entry);
	return 0;
}

static int
check_unkeyed(struct journal_check *check, const struct entry *entry,
    const unsigned char *leaf, const unsigned char *link)
{
	unsigned char made[DIGEST_BYTES];

	check->verdict.not_keyed++;
	if (leaf == NULL || link == NULL || !check->has_link)
		return 0;
	if (journal_link(NULL, check->link, leaf, made) != 0)
		return -1;
	if (!digest_equal(made, link))
		tell(check, JOURNAL_FAULT_LINK, entry, 0, 0);
	return 0;
}

/* --- Entries -------------------------------------------------------------- */

/* Whether the number is one, and the next; what is missing is told. */
static bool
check_number(struct journal_check *check, const struct entry *entry)
{
	int64_t next = check->verdict.last + 1;

	if (entry->number < next || entry->number > ENTRY_NUMBER_MAX) {
		tell(check, JOURNAL_FAULT_NUMBER, entry, next, entry->number);
		return false;
	}
	if (entry->number > next) {
		tell(check, JOURNAL_FAULT_MISSING, entry, next,
		    entry->number - 1);
		excuse_all(check, entry->number - next);
		check->has_link = false;
		check->tree_broken = true;
	}
	check->verdict.last = entry->number;
	return true;
}

/* A key-close and its key-open are written at once. */
static void
check_handover(struct journal_check *check, const struct entry *entry)
{
	if (check->handover && (entry == NULL ||
	    entry->kind != ENTRY_KEY_OPEN || !entry->keyed ||
	    entry->writer != check->next || memcmp(entry->commit,
	    check->next_commit, DIGEST_BYTES) != 0))
		tell(check, JOURNAL_FAULT_HANDOVER, entry, 0, 0);
	check->handover = false;
}

static void
check_kind(struct journal_check *check, const struct entry *entry)
{
	struct journal_verdict *verdict = &check->verdict;
	bool accepted = false;

	if (entry->kind == ENTRY_KEY_CLOSE && entry->keyed) {
		struct writer *writer = find_writer(check, entry->writer);
		if (writer != NULL)
			writer->closed = true;
		check->handover = true;
		check->next = entry->next;
		memcpy(check->next_commit, entry->commit, DIGEST_BYTES);
	}
	if ((entry->kind == ENTRY_KEY_CLOSE || entry->kind == ENTRY_KEY_OPEN ||
	    entry->kind == ENTRY_GAP) && !entry->keyed)
		tell(check, JOURNAL_FAULT_WRITER, entry, 0, 0);
	if (entry->kind == ENTRY_ACCEPTED && entry->of >= entry->number)
		tell(check, JOURNAL_FAULT_OF, entry, 0, entry->of);
	if (entry->kind != ENTRY_GAP)
		return;
	for (size_t i = 0; i < check->options.accepted_count; i++)
		accepted |= check->options.accepted[i] == entry->number;
	if (accepted)
		return;
	if (verdict->gaps < JOURNAL_CHECK_GAPS_MAX)
		verdict->gap_numbers[verdict->gaps] = entry->number;
	verdict->gaps++;
}

/* --- What is known from elsewhere ----------------------------------------- */

/* Whether the writer's key, brought to the record's turn, is the record's:
 * 1 or 0, or -1. */
static int
record_key_fits(struct journal_check *check, const struct writer *writer)
{
	const struct journal *record = check->options.record;
	const struct entry at = { .number = check->verdict.last,
		.keyed = true, .writer = writer->id,
		.turn = record->key.turn };
	struct journal_key key;

	if (!writer->has_key || writer->key.turn > record->key.turn)
		return 1;
	int result = key_at(check, writer, &at, &key);
	if (result == 1)
		result = digest_equal(key.bytes, record->key.bytes);
	explicit_bzero(&key, sizeof(key));
	return result;
}

/* At the record's number: is this the journal that it ran with? */
static int
pass_record(struct journal_check *check)
{
	const struct journal *record = check->options.record;
	struct writer *writer;

	if (record == NULL || record->number != check->verdict.last)
		return 0;
	writer = find_writer(check, record->key.writer);
	check->record_row = true;
	check->record_link = check->has_link &&
	    memcmp(record->link, check->link, DIGEST_BYTES) == 0;
	check->record_turn = record->key.turn - 1 ==
	    (writer == NULL ? 0 : writer->turn);
	if (writer == NULL || !check->record_link || !check->record_turn)
		return 0;
	int fits = record_key_fits(check, writer);
	check->record_turn = fits == 1;
	return fits < 0 ? -1 : 0;
}

/* At the mark's number.  Returns 0 or -1. */
static int
pass_mark(struct journal_check *check, const struct journal_mark *mark)
{
	const struct writer *writer = find_writer(check, mark->writer);
	unsigned char made[DIGEST_BYTES];

	/* A later key cannot check an earlier mark. */
	if (writer != NULL && (!writer->has_key || !check->has_link ||
	    (writer->vouched == 0 && writer->key.turn > mark->turn)))
		return 0;
	if (writer == NULL || writer->turn != mark->turn - 1 ||
	    writer->key.turn != mark->turn) {
		tell_writer(check, JOURNAL_FAULT_MARK, mark->writer,
		    writer == NULL ? 1 : writer->turn + 1, mark->turn);
		return 0;
	}
	if (journal_end_mark(&writer->key, check->link, made) != 0)
		return -1;
	if (!digest_equal(made, mark->mark))
		tell_writer(check, JOURNAL_FAULT_MARK, mark->writer, 0, 0);
	return 0;
}

static int
pass_marks(struct journal_check *check)
{
	for (size_t i = 0; i < check->options.marks_count; i++) {
		const struct journal_mark *mark = &check->options.marks[i];
		if (mark->number == check->verdict.last &&
		    pass_mark(check, mark) != 0)
			return -1;
	}
	return 0;
}

static int
pass_roots(struct journal_check *check)
{
	unsigned char root[DIGEST_BYTES];

	for (size_t i = 0; i < check->options.roots_count; i++) {
		const struct journal_root *sealed = &check->options.roots[i];
		if (sealed->size != check->verdict.last || check->tree_broken)
			continue;
		if (merkle_root(&check->tree, root) != 0)
			return -1;
		if (memcmp(root, sealed->root, sizeof(root)) != 0)
			tell(check, JOURNAL_FAULT_ROOT, NULL, 0,
			    sealed->size);
		else if (sealed->size > check->verdict.sealed)
			check->verdict.sealed = sealed->size;
	}
	return 0;
}

/* --- Beginning and adding ------------------------------------------------- */

struct journal_check *
journal_check_open(const struct journal_check_options *options)
{
	struct journal_check *check = secret_alloc(sizeof(*check));

	if (check == NULL)
		return NULL;
	check->options = *options;
	check->skip_left = JOURNAL_CHECK_SKIP_MAX;
	check->has_link = true;
	if (journal_link_begin(options->id, check->link) != 0 ||
	    pass_record(check) != 0 || pass_roots(check) != 0) {
		journal_check_close(check);
		return NULL;
	}
	return check;
}

void
journal_check_close(struct journal_check *check)
{
	secret_free(check, sizeof(*check));
}

int
journal_check_add(struct journal_check *check, const struct entry *entry,
    const unsigned char *leaf, const unsigned char *link)
{
	check->verdict.entries++;
	if (!check_number(check, entry))
		return 0;
	if (leaf == NULL) {
		tell(check, JOURNAL_FAULT_VALUE, entry, 0, 0);
		excuse_all(check, 1);
		check->tree_broken = true;
		check->handover = false;
	} else {
		check_handover(check, entry);
	}
	if (link == NULL)
		tell(check, JOURNAL_FAULT_LINK, entry, 0, 0);
	if ((entry->keyed ? check_keyed(check, entry, leaf, link) :
	    check_unkeyed(check, entry, leaf, link)) != 0)
		return -1;
	if (leaf != NULL) {
		check_kind(check, entry);
		merkle_add(&check->tree, leaf);
	}
	check->has_link = link != NULL;
	if (link != NULL)
		memcpy(check->link, link, DIGEST_BYTES);
	return pass_record(check) != 0 || pass_marks(check) != 0 ||
	    pass_roots(check) != 0 ? -1 : 0;
}

/* --- The end -------------------------------------------------------------- */

/* The record is of what the file does not hold, or another branch of it. */
static int
end_lost(struct journal_check *check, struct writer *writer)
{
	const struct journal *record = check->options.record;
	int64_t turns = record->key.turn - 1 -
	    (writer == NULL ? 0 : writer->turn);
	int64_t numbers = record->number - check->verdict.last;
	int fits = writer == NULL ? 1 : record_key_fits(check, writer);

	if (fits < 0)
		return -1;
	/* After several older copies more turns are lost than numbers; on
	 * another branch at least that one entry is another. */
	if (fits == 0 || turns < 0)
		tell_writer(check, JOURNAL_FAULT_RECORD, record->key.writer,
		    0, record->key.turn);
	else
		check->verdict.lost = numbers > turns ? numbers :
		    turns > 0 ? turns : 1;
	return 0;
}

static int
end_record(struct journal_check *check)
{
	const struct journal *record = check->options.record;
	struct writer *writer;

	if (record == NULL)
		return 0;
	writer = find_writer(check, record->key.writer);
	if (writer != NULL)
		writer->end_known = true;
	if (!check->record_row || !check->record_link)
		return end_lost(check, writer);
	if (!check->record_turn)
		tell_writer(check, JOURNAL_FAULT_RECORD, record->key.writer,
		    0, record->key.turn);
	return 0;
}

static void
end_marks(struct journal_check *check)
{
	for (size_t i = 0; i < check->options.marks_count; i++) {
		const struct journal_mark *mark = &check->options.marks[i];
		struct writer *writer = find_writer(check, mark->writer);
		int64_t turn = writer == NULL ? 0 : writer->turn;
		int64_t lost = mark->number - check->verdict.last;

		if (lost > check->verdict.lost)
			check->verdict.lost = lost;
		if (writer != NULL && writer->has_key && lost <= 0 &&
		    mark->turn == turn + 1)
			writer->end_known = true;
	}
}

static void
end_roots(struct journal_check *check)
{
	for (size_t i = 0; i < check->options.roots_count; i++)
		if (check->options.roots[i].size > check->verdict.last)
			tell(check, JOURNAL_FAULT_SHORT, NULL,
			    check->options.roots[i].size,
			    check->verdict.last);
}

static void
end_keys(struct journal_check *check)
{
	for (size_t i = 0; i < check->options.keys_count; i++) {
		uint64_t id = check->options.keys[i].writer;
		struct writer *writer = find_writer(check, id);
		if (writer == NULL || writer->vouched == 0)
			tell_writer(check, JOURNAL_FAULT_NO_ENTRY, id, 0, 0);
	}
}

int
journal_check_end(struct journal_check *check,
    struct journal_verdict *verdict)
{
	check_handover(check, NULL);
	if (end_record(check) != 0)
		return -1;
	end_marks(check);
	end_roots(check);
	end_keys(check);
	for (int i = 0; i < check->writers_count; i++) {
		const struct writer *writer = &check->writers[i];
		if (!writer->closed && !writer->end_known &&
		    writer->number > check->verdict.sealed)
			check->verdict.open_ends++;
	}
	*verdict = check->verdict;
	memcpy(verdict->link, check->link, DIGEST_BYTES);
	return merkle_root(&check->tree, verdict->root);
}
