#include "merkle.h"

#include <string.h>

#define LEAF_PREFIX "\0"
#define NODE_PREFIX "\1"

int
merkle_leaf(const void *data, size_t len, unsigned char hash[SIGNATURE_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)LEAF_PREFIX, 1 }, { (void *)data, len },
	};
	return signature_sha256(parts, 2, hash);
}

int
merkle_node(const unsigned char left[SIGNATURE_BYTES],
    const unsigned char right[SIGNATURE_BYTES],
    unsigned char hash[SIGNATURE_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)NODE_PREFIX, 1 },
		{ (void *)left, SIGNATURE_BYTES },
		{ (void *)right, SIGNATURE_BYTES },
	};
	unsigned char joined[SIGNATURE_BYTES];
	int result = signature_sha256(parts, 3, joined);

	memcpy(hash, joined, SIGNATURE_BYTES);
	return result;
}

void
merkle_add(struct merkle *tree, const unsigned char leaf[SIGNATURE_BYTES])
{
	unsigned char hash[SIGNATURE_BYTES];
	int level = 0;

	/* As in counting: where there is a node already, the two become one of
	 * the next level. */
	memcpy(hash, leaf, SIGNATURE_BYTES);
	for (; (tree->size >> level & 1) != 0; level++)
		if (merkle_node(tree->nodes[level], hash, hash) != 0)
			tree->failed = true;
	memcpy(tree->nodes[level], hash, SIGNATURE_BYTES);
	tree->size++;
}

int
merkle_root(const struct merkle *tree, unsigned char root[SIGNATURE_BYTES])
{
	const struct iovec nothing = { (void *)"", 0 };
	bool begun = false;

	if (tree->failed)
		return -1;
	if (tree->size == 0)
		return signature_sha256(&nothing, 1, root);
	for (int level = 0; level < MERKLE_LEVELS; level++) {
		if ((tree->size >> level & 1) == 0)
			continue;
		if (!begun)
			memcpy(root, tree->nodes[level], SIGNATURE_BYTES);
		else if (merkle_node(tree->nodes[level], root, root) != 0)
			return -1;
		begun = true;
	}
	return 0;
}

/* The largest power of two below n, n > 1. */
static uint64_t
split(uint64_t n)
{
	uint64_t k = 1;

	while (k < n - k)
		k *= 2;
	return k;
}

/* They were found from the root down; a proof has them from the leaf up. */
static int
turn_around(struct merkle_range *path, int count)
{
	for (int i = 0; i < count / 2; i++) {
		struct merkle_range range = path[i];
		path[i] = path[count - 1 - i];
		path[count - 1 - i] = range;
	}
	return count;
}

int
merkle_inclusion(uint64_t index, uint64_t size,
    struct merkle_range path[MERKLE_PATH_MAX])
{
	uint64_t from = 0, to = size;
	int count = 0;

	while (to - from > 1) {
		uint64_t middle = from + split(to - from);
		if (index < middle) {
			path[count++] = (struct merkle_range){ middle, to };
			to = middle;
		} else {
			path[count++] = (struct merkle_range){ from, middle };
			from = middle;
		}
	}
	return turn_around(path, count);
}

int
merkle_consistency(uint64_t old, uint64_t size,
    struct merkle_range path[MERKLE_PATH_MAX])
{
	uint64_t from = 0, to = size;
	bool whole = true; /* the old tree is a node of the new one so far */
	int count = 0;

	while (old != to) {
		uint64_t middle = from + split(to - from);
		if (old <= middle) {
			path[count++] = (struct merkle_range){ middle, to };
			to = middle;
		} else {
			path[count++] = (struct merkle_range){ from, middle };
			from = middle;
			whole = false;
		}
	}
	if (!whole)
		path[count++] = (struct merkle_range){ from, to };
	return turn_around(path, count);
}

bool
merkle_includes(uint64_t index, uint64_t size,
    const unsigned char leaf[SIGNATURE_BYTES],
    unsigned char path[][SIGNATURE_BYTES], int count,
    const unsigned char root[SIGNATURE_BYTES])
{
	unsigned char hash[SIGNATURE_BYTES];
	uint64_t fn = index, sn = size - 1;

	if (index >= size)
		return false;
	memcpy(hash, leaf, SIGNATURE_BYTES);
	for (int i = 0; i < count; i++) {
		if (sn == 0)
			return false;
		bool left = (fn & 1) != 0 || fn == sn;
		if ((left ? merkle_node(path[i], hash, hash) :
		    merkle_node(hash, path[i], hash)) != 0)
			return false;
		while (left && (fn & 1) == 0 && fn != 0) {
			fn >>= 1;
			sn >>= 1;
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && signature_equal(hash, root);
}

/* The steps 5 and 6 of section 2.1.4.2, from the first node on. */
static bool
walk_consistency(uint64_t fn, uint64_t sn,
    const unsigned char first[SIGNATURE_BYTES],
    unsigned char path[][SIGNATURE_BYTES], int count,
    const unsigned char old_root[SIGNATURE_BYTES],
    const unsigned char new_root[SIGNATURE_BYTES])
{
	unsigned char fr[SIGNATURE_BYTES], sr[SIGNATURE_BYTES];

	memcpy(fr, first, SIGNATURE_BYTES);
	memcpy(sr, first, SIGNATURE_BYTES);
	for (int i = 0; i < count; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			if (merkle_node(path[i], fr, fr) != 0 ||
			    merkle_node(path[i], sr, sr) != 0)
				return false;
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else if (merkle_node(sr, path[i], sr) != 0) {
			return false;
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && signature_equal(fr, old_root) &&
	    signature_equal(sr, new_root);
}

bool
merkle_continues(uint64_t old, const unsigned char root[SIGNATURE_BYTES],
    uint64_t size, const unsigned char new_root[SIGNATURE_BYTES],
    unsigned char path[][SIGNATURE_BYTES], int count)
{
	uint64_t fn = old - 1, sn = size - 1;
	int begin = 0;

	if (old == 0 || old > size)
		return false;
	if (old == size)
		return count == 0 && signature_equal(root, new_root);
	/* A power of two: the old root is a node itself. */
	const unsigned char *first = root;
	if ((old & (old - 1)) != 0) {
		if (count == 0)
			return false;
		first = path[begin++];
	}
	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	return walk_consistency(fn, sn, first, path + begin, count - begin,
	    root, new_root);
}
