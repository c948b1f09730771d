#include "signature.h"

#include <gcrypt.h>
#include <poll.h>
#include <string.h>

#define PARTS_MAX 8

/* How long libgcrypt waits for memory, in steps of so many ms. */
#define WAIT_STEPS 100
#define WAIT_MS 10

static _Thread_local int waited;

/* Some of its allocations cannot fail: without this they end the process.
 * Returns whether to try once more. */
static int
wait_for_memory(void *context, size_t size, unsigned flags)
{
	(void)context;
	(void)size;
	(void)flags;
	if (waited++ >= WAIT_STEPS)
		return 0;
	poll(NULL, 0, WAIT_MS);
	return 1;
}

int
signature_init(void)
{
	gcry_set_outofcore_handler(wait_for_memory, NULL);
	if (gcry_check_version(GCRYPT_VERSION) == NULL)
		return -1;
	/* No key is kept inside libgcrypt, so there is nothing for its locked
	 * memory to hold. */
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return 0;
}

const char *
signature_library_version(void)
{
	return gcry_check_version(NULL);
}

int
signature_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, unsigned char digest[SIGNATURE_BYTES])
{
	/* libgcrypt takes the first buffer as the key. */
	const gcry_buffer_t buffers[] = {
		{ .len = key_len, .data = (void *)key },
		{ .len = len, .data = (void *)data },
	};
	waited = 0;
	return gcry_md_hash_buffers(GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC, digest,
	    buffers, 2) == 0 ? 0 : -1;
}

int
signature_sha256(const struct iovec *parts, int count,
    unsigned char digest[SIGNATURE_BYTES])
{
	gcry_buffer_t buffers[PARTS_MAX] = { 0 };

	waited = 0;
	if (count > PARTS_MAX)
		return -1;
	for (int i = 0; i < count; i++) {
		buffers[i].len = parts[i].iov_len;
		buffers[i].data = parts[i].iov_base;
	}
	return gcry_md_hash_buffers(GCRY_MD_SHA256, 0, digest, buffers,
	    count) == 0 ? 0 : -1;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
signature_decode(const char *header, unsigned char digest[SIGNATURE_BYTES])
{
	static const char prefix[] = "sha256=";
	const char *s = header + strspn(header, " \t");

	if (strncmp(s, prefix, strlen(prefix)) == 0)
		s += strlen(prefix);
	for (int i = 0; i < SIGNATURE_BYTES; i++, s += 2) {
		int high = hex_digit(s[0]);
		int low = high < 0 ? -1 : hex_digit(s[1]);
		if (low < 0)
			return -1;
		digest[i] = (unsigned char)(high << 4 | low);
	}
	return s[strspn(s, " \t")] == '\0' ? 0 : -1;
}

bool
signature_equal(const unsigned char a[SIGNATURE_BYTES],
    const unsigned char b[SIGNATURE_BYTES])
{
	volatile unsigned char difference = 0;
	for (int i = 0; i < SIGNATURE_BYTES; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

void
signature_hex(const unsigned char digest[SIGNATURE_BYTES],
    char out[SIGNATURE_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 0; i < SIGNATURE_BYTES; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * SIGNATURE_BYTES] = '\0';
}
