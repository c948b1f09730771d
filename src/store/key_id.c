#include "store/key_id.h"

#include <string.h>

#include "base/hex.h"

#define LABEL_ID "agentlens key id v1\n"
#define LABEL_ERASED "agentlens erased v1\n"
#define ID_BYTES 4
#define MESSAGE_BYTES 4096

int
key_id_compute(const void *secret, size_t secret_len,
    const unsigned char journal[JOURNAL_ID_BYTES], const char *source,
    char out[KEY_ID_SIZE])
{
	unsigned char message[MESSAGE_BYTES] = LABEL_ID, mac[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	size_t label = strlen(LABEL_ID), len = strlen(source);

	if (len > sizeof(message) - label - JOURNAL_ID_BYTES)
		return -1;
	memcpy(message + label, journal, JOURNAL_ID_BYTES);
	memcpy(message + label + JOURNAL_ID_BYTES, source, len);
	if (digest_hmac_sha256(secret, secret_len, message, sizeof(message),
	    mac) != 0)
		return -1;
	hex_write(mac, DIGEST_BYTES, hex);
	memcpy(out, hex, 2 * ID_BYTES);
	out[2 * ID_BYTES] = '\0';
	return 0;
}

int
key_id_tombstone(const void *secret, size_t secret_len,
    const unsigned char body[DIGEST_BYTES],
    unsigned char out[KEY_ID_TOMBSTONE_BYTES])
{
	unsigned char message[sizeof(LABEL_ERASED) - 1 + DIGEST_BYTES];
	unsigned char mac[DIGEST_BYTES];

	memcpy(message, LABEL_ERASED, sizeof(LABEL_ERASED) - 1);
	memcpy(message + sizeof(LABEL_ERASED) - 1, body, DIGEST_BYTES);
	if (digest_hmac_sha256(secret, secret_len, message, sizeof(message),
	    mac) != 0)
		return -1;
	memcpy(out, mac, KEY_ID_TOMBSTONE_BYTES);
	return 0;
}
