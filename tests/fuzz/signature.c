/* The header of a signature: which are taken, and as what, is reckoned a
 * second time here, by regexec() and strtoul(). */
#include "webhook/scheme.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "fuzz.h"

static regex_t form;

static void
open_target(void)
{
	fuzz_require(digest_init() == 0);
	fuzz_require(regcomp(&form,
	    "^[ \t]*(sha256=)?([0-9a-fA-F]{64})[ \t]*$", REG_EXTENDED) == 0);
}

/* As of a source whose header is digits with a prefix that may be missing. */
static bool
read_header(const char *header, unsigned char digest[DIGEST_BYTES])
{
	unsigned char read[SCHEME_SIGNATURES_MAX][DIGEST_BYTES];

	if (scheme_read(&sources[SOURCE_FORMBRIDGE], header, read) == 0)
		return false;
	memcpy(digest, read[0], DIGEST_BYTES);
	return true;
}

/* The key is the header itself: what it signs is then taken, with every byte
 * of it, and no other. */
static void
require_own_signature(const char *header)
{
	unsigned char digest[DIGEST_BYTES], read[DIGEST_BYTES];
	char text[7 + DIGEST_HEX_SIZE] = "sha256=";
	size_t len = strlen(header);

	fuzz_require(digest_hmac_sha256(header, len, header, len,
	    digest) == 0);
	hex_write(digest, DIGEST_BYTES, text + 7);
	fuzz_require(read_header(text, read));
	fuzz_require(digest_equal(digest, read));
	for (int i = 0; i < DIGEST_BYTES; i++) {
		read[i] ^= (unsigned char)(1 << i % 8);
		fuzz_require(!digest_equal(digest, read));
		read[i] ^= (unsigned char)(1 << i % 8);
	}
}

static void
run(const unsigned char *data, size_t size)
{
	char *header = fuzz_copy(data, size);
	unsigned char digest[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	regmatch_t part[3];

	bool taken = read_header(header, digest);
	fuzz_require(taken == (regexec(&form, header, 3, part, 0) == 0));
	if (taken) {
		const char *digits = header + part[2].rm_so;
		hex_write(digest, DIGEST_BYTES, hex);
		fuzz_require(strncasecmp(hex, digits, 64) == 0);
		for (int i = 0; i < DIGEST_BYTES; i++) {
			const char pair[3] = { digits[2 * i],
				digits[2 * i + 1] };
			fuzz_require(strtoul(pair, NULL, 16) == digest[i]);
		}
	}
	require_own_signature(header);
	fuzz_tell(taken ? "taken" : "refused", "", 0);
	free(header);
}

const struct fuzz_target fuzz_signature = {
	.name = "signature",
	.open = open_target,
	.run = run,
};
