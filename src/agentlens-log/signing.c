#include "signing.h"

#include <string.h>

const char *const signing_words[] = {
	[SIGNING_UNSIGNED] = "unsigned",
	[SIGNING_NO_SECRET] = "not checked, as no secret is set here",
	[SIGNING_GOOD] = "good",
	[SIGNING_WRONG] = "WRONG: no secret that is set here made it",
};

const struct source *
signing_source(const char *name)
{
	for (int i = 0; i < SOURCES; i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

enum signing_state
signing_check(const struct settings *settings, const char *source,
    const char *signature, const void *body, size_t len)
{
	const struct source *found = signing_source(source);
	unsigned char digest[SIGNATURE_BYTES], expected[SIGNATURE_BYTES];
	bool good = false;

	if (signature == NULL)
		return SIGNING_UNSIGNED;
	if (settings == NULL || found == NULL ||
	    settings->secrets[found->id][0] == NULL)
		return SIGNING_NO_SECRET;
	if (signature_decode(signature, digest) != 0)
		return SIGNING_WRONG;
	for (int i = 0; i < SETTINGS_SECRETS; i++) {
		const char *secret = settings->secrets[found->id][i];
		if (secret != NULL && signature_hmac_sha256(secret,
		    strlen(secret), body, len, expected) == 0)
			good |= signature_equal(digest, expected);
	}
	return good ? SIGNING_GOOD : SIGNING_WRONG;
}
