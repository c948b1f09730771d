/*
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and signature
 * lines, with Ed25519 (type 1), and with the cosignatures that witnesses put on
 * checkpoints (c2sp.org/tlog-cosignature, type 4, to be verified only).
 */
#ifndef NOTE_H
#define NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ed25519.h"
#include "base/text.h"

/* Of a key's name, in bytes. */
#define NOTE_NAME_MAX 255

/* Of a whole note, in bytes, and of its signature lines: as Go's sumdb/note
 * has them; the specification asks for at least 16 lines. */
#define NOTE_BYTES_MAX 1000000
#define NOTE_LINES_MAX 100

enum note_type {
	NOTE_ED25519 = 1,
	NOTE_COSIGNATURE = 4
};

/* A public key that is known. */
struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint32_t id;
	enum note_type type;
	unsigned char public[ED25519_PUBLIC_BYTES];
};

/* A private key of type NOTE_ED25519.  The caller wipes it. */
struct note_signer {
	struct note_key key;
	unsigned char seed[ED25519_SEED_BYTES];
};

/* Whether this can be a key's name: 1 to NOTE_NAME_MAX bytes of UTF-8 without
 * a space of Unicode, a control character or "+". */
bool note_is_name(const char *name, size_t len);

/* Reads "name+id+base64".  Returns 0; or -1 when it is none, its id is not of
 * its name and key, or the key is one that ed25519.h refuses. */
int note_key_read(struct note_key *key, const char *text, size_t len);

/* Appends it in the same form. */
void note_key_write(struct text *out, const struct note_key *key);

/* Whether both are the same key under the same name. */
bool note_key_equal(const struct note_key *a, const struct note_key *b);

/* The same for "PRIVATE+KEY+name+id+base64"; and making a new one.  They
 * return 0 or -1; the signer is wiped when they fail. */
int note_signer_read(struct note_signer *signer, const char *text, size_t len);
int note_signer_generate(struct note_signer *signer, const char *name);
void note_signer_write(struct text *out, const struct note_signer *signer);

/*
 * Appends the note: the text, which must be UTF-8, without control characters
 * but newlines, and end with one; the empty line; one signature line.
 * Returns 0, or -1 with `out` as it was when the text cannot be signed,
 * memory runs out, or libgcrypt refuses.
 */
int note_sign(struct text *out, const char *text, size_t len,
    const struct note_signer *signer);

/* A signature line.  What it points to is inside the note. */
struct note_line {
	const char *line; /* from the dash on, without its newline */
	size_t len;
	const char *name;
	size_t name_len;
	uint32_t id;
	const struct note_key *key; /* whose signature it is; NULL: unknown */
	uint64_t time; /* of a cosignature, in seconds since 1970; else 0 */
};

struct note {
	const char *text;
	size_t text_len;
	struct note_line lines[NOTE_LINES_MAX];
	int count;
	int verified; /* lines of known keys, all of them right */
};

enum note_error {
	NOTE_OK,
	NOTE_MALFORMED,     /* it is no signed note */
	NOTE_BAD_SIGNATURE, /* a known key's is wrong: believe nothing */
	NOTE_UNKNOWN_KEYS,  /* no line is of a known key */
	NOTE_FAILED         /* memory, or libgcrypt */
};

/*
 * Opens a note with the keys that are known.  Each line of a known key is
 * verified, the same key's second one too.  The text may be
 * believed only with NOTE_OK; lines and text are set with NOTE_UNKNOWN_KEYS as
 * well.  All of the note is borrowed from `bytes` and `keys`.
 */
enum note_error note_open(struct note *note, const char *bytes, size_t len,
    const struct note_key *keys, size_t count);

/* Whether this key has signed the opened note. */
bool note_is_signed_by(const struct note *note, const struct note_key *key);

#endif
