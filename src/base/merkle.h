/* Merkle trees as in Certificate Transparency (RFC 9162, section 2.1): a hash
 * that commits to a list of any length, with short proofs of what is in it.
 * They do not know what the leaves are made of. */
#ifndef MERKLE_H
#define MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define MERKLE_LEVELS 64

/* A proof has at most two hashes a level. */
#define MERKLE_PATH_MAX (2 * MERKLE_LEVELS)

/* A tree that leaves are added to; begins as { 0 }.  It keeps one hash for
 * each level, and no leaves. */
struct merkle {
	uint64_t size;
	bool failed; /* libgcrypt refused; the root is of no use */
	unsigned char nodes[MERKLE_LEVELS][DIGEST_BYTES];
};

/* The leaves from..to - 1 of a list. */
struct merkle_range {
	uint64_t from;
	uint64_t to;
};

/* The hash of a leaf, SHA-256(0x00 || data).  Returns 0, or -1 when libgcrypt
 * refuses, as all functions here that return an int for success. */
int merkle_leaf(const void *data, size_t len,
    unsigned char hash[DIGEST_BYTES]);

/* The hash of a node, SHA-256(0x01 || left || right); `hash` may be one of the
 * two.  Returns 0 or -1. */
int merkle_node(const unsigned char left[DIGEST_BYTES],
    const unsigned char right[DIGEST_BYTES],
    unsigned char hash[DIGEST_BYTES]);

/* Adds the hash of the next leaf. */
void merkle_add(struct merkle *tree, const unsigned char leaf[DIGEST_BYTES]);

/* The Merkle tree hash of all leaves, SHA-256("") without any.  Returns 0 or
 * -1. */
int merkle_root(const struct merkle *tree,
    unsigned char root[DIGEST_BYTES]);

/*
 * The ranges whose tree hashes are the inclusion proof of leaf `index` among
 * `size` (section 2.1.3.1), in the order of the proof.  Returns how many.
 */
int merkle_inclusion(uint64_t index, uint64_t size,
    struct merkle_range path[MERKLE_PATH_MAX]);

/* The same for the consistency proof between the tree of the first `old`
 * leaves and that of all `size` (section 2.1.4.1), 0 < old <= size. */
int merkle_consistency(uint64_t old, uint64_t size,
    struct merkle_range path[MERKLE_PATH_MAX]);

/* Whether the path shows the leaf's hash at `index` of the tree of this size
 * and root (section 2.1.3.2). */
bool merkle_includes(uint64_t index, uint64_t size,
    const unsigned char leaf[DIGEST_BYTES],
    unsigned char path[][DIGEST_BYTES], int count,
    const unsigned char root[DIGEST_BYTES]);

/* Whether the path shows that the tree of size `old` is the beginning of the
 * one of `size` (section 2.1.4.2). */
bool merkle_continues(uint64_t old, const unsigned char root[DIGEST_BYTES],
    uint64_t size, const unsigned char new_root[DIGEST_BYTES],
    unsigned char path[][DIGEST_BYTES], int count);

#endif
