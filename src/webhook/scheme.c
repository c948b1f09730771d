#include "webhook/scheme.h"

#include <stdbool.h>
#include <string.h>

#include "base/hex.h"

int
scheme_read(const char *header, unsigned char digest[DIGEST_BYTES])
{
	static const char prefix[] = "sha256=";
	const char *s = header + strspn(header, " \t");

	if (strncmp(s, prefix, strlen(prefix)) == 0)
		s += strlen(prefix);
	if (hex_read(s, digest, DIGEST_BYTES) != 0)
		return -1;
	s += 2 * DIGEST_BYTES;
	return s[strspn(s, " \t")] == '\0' ? 0 : -1;
}

enum scheme_result
scheme_check(char *const *secrets, int count, const void *body, size_t len,
    const unsigned char digest[DIGEST_BYTES])
{
	enum scheme_result result = SCHEME_NO_SECRET;
	bool good = false;

	for (int i = 0; i < count; i++) {
		unsigned char expected[DIGEST_BYTES];
		if (secrets[i] == NULL)
			continue;
		if (digest_hmac_sha256(secrets[i], strlen(secrets[i]), body,
		    len, expected) != 0)
			result = SCHEME_FAILED;
		else
			good |= digest_equal(digest, expected);
		if (result == SCHEME_NO_SECRET)
			result = SCHEME_WRONG;
	}
	return good ? SCHEME_GOOD : result;
}
