/*
 * rfc9162: holds the Merkle trees to the vectors of Certificate Transparency's
 * own tests, and proofs of all small trees to their verification.  Prints TAP.
 */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/merkle.h"
#include "tap.h"

#define LEAVES 70

/* The leaves and the roots of the first one, two, … of them, from
 * certificate-transparency's merkletree tests. */
static const struct {
	const char *data;
	size_t len;
	const char *root;
} vectors[] = {
	{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c"
	    "78901d3fb33738768511a30617afa01d" },
	{ "\0", 1, "fac54203e7cc696cf0dfcb42c92a1d9d"
	    "baf70ad9e621f4bd8d98662f00e3c125" },
	{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264"
	    "db0fa9b51af5e0ba159158f329e06e77" },
	{ "\x20\x21", 2, "d37ee418976dd95753c1c73862b9398f"
	    "a2a2cf9b4ff0fdfe8b30cd95209614b7" },
	{ "\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3"
	    "bca12c9aefca1612bfce4c13a86264d4" },
	{ "\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f"
	    "98dfb16fbce75277b5232a127f2087ef" },
	{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
	    "ddb89be403809e325750d3d263cd7892"
	    "9c2942b7942a34b77e122c9594a74c8c" },
	{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
	    16, "5dc9da79a70659a9ad559cb701ded9a2"
	    "ab9d823aad2f4960cfe370eff4604328" },
};

static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855";

static bool wrong;

/* One of the many proofs of a test. */
static void
check(const char *what, unsigned a, unsigned b, bool good)
{
	if (good)
		return;
	printf("# %s (%u, %u) is wrong\n", what, a, b);
	wrong = true;
}

static void
check_vectors(void)
{
	unsigned char leaf[DIGEST_BYTES], root[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE] = "";
	struct merkle tree = { 0 };

	if (merkle_root(&tree, root) == 0)
		hex_write(root, DIGEST_BYTES, hex);
	ok(strcmp(hex, empty) == 0, "the root of nothing");
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		merkle_leaf(vectors[i].data, vectors[i].len, leaf);
		merkle_add(&tree, leaf);
		if (merkle_root(&tree, root) == 0)
			hex_write(root, DIGEST_BYTES, hex);
		ok(strcmp(hex, vectors[i].root) == 0,
		    "the root of %u leaves", i + 1);
	}
}

/* The definition, without any of merkle.c's short cuts. */
static void
hash_of(unsigned from, unsigned to, unsigned char hash[DIGEST_BYTES])
{
	unsigned char both[1 + 2 * DIGEST_BYTES] = { 1 };
	struct iovec part = { both, sizeof(both) };
	unsigned k = 1;

	if (to - from == 1) {
		both[0] = 0;
		both[1] = (unsigned char)from;
		part.iov_len = 2;
		digest_sha256(&part, 1, hash);
		return;
	}
	while (k * 2 < to - from)
		k *= 2;
	hash_of(from, from + k, both + 1);
	hash_of(from + k, to, both + 1 + DIGEST_BYTES);
	digest_sha256(&part, 1, hash);
}

static int
fill(unsigned char path[][DIGEST_BYTES], const struct merkle_range *ranges,
    int count)
{
	for (int i = 0; i < count; i++)
		hash_of((unsigned)ranges[i].from, (unsigned)ranges[i].to,
		    path[i]);
	return count;
}

static void
check_proofs(unsigned size)
{
	unsigned char path[MERKLE_PATH_MAX][DIGEST_BYTES];
	unsigned char root[DIGEST_BYTES], other[DIGEST_BYTES];
	struct merkle_range ranges[MERKLE_PATH_MAX];

	hash_of(0, size, root);
	for (unsigned i = 0; i < size; i++) {
		int count = fill(path, ranges,
		    merkle_inclusion(i, size, ranges));
		hash_of(i, i + 1, other);
		check("inclusion", i, size, merkle_includes(i, size, other,
		    path, count, root));
		other[0] ^= 1;
		check("inclusion of another leaf", i, size,
		    !merkle_includes(i, size, other, path, count, root));
		other[0] ^= 1;
		check("inclusion at another place", i, size, size == 1 ||
		    !merkle_includes(i ^ 1, size, other, path, count, root));
		check("inclusion, a hash short", i, size, count == 0 ||
		    !merkle_includes(i, size, other, path, count - 1, root));
	}
	for (unsigned old = 1; old <= size; old++) {
		int count = fill(path, ranges,
		    merkle_consistency(old, size, ranges));
		hash_of(0, old, other);
		check("consistency", old, size, merkle_continues(old, other,
		    size, root, path, count));
		other[31] ^= 1;
		check("consistency with another tree", old, size,
		    !merkle_continues(old, other, size, root, path, count));
		other[31] ^= 1;
		check("consistency, a hash short", old, size, count == 0 ||
		    !merkle_continues(old, other, size, root, path,
		    count - 1));
	}
}

int
main(void)
{
	if (digest_init() != 0) {
		printf("Bail out! libgcrypt cannot be used\n");
		return 1;
	}
	check_vectors();
	for (unsigned size = 1; size <= LEAVES; size++)
		check_proofs(size);
	ok(!wrong, "every proof of every tree of up to %d leaves holds, and "
	    "none that was changed", LEAVES);
	return tap_end();
}
