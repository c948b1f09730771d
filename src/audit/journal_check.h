/*
 * Checks a journal, entry by entry: what doc/evidence.md calls "verify".  It
 * reads no database: who has the entries adds them, in the order of their
 * numbers, each with the leaf of the text that was made of its row.
 *
 * A fault is what no innocent file can hold.  A reservation is what an honest
 * file and a changed one have in common: an older copy has the bytes of a file
 * whose tail was cut.
 */
#ifndef JOURNAL_CHECK_H
#define JOURNAL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/merkle.h"
#include "store/journal.h"

/* Writers of one journal; a file with more is broken. */
#define JOURNAL_CHECK_WRITERS_MAX 64

/* Turns that gaps may skip, all in all, for a key is stepped for each: half a
 * minute's work. */
#define JOURNAL_CHECK_SKIP_MAX (INT64_C(1) << 26)

/* Gaps whose numbers the verdict has. */
#define JOURNAL_CHECK_GAPS_MAX 16

enum journal_fault_code {
	JOURNAL_FAULT_NUMBER,  /* no number, or not above the one before */
	JOURNAL_FAULT_MISSING, /* entries `expected` to `found` */
	JOURNAL_FAULT_VALUE,   /* its row has a value that none has */
	JOURNAL_FAULT_LINK,
	JOURNAL_FAULT_TURN,    /* `found` in place of `expected` */
	JOURNAL_FAULT_WRITER,  /* its writer does not begin with key-open */
	JOURNAL_FAULT_OPENED,  /* a key-open that does not fit */
	JOURNAL_FAULT_CLOSED,  /* its writer was closed before */
	JOURNAL_FAULT_HANDOVER,/* a key-close whose key-open does not follow */
	JOURNAL_FAULT_GAP,     /* its lost turns do not fit */
	JOURNAL_FAULT_FAR,     /* too many turns are skipped to check it */
	JOURNAL_FAULT_MANY,    /* too many writers */
	JOURNAL_FAULT_OF,      /* what it accepts is not before it */
	JOURNAL_FAULT_RECORD,  /* the key record was changed */
	JOURNAL_FAULT_MARK,    /* an end mark is not this journal's */
	JOURNAL_FAULT_ROOT,    /* it is not what a checkpoint has */
	JOURNAL_FAULT_SHORT,   /* it ends before a checkpoint */
	JOURNAL_FAULT_NO_ENTRY,/* none under a key that was given */
	JOURNAL_FAULTS
};

struct journal_fault {
	enum journal_fault_code code;
	int64_t number; /* of the entry; of the whole journal: its last */
	bool keyed;
	uint64_t writer; /* when keyed */
	int64_t expected;
	int64_t found;
};

/* Is told each fault, as it is found. */
typedef void journal_fault_fn(void *context,
    const struct journal_fault *fault);

/* The size and root of a checkpoint whose signature was verified. */
struct journal_root {
	int64_t size;
	unsigned char root[DIGEST_BYTES];
};

/* All is borrowed until the end. */
struct journal_check_options {
	unsigned char id[JOURNAL_ID_BYTES];
	const struct journal_key *keys; /* verification keys */
	size_t keys_count;
	const struct journal *record; /* read before the entries; or NULL */
	const struct journal_mark *marks;
	size_t marks_count;
	const struct journal_root *roots;
	size_t roots_count;
	const int64_t *accepted; /* numbers of gaps that are known */
	size_t accepted_count;
	journal_fault_fn *on_fault;
	void *context;
};

/* What was found, all in all. */
struct journal_verdict {
	int64_t entries;
	int64_t faults;
	int64_t vouched; /* entries whose link a key has made */

	/* Reservations. */
	int64_t lost;        /* entries, at the end */
	int64_t open_ends;   /* writers whose last entry nothing vouches for */
	int64_t not_vouched; /* keyed entries whose key is not at hand */
	int64_t not_keyed;
	int64_t gaps;        /* that are not accepted */
	int64_t gap_numbers[JOURNAL_CHECK_GAPS_MAX];

	int64_t sealed; /* the largest of the roots that were right; or 0 */
	int64_t last;
	unsigned char link[DIGEST_BYTES];
	unsigned char root[DIGEST_BYTES]; /* of use without faults */
};

struct journal_check;

/* Returns NULL when memory runs out or libgcrypt refuses.  The options are
 * copied, what they point to is not. */
struct journal_check *journal_check_open(
    const struct journal_check_options *options);

/*
 * Checks the next entry.  `leaf` is NULL when no text could be made of its row;
 * then number, writer, turn and kind are looked at as far as they make sense.
 * `link` is NULL when the row has none of DIGEST_BYTES.  Returns 0, or -1 when
 * libgcrypt refuses: nothing is said then.
 */
int journal_check_add(struct journal_check *check, const struct entry *entry,
    const unsigned char *leaf, const unsigned char *link);

/* Ends it.  Returns 0 or -1 as above. */
int journal_check_end(struct journal_check *check,
    struct journal_verdict *verdict);

/* Wipes its keys; NULL is allowed. */
void journal_check_close(struct journal_check *check);

/* The stable name of a fault, for output that programs read. */
const char *journal_fault_name(enum journal_fault_code code);

/* Appends the fault as a sentence, without its full stop. */
void journal_fault_write(const struct journal_fault *fault, struct text *out);

/* Whether there is a reservation. */
bool journal_verdict_has_reservation(const struct journal_verdict *verdict);

/* Appends the reservations, each with ", " in front: ", LOST 3, OPEN END,
 * NOT VOUCHED, NOT KEYED, GAP 12, GAP 40". */
void journal_verdict_write(const struct journal_verdict *verdict,
    struct text *out);

#endif
