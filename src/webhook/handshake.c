#include "webhook/handshake.h"

#include <string.h>

#include "base/digest.h"
#include "base/hex.h"

static bool
is(struct json_object *body, const char *name, const char *value)
{
	const char *string = json_get_string(body, name);

	return string != NULL && strcmp(string, value) == 0;
}

static void
add_string(struct text *out, struct json_object *value)
{
	json_write_string(out, json_object_get_string(value),
	    (size_t)json_object_get_string_len(value));
}

bool
handshake_slack(struct json_object *body, const char *secret,
    struct text *answer)
{
	struct json_object *challenge = json_get(body, "challenge");

	(void)secret;
	if (!is(body, "type", "url_verification") ||
	    !json_is_string(challenge))
		return false;
	text_puts(answer, "{\"challenge\":");
	add_string(answer, challenge);
	text_puts(answer, "}");
	return true;
}

bool
handshake_zoom(struct json_object *body, const char *secret,
    struct text *answer)
{
	struct json_object *token = json_get(json_get(body, "payload"),
	    "plainToken");
	unsigned char mac[DIGEST_BYTES];

	if (!is(body, "event", "endpoint.url_validation") ||
	    !json_is_string(token) ||
	    digest_hmac_sha256(secret, strlen(secret),
	    json_object_get_string(token),
	    (size_t)json_object_get_string_len(token), mac) != 0)
		return false;
	text_puts(answer, "{\"plainToken\":");
	add_string(answer, token);
	text_puts(answer, ",\"encryptedToken\":\"");
	hex_add(answer, mac, DIGEST_BYTES);
	text_puts(answer, "\"}");
	return true;
}
