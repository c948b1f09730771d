#include "base/merkle.h"

#include <string.h>

#define LEAF_PREFIX "\0"
#define NODE_PREFIX "\1"

int
merkle_leaf(const void *data, size_t len, unsigned char hash[DIGEST_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)LEAF_PREFIX, 1 }, { (void *)data, len },
	};
	return digest_sha256(parts, 2, hash);
}

int
merkle_node(const unsigned char left[DIGEST_BYTES],
    const unsigned char right[DIGEST_BYTES],
    unsigned char hash[DIGEST_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)NODE_PREFIX, 1 },
		{ (void *)left, DIGEST_BYTES },
		{ (void *)right, DIGEST_BYTES },
	};
	unsigned char joined[DIGEST_BYTES];
	int result = digest_sha256(parts, 3, joined);

	memcpy(hash, joined, DIGEST_BYTES);
	return result;
}

void
merkle_add(struct merkle *tree, const unsigned char leaf[DIGEST_BYTES])
{
	unsigned char hash[DIGEST_BYTES];
	int level = 0;

	/* As a carry in binary addition: where a level has a node already,
	 * the two become one node of the next level. */
	memcpy(hash, leaf, DIGEST_BYTES);
	for (; (tree->size >> level & 1) != 0; level++)
		if (merkle_node(tree->nodes[level], hash, hash) != 0)
			tree->failed = true;
	memcpy(tree->nodes[level], hash, DIGEST_BYTES);
	tree->size++;
}

int
merkle_root(const struct merkle *tree, unsigned char root[DIGEST_BYTES])
{
	const struct iovec nothing = { (void *)"", 0 };
	bool begun = false;

	if (tree->failed)
		return -1;
	if (tree->size == 0)
		return digest_sha256(&nothing, 1, root);
	for (int level = 0; level < MERKLE_LEVELS; level++) {
		if ((tree->size >> level & 1) == 0)
			continue;
		if (!begun)
			memcpy(root, tree->nodes[level], DIGEST_BYTES);
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

/* The ranges were found from the root down, and a proof lists them from the
 * leaf up. */
static int
reverse(struct merkle_range *path, int count)
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
	return reverse(path, count);
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
	return reverse(path, count);
}

/* fn, sn, fr and sr here and below are the RFC's own names. */
bool
merkle_includes(uint64_t index, uint64_t size,
    const unsigned char leaf[DIGEST_BYTES],
    unsigned char path[][DIGEST_BYTES], int count,
    const unsigned char root[DIGEST_BYTES])
{
	unsigned char hash[DIGEST_BYTES];
	uint64_t fn = index, sn = size - 1;

	if (index >= size)
		return false;
	memcpy(hash, leaf, DIGEST_BYTES);
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
	return sn == 0 && digest_equal(hash, root);
}

/* Steps 5 and 6 of section 2.1.4.2, from the first node on. */
static bool
walk_consistency(uint64_t fn, uint64_t sn,
    const unsigned char first[DIGEST_BYTES],
    unsigned char path[][DIGEST_BYTES], int count,
    const unsigned char old_root[DIGEST_BYTES],
    const unsigned char new_root[DIGEST_BYTES])
{
	unsigned char fr[DIGEST_BYTES], sr[DIGEST_BYTES];

	memcpy(fr, first, DIGEST_BYTES);
	memcpy(sr, first, DIGEST_BYTES);
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
	return sn == 0 && digest_equal(fr, old_root) &&
	    digest_equal(sr, new_root);
}

bool
merkle_continues(uint64_t old, const unsigned char root[DIGEST_BYTES],
    uint64_t size, const unsigned char new_root[DIGEST_BYTES],
    unsigned char path[][DIGEST_BYTES], int count)
{
	uint64_t fn = old - 1, sn = size - 1;
	int begin = 0;

	if (old == 0 || old > size)
		return false;
	if (old == size)
		return count == 0 && digest_equal(root, new_root);
	/* Where `old` is a power of two, its root is a node of the new tree,
	 * and the proof leaves it out. */
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
