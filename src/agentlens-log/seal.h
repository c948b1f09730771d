/* A seal: what the file held at one moment, as two Merkle trees. */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "evidence.h"
#include "faults.h"
#include "merkle.h"
#include "timestamp.h"

/* Of a tree as many hashes of equal parts, so that a fault can be placed. */
#define SEAL_PARTS 256

struct seal_tree {
	uint64_t size;
	unsigned char root[SIGNATURE_BYTES];
	uint64_t part; /* leaves in one part: a power of two */
	int parts;
	unsigned char hashes[SEAL_PARTS][SIGNATURE_BYTES];
};

struct seal {
	char time[TIMESTAMP_SIZE];
	char last_event[SIGNATURE_HEX_SIZE]; /* the id of the newest */
	struct seal_tree events;
	struct seal_tree deliveries;
	bool has_mac;
	unsigned char mac[SIGNATURE_BYTES];
};

/* A key of an HMAC, from a file or the environment; wiped when freed. */
struct seal_key {
	char *bytes;
	size_t len;
};

/* From the file, its last newline left out, or, when it is NULL, from
 * AGENTLENS_SEAL_KEY; none at all is no error.  Returns 0 or -1. */
int seal_key_read(struct seal_key *key, const char *path);
void seal_key_free(struct seal_key *key);

/* Reads a seal and checks that it is whole; with a key also its HMAC.
 * Returns 0, or -1 having said why. */
int seal_read(struct seal *seal, const char *path,
    const struct seal_key *key);

/* Appends the seal's lines. */
int seal_write(const struct seal *seal, const struct seal_key *key,
    struct text *out);

/* --- Growing one ---------------------------------------------------------- */

/* A tree that is grown leaf by leaf, with its parts. */
struct seal_growth {
	const struct seal_tree *sealed; /* to compare with, or NULL */
	uint64_t part;
	struct merkle whole;
	struct merkle current; /* the part */
	struct seal_tree tree;
	int64_t wrong;         /* the first part that is not as sealed, or -1 */
	uint64_t wrong_from, wrong_to; /* its leaves, from 0 */
};

/* Begins, for comparing with a sealed tree when that is not NULL. */
void seal_begin(struct seal_growth *growth, const struct seal_tree *sealed);

/* Adds a leaf.  Returns whether it ended a part that is not as sealed. */
bool seal_add(struct seal_growth *growth,
    const unsigned char leaf[SIGNATURE_BYTES]);

/* Ends it; the tree is complete then.  Returns 0, or -1 when libgcrypt
 * refuses. */
int seal_end(struct seal_growth *growth);

#endif
