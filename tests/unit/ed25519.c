/* base/ed25519.c: RFC 8032's vectors, and what libgcrypt must not be given. */
#include "base/ed25519.h"

#include <string.h>

#include "base/digest.h"
#include "base/hex.h"
#include "tap.h"

/* Section 7.1 of RFC 8032: TEST 1, 2, 3 and SHA(abc). */
static const struct {
	const char *seed, *public, *message, *signature;
} vectors[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	    "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	    "72",
	    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	    "af82",
	    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
	    "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

/* The encodings of points of small order, and other ways to write them. */
static const char *const refused_keys[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	/* p, p + 1, 2^255 - 1, with either sign */
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	/* libgcrypt 1.10.1 ends the process on these */
	"6291d657deec24024827e69c3abe01a30ce548a284743a440000000000000000",
	"6291d657deec24024827e69c3abe01a30ce548a284743a440000000000000080",
	"0500000000000000000000000000000000000000000000000000000000000000",
};

static size_t
unhex(const char *hex, unsigned char *bytes)
{
	size_t len = strlen(hex) / 2;

	hex_read(hex, bytes, len);
	return len;
}

static void
check_vector(size_t i)
{
	unsigned char seed[32], public[32], message[64], signature[64];
	unsigned char made_public[32], made[64];
	size_t len = unhex(vectors[i].message, message);

	unhex(vectors[i].seed, seed);
	unhex(vectors[i].public, public);
	unhex(vectors[i].signature, signature);
	ok(ed25519_public(seed, made_public) == 0 &&
	    memcmp(made_public, public, 32) == 0, "vector %zu: public key", i);
	ok(ed25519_sign(seed, message, len, made) == 0 &&
	    memcmp(made, signature, 64) == 0, "vector %zu: signature", i);
	ok(ed25519_verify(public, message, len, signature) == 1,
	    "vector %zu is verified", i);

	int accepted = 0;
	for (int bit = 0; bit < 512; bit += 3) {
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
		accepted += ed25519_verify(public, message, len,
		    signature) == 1;
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	ok(accepted == 0, "vector %zu: no bit may change", i);
	ok(ed25519_verify(public, "x", 1, signature) == 0,
	    "vector %zu: another message", i);
}

/* S + L makes the same point as S. */
static void
check_malleability(void)
{
	static const char order[] =
	    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
	unsigned char public[32], message[2], signature[64], l[32];
	unsigned carry = 0;

	unhex(vectors[2].public, public);
	unhex(vectors[2].message, message);
	unhex(vectors[2].signature, signature);
	unhex(order, l);
	for (int i = 0; i < 32; i++) {
		carry += signature[32 + i] + (unsigned)l[i];
		signature[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	ok(ed25519_verify(public, message, 2, signature) == 0,
	    "S + L is refused");
	memcpy(signature + 32, l, 32);
	ok(ed25519_verify(public, message, 2, signature) == 0,
	    "S = L is refused");
}

static void
check_keys(void)
{
	unsigned char key[32], signature[64] = { 1 };

	for (size_t i = 0;
	    i < sizeof(refused_keys) / sizeof(refused_keys[0]); i++) {
		unhex(refused_keys[i], key);
		/* With R = 1 and S = 0 each point of small order signs some
		 * message in eight. */
		int accepted = 0;
		for (unsigned char m = 0; m < 64; m++)
			accepted += ed25519_verify(key, &m, 1, signature) == 1;
		ok(!ed25519_is_public(key) && accepted == 0,
		    "key %zu is refused", i);
	}
	/* y = 2 + 2^200 or so: no point of the curve, or one: no crash. */
	bool survived = true;
	for (unsigned n = 0; n < 256; n++) {
		memset(key, (int)n, sizeof(key));
		key[24] |= 1;
		survived &= ed25519_verify(key, "x", 1, signature) == 0;
	}
	ok(survived, "keys that are nobody's verify nothing");
}

static void
check_generate(void)
{
	unsigned char seed[2][32], public[32], signature[64];

	ok(ed25519_generate(seed[0]) == 0 && ed25519_generate(seed[1]) == 0 &&
	    memcmp(seed[0], seed[1], 32) != 0, "keys are made");
	ok(ed25519_public(seed[0], public) == 0 &&
	    ed25519_is_public(public) &&
	    ed25519_sign(seed[0], "abc", 3, signature) == 0 &&
	    ed25519_verify(public, "abc", 3, signature) == 1 &&
	    ed25519_public(seed[1], public) == 0 &&
	    ed25519_verify(public, "abc", 3, signature) == 0,
	    "a made key signs, another does not verify it");
}

int
main(void)
{
	if (digest_init() != 0)
		return 1;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		check_vector(i);
	check_malleability();
	check_keys();
	check_generate();
	return tap_end();
}
