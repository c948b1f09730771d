/*
 * An entry of the journal: what is written about one delivery, or about one
 * act of the owner, as a canonical text, and the leaf that is its hash.
 * doc/evidence.md has the format to the byte.
 *
 * The text holds every column that is kept of an entry, or a commitment to it:
 * so whoever computes the leaf anew has checked all of them.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"

/* Of numbers, turns, counts and times: what a double, and so every reader of
 * JSON, keeps exactly. */
#define ENTRY_NUMBER_MAX INT64_C(9007199254740991)

/* Of codes: lower-case letters, digits and hyphens. */
#define ENTRY_CODE_MAX 64

#define ENTRY_SALT_BYTES 16
#define ENTRY_WRITER_DIGITS 16

enum entry_kind {
	ENTRY_DELIVERY,
	ENTRY_REFUSED,
	ENTRY_ACCEPTED,
	ENTRY_PRUNE,
	ENTRY_ERASE,
	ENTRY_TAKEOVER,
	ENTRY_KEY_OPEN,
	ENTRY_KEY_CLOSE,
	ENTRY_GAP,
	ENTRY_KINDS
};

/* What is remarkable about a delivery, as bits; stored as names in the order
 * of this list.  New ones come at its end. */
enum entry_note {
	ENTRY_NOTE_ID_REUSED,    /* its idempotency key came with other bytes */
	ENTRY_NOTE_TIME_MOVED,   /* the event's time is not the sender's */
	ENTRY_NOTE_SESSION_KEPT, /* it changed no status, agent or start of a
	                            session that a signed sender began */
	ENTRY_NOTES
};

/*
 * All is borrowed.  Which fields a kind has, the table in entry.c says; the
 * others are not looked at.  Hashes are DIGEST_BYTES long.
 */
struct entry {
	int64_t number; /* from 1 */
	bool keyed;
	uint64_t writer; /* of the key, when keyed */
	int64_t turn;    /* the same, from 1 */
	enum entry_kind kind;
	int64_t received; /* ms since 1970: when it was written */

	/* Deliveries, refused and accepted ones. */
	int64_t of;          /* the number of the refused one */
	const char *source;  /* a code */
	const char *scheme;  /* a code: how it is signed; NULL: it is not */
	int64_t length;      /* of the body, in bytes */
	int64_t mapping;     /* the version of mapping and rules */
	const char *reason;  /* a code: why it was refused */
	unsigned notes;      /* 1 << each enum entry_note */
	const unsigned char *address;  /* commitment, or NULL */
	const unsigned char *delivery; /* the same */
	const char *event_id;
	const unsigned char *event;    /* commitment */
	const char *tenant;
	const char *org;
	const char *project; /* or NULL */

	/* Prune and erase; takeover. */
	const char *what; /* a code: what was removed */
	int64_t before;   /* what came before this time; below 0: null */
	int64_t count;    /* of entries */
	const unsigned char *numbers; /* see entry_numbers_add() */
	int64_t sessions;
	int64_t events;

	/* Keys: the root also of a takeover. */
	uint64_t next; /* the writer that follows */
	const unsigned char *commit;
	int64_t size;
	const unsigned char *root;

	/* A gap. */
	const char *why; /* a code */
	int64_t lost_first; /* turns; 0: none */
	int64_t lost_last;
};

/* The stable name of a kind, and the kind of a name: ENTRY_KINDS for none. */
const char *entry_kind_name(enum entry_kind kind);
enum entry_kind entry_kind_find(const char *name);

/* The stable name of a note. */
const char *entry_note_name(enum entry_note note);

/*
 * Appends the text.  Returns 0; or -1, with `out` as it was, when a value is
 * out of its range, no UTF-8, no code, or missing where the kind needs one, as
 * in a file that somebody changed, or when memory runs out (out->failed).
 */
int entry_write(const struct entry *entry, struct text *out);

/* Writes the text into `text`, in place of what it held, and computes the
 * leaf, SHA-256(0x00 || text).  Returns 0 or -1 as entry_write(). */
int entry_leaf(const struct entry *entry, struct text *text,
    unsigned char leaf[DIGEST_BYTES]);

/* --- Commitments ---------------------------------------------------------- */

/* What is not in the text itself.  Each has a salt of its own. */
enum entry_part {
	ENTRY_PART_ADDRESS,  /* the sender's address, its bytes */
	ENTRY_PART_DELIVERY, /* entry_write_delivery() */
	ENTRY_PART_EVENT,    /* the event's hash, 64 hex digits */
	ENTRY_PART_SESSION,  /* entry_write_session() */
	ENTRY_PARTS
};

/* SHA-256(label || 0x00 || salt || data).  Returns 0 or -1. */
int entry_commit(enum entry_part part,
    const unsigned char salt[ENTRY_SALT_BYTES], const void *data, size_t len,
    unsigned char commitment[DIGEST_BYTES]);

struct entry_header {
	const char *name;
	const char *value; /* its bytes; not UTF-8 maybe */
};

/* What of a delivery is behind its commitment.  Absent is NULL or 0. */
struct entry_delivery {
	const unsigned char *body;   /* SHA-256 of the bytes that came */
	const char *key_id;          /* of the secret: 8 hex digits */
	const unsigned char *signature;
	size_t signature_len;
	const struct entry_header *headers;
	size_t headers_count;
	const unsigned char *idempotency_key; /* DIGEST_BYTES */
};

/* Appends it as JSON.  A byte of a header's value is the character of that
 * number, so that any bytes are text.  Returns 0; or -1, with `out` as it was,
 * when a name is no UTF-8 or memory runs out. */
int entry_write_delivery(const struct entry_delivery *delivery,
    struct text *out);

/* Appends what a taken-over session is committed to:
 * ["tenant","session",count,"hash"].  Returns as entry_write(). */
int entry_write_session(const char *tenant, const char *session,
    int64_t count, const char *hash, struct text *out);

/* Adds the next number to the digest of the removed ones: each as eight bytes,
 * the highest first, in ascending order. */
void entry_numbers_add(struct digest_stream *stream, int64_t number);

#endif
