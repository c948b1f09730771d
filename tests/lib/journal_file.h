/* A journal's file, written as the responder writes it, to plant faults in. */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "store/journal.h"

#define ROWS_MAX 600

/* What a file holds: rows, and what is in its key file. */
struct row {
	struct entry entry;
	unsigned char commit[DIGEST_BYTES], root[DIGEST_BYTES];
	bool odd; /* no text can be made of it */
	bool linkless;
	unsigned char link[DIGEST_BYTES];
};

struct file {
	struct row rows[ROWS_MAX];
	int count;
	struct journal journal; /* as the responder goes on with it */
	struct journal record;
	struct journal_key first[3]; /* verification keys */
	int keys;
};

extern unsigned char file_id[JOURNAL_ID_BYTES];

void file_begin(struct file *file);
struct row *file_append(struct file *file, struct entry entry);
void file_deliver(struct file *file, int count);

/* A new key; the old one closes with it, if it is at hand. */
void file_new_key(struct file *file, bool has_old);

/* Ten entries: a key opened, nine deliveries. */
void file_ten(struct file *file);

/* What the responder does at a BEGIN, with the engine's part done here. */
enum journal_state file_go_on(struct file *file);

/* The leaf of a row, 0s where no text can be made of it. */
void row_leaf(struct row *row, unsigned char leaf[DIGEST_BYTES]);

/* The root of the first `count` rows. */
void file_root(struct file *file, int count, unsigned char root[DIGEST_BYTES]);

#endif
