/* A seal: what the file held at one moment, as two Merkle trees. */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/merkle.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "reader/entries.h"

/* A tree is sealed in at most this many parts of equal size, each with a hash,
 * so that it can be said where something was changed. */
#define SEAL_PARTS 256

struct seal_tree {
	uint64_t size;
	unsigned char root[DIGEST_BYTES];
	uint64_t part; /* leaves in one part: a power of two */
	int parts;
	unsigned char hashes[SEAL_PARTS][DIGEST_BYTES];
};

struct seal {
	char time[TIMESTAMP_SIZE];
	char last_event[DIGEST_HEX_SIZE]; /* the id of the newest event */
	struct seal_tree events;
	struct seal_tree deliveries;
	bool has_mac; /* in a seal that was read */
	unsigned char mac[DIGEST_BYTES];
};

/* A key of an HMAC, from a file or the environment; wiped when freed. */
struct seal_key {
	char *bytes;
	size_t len;
};

#define SEAL_KEY_VARIABLE "AGENTLENS_SEAL_KEY"

/* Reads the key from the file, without its last newline; from the environment
 * when `path` is NULL.  No key in the environment is no error: then key->bytes
 * is NULL.  Returns 0, or -1 with a sentence; free the key in both cases. */
int seal_key_read(struct seal_key *key, const char *path,
    struct error *error);
void seal_key_free(struct seal_key *key);

/* Reads a seal and checks that it is whole; with a key also its HMAC.
 * Returns 0, or -1 with a sentence. */
int seal_read(struct seal *seal, const char *path,
    const struct seal_key *key, struct error *error);

/* Makes the seal of the file as it is now.  Returns 0; or -1, and
 * database_error() says why. */
int seal_make(struct database *database, struct seal *seal);

/* Appends the lines of the seal, the last one being its HMAC when there is a
 * key.  Returns 0, or -1 when memory or libgcrypt fails. */
int seal_write(const struct seal *seal, const struct seal_key *key,
    struct text *out);

/* --- Growing one ---------------------------------------------------------- */

/* A tree that is grown leaf by leaf, with its parts. */
struct seal_growth {
	const struct seal_tree *sealed; /* to compare with, or NULL */
	uint64_t part;         /* leaves in one part */
	struct merkle whole;
	struct merkle current; /* the part that is being grown */
	struct seal_tree tree; /* complete after seal_end() */
	int64_t wrong;         /* the first part that is not as sealed, or -1 */
	uint64_t wrong_from, wrong_to; /* its leaves, from 0 */
};

/* Begins a tree.  When `sealed`, which is borrowed, is not NULL, it grows only
 * to that size and is compared with it. */
void seal_begin(struct seal_growth *growth, const struct seal_tree *sealed);

/* Adds a leaf.  Returns whether it ended the first part that is not as
 * sealed. */
bool seal_add(struct seal_growth *growth,
    const unsigned char leaf[DIGEST_BYTES]);

/* Ends the tree.  Returns 0, or -1 when libgcrypt refuses. */
int seal_end(struct seal_growth *growth);

#endif
