/*
 * The links of the journal, and the keys that they are made with.
 * doc/evidence.md has the construction to the byte.
 *
 * Each entry's link is over the link before it and the entry's leaf.  A keyed
 * one is a mac under a key that is used for it alone: the next key is made of
 * it, and it is wiped.  So who takes the present key can make no link of the
 * past, and who has the first one can check all of them.
 *
 * A writer is a key and its followers; it counts its entries in turns.  The
 * journal counts all entries in numbers.  After a restored copy the two differ.
 *
 * Nothing here reads a database: the engine hands in what it holds.  Functions
 * that compute return 0, or -1 when libgcrypt refuses.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"
#include "store/entry.h"

#define JOURNAL_ID_BYTES 16
#define JOURNAL_KEY_BYTES 32

/* A key of a writer at one turn. */
struct journal_key {
	uint64_t writer;
	int64_t turn; /* the next entry's, from 1 */
	unsigned char bytes[JOURNAL_KEY_BYTES];
};

/* Where a journal ends, and the key for what comes next.  Holds a secret when
 * keyed: it belongs into base/secret.h's memory, and a copy for a rollback
 * too. */
struct journal {
	unsigned char id[JOURNAL_ID_BYTES];
	int64_t number; /* of the last entry, 0: none */
	unsigned char link[DIGEST_BYTES];
	bool keyed;
	struct journal_key key;
};

/* --- Links and keys ------------------------------------------------------- */

/* link(0), of a journal without entries. */
int journal_link_begin(const unsigned char id[JOURNAL_ID_BYTES],
    unsigned char link[DIGEST_BYTES]);

/* The link of an entry; key is NULL for one that is not keyed.  `link` may be
 * `previous`. */
int journal_link(const struct journal_key *key,
    const unsigned char previous[DIGEST_BYTES],
    const unsigned char leaf[DIGEST_BYTES], unsigned char link[DIGEST_BYTES]);

/* Makes the key that of the next turn; nothing leads back. */
int journal_key_step(struct journal_key *key);

/* A new writer's key, at turn 1. */
int journal_key_generate(struct journal_key *key);

/* What a writer's first key is committed to, and with it the writer's id:
 * its first eight bytes. */
int journal_key_commit(const unsigned char first[JOURNAL_KEY_BYTES],
    unsigned char commit[DIGEST_BYTES], uint64_t *writer);
uint64_t journal_writer(const unsigned char commit[DIGEST_BYTES]);

/* Vouches that the writer's last entry so far is the one before the key's turn,
 * and the journal's last link is this one; it gives no key away. */
int journal_end_mark(const struct journal_key *key,
    const unsigned char link[DIGEST_BYTES], unsigned char mark[DIGEST_BYTES]);

/* Puts an entry with this leaf at the end: its link, also into `link`, and
 * the key's step.  The entry's text had journal->number + 1, and writer and
 * turn of the key. */
int journal_append(struct journal *journal,
    const unsigned char leaf[DIGEST_BYTES], unsigned char link[DIGEST_BYTES]);

/* --- The key as text ------------------------------------------------------ */

/*
 * "agentlens-journal+writer+turn+base64", the verification key.  Reading wants
 * exactly that text.  Returns 0, or -1: no such text, a checksum that is wrong,
 * or at turn 1 a key that is not the writer's.
 */
int journal_key_read(struct journal_key *key, const char *text, size_t len);
void journal_key_write(struct text *out, const struct journal_key *key);

/* An end mark: the writer's next turn, the journal's last number, the mark. */
struct journal_mark {
	uint64_t writer;
	int64_t turn;
	int64_t number;
	unsigned char mark[DIGEST_BYTES];
};

/* The same for "agentlens-journal-end+writer+turn+number+base64". */
int journal_mark_read(struct journal_mark *mark, const char *text, size_t len);
void journal_mark_write(struct text *out, const struct journal_mark *mark);

/* --- The key record ------------------------------------------------------- */

/* What a key file holds; the rest of it is zero. */
#define JOURNAL_RECORD_BYTES 512

/* Writes a keyed journal's end as its key record. */
int journal_record_write(const struct journal *journal,
    unsigned char record[JOURNAL_RECORD_BYTES]);

/* Reads one.  Returns 0, or -1 when it is damaged: another beginning, a number
 * out of its range, or a checksum that is wrong.  Whether the id is that of
 * the database, the caller looks. */
int journal_record_read(struct journal *journal,
    const unsigned char record[JOURNAL_RECORD_BYTES]);

/* --- Where record and file part ------------------------------------------- */

/* What the engine finds in the file, with the record at hand. */
struct journal_view {
	/* The last row, by number, of those up to ENTRY_NUMBER_MAX - 1; a row
	 * beyond that is not counted.  0: none, and link(0). */
	int64_t last;
	unsigned char last_link[DIGEST_BYTES];

	/* The row that has the record's number; of number 0 it is there, with
	 * link(0).  A link that is no blob of DIGEST_BYTES is all zero. */
	bool has_row;
	unsigned char row_link[DIGEST_BYTES];

	/* The turn of the writer's last row up to that one, and of its last
	 * row in the file; 0: none. */
	int64_t row_turn;
	int64_t last_turn;
};

enum journal_state {
	JOURNAL_IN_STEP, /* rows after the record's are still to be adopted */
	JOURNAL_OLDER,   /* the file ends before the record */
	JOURNAL_BRANCH,  /* the row has another link */
	JOURNAL_RECORD,  /* the turn does not fit: the record was changed */
	JOURNAL_FOREIGN  /* a row behind the record is not this writer's */
};

/* Compares the record with the file. */
enum journal_state journal_compare(const struct journal *record,
    const struct journal_view *view);

/* A row behind the record, as the engine reads it, its leaf computed. */
struct journal_row {
	int64_t number;
	bool keyed;
	uint64_t writer;
	int64_t turn;
	enum entry_kind kind;
	unsigned char leaf[DIGEST_BYTES];
	unsigned char link[DIGEST_BYTES];
};

enum journal_adoption {
	JOURNAL_ADOPTED,
	JOURNAL_STRANGE, /* it is not what comes next: JOURNAL_FOREIGN */
	JOURNAL_CLOSED,  /* the last one of its writer: do not use the key */
	JOURNAL_FAILED   /* libgcrypt refuses */
};

/*
 * Takes the row that follows into a journal that was a record in step: a crash
 * came between the commit and the writing of the record.  Only the present key
 * is stepped, once: no claim of the file makes this compute more.
 */
enum journal_adoption journal_adopt(struct journal *journal,
    const struct journal_row *row);

/*
 * Moves the end of the journal to the file's, where state and view say that
 * they part, and fills in the gap entry that must be the next: kind, reason and
 * lost turns.  The caller adds number, writer, turn and time, as of any entry,
 * and appends it.
 */
void journal_gap(struct journal *journal, const struct journal_view *view,
    enum journal_state state, struct entry *gap);

/* The code of a gap's reason. */
const char *journal_state_name(enum journal_state state);

#endif
