#include "journal_file.h"

#include <string.h>

#include "base/merkle.h"

unsigned char file_id[JOURNAL_ID_BYTES] = "a journal's id.";
static unsigned char hash[DIGEST_BYTES];
static struct text scratch;

static void
point(struct row *row)
{
	row->entry.commit = row->commit;
	row->entry.root = row->root;
	row->entry.delivery = row->entry.event = hash;
}

void
row_leaf(struct row *row, unsigned char leaf[DIGEST_BYTES])
{
	point(row);
	if (entry_leaf(&row->entry, &scratch, leaf) != 0)
		memset(leaf, 0, DIGEST_BYTES);
}

struct row *
file_append(struct file *file, struct entry entry)
{
	struct row *row = &file->rows[file->count++];
	unsigned char leaf[DIGEST_BYTES];

	entry.number = file->journal.number + 1;
	entry.keyed = file->journal.keyed;
	entry.writer = file->journal.key.writer;
	entry.turn = file->journal.key.turn;
	entry.received = 1760000000000 + entry.number;
	row->entry = entry;
	row->odd = row->linkless = false;
	if (entry.commit != NULL)
		memcpy(row->commit, entry.commit, DIGEST_BYTES);
	if (entry.root != NULL)
		memcpy(row->root, entry.root, DIGEST_BYTES);
	row_leaf(row, leaf);
	journal_append(&file->journal, leaf, row->link);
	if (file->journal.keyed)
		file->record = file->journal;
	return row;
}

void
file_deliver(struct file *file, int count)
{
	static const struct entry delivery = { .kind = ENTRY_DELIVERY,
		.source = "agentgate", .scheme = "hmac-sha256", .length = 5,
		.mapping = 1, .event_id = "01K", .tenant = "default",
		.org = "default" };

	while (count-- > 0)
		file_append(file, delivery);
}

void
file_root(struct file *file, int count, unsigned char root[DIGEST_BYTES])
{
	struct merkle tree = { 0 };
	unsigned char leaf[DIGEST_BYTES];

	for (int i = 0; i < count; i++) {
		row_leaf(&file->rows[i], leaf);
		merkle_add(&tree, leaf);
	}
	merkle_root(&tree, root);
}

void
file_new_key(struct file *file, bool has_old)
{
	unsigned char commit[DIGEST_BYTES], root[DIGEST_BYTES];
	struct journal_key *key = &file->first[file->keys++];
	uint64_t writer;

	journal_key_generate(key);
	journal_key_commit(key->bytes, commit, &writer);
	if (has_old)
		file_append(file, (struct entry){ .kind = ENTRY_KEY_CLOSE,
			.next = writer, .commit = commit });
	file_root(file, file->count, root);
	file->journal.keyed = true;
	file->journal.key = *key;
	file_append(file, (struct entry){ .kind = ENTRY_KEY_OPEN,
		.commit = commit, .size = file->journal.number,
		.root = root });
}

void
file_begin(struct file *file)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->journal.id, file_id, sizeof(file_id));
	journal_link_begin(file_id, file->journal.link);
}

void
file_ten(struct file *file)
{
	file_begin(file);
	file_new_key(file, false);
	file_deliver(file, 9);
}

enum journal_state
file_go_on(struct file *file)
{
	struct journal_view view = { .last = file->count };
	struct entry gap = { 0 };

	journal_link_begin(file_id, view.last_link);
	view.has_row = file->record.number <= file->count;
	memcpy(view.row_link, view.last_link, DIGEST_BYTES);
	for (int i = 0; i < file->count; i++) {
		const struct row *row = &file->rows[i];
		bool ours = row->entry.keyed &&
		    row->entry.writer == file->record.key.writer;
		memcpy(view.last_link, row->link, DIGEST_BYTES);
		if (row->entry.number == file->record.number)
			memcpy(view.row_link, row->link, DIGEST_BYTES);
		if (ours)
			view.last_turn = row->entry.turn;
		if (ours && row->entry.number <= file->record.number)
			view.row_turn = row->entry.turn;
	}
	file->journal = file->record;
	enum journal_state state = journal_compare(&file->record, &view);
	for (int i = (int)file->record.number;
	    state == JOURNAL_IN_STEP && i < file->count; i++) {
		struct row *row = &file->rows[i];
		struct journal_row next = { row->entry.number,
			row->entry.keyed, row->entry.writer, row->entry.turn,
			row->entry.kind, { 0 }, { 0 } };
		row_leaf(row, next.leaf);
		memcpy(next.link, row->link, DIGEST_BYTES);
		if (journal_adopt(&file->journal, &next) != JOURNAL_ADOPTED)
			state = JOURNAL_FOREIGN;
	}
	if (state != JOURNAL_IN_STEP) {
		journal_gap(&file->journal, &view, state, &gap);
		file_append(file, gap);
	}
	return state;
}
