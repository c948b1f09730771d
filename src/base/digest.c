#include "base/digest.h"

#include <gcrypt.h>
#include <poll.h>
#include <string.h>

#define PARTS_MAX 8

/* How often libgcrypt asks again for memory in one call, and how long it waits
 * each time. */
#define WAIT_STEPS 100
#define WAIT_MS 10

static _Thread_local int waited; /* steps of the present call */

/* libgcrypt ends the process when certain allocations fail, unless a handler
 * asks for another attempt.  Returns whether to try once more. */
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
digest_init(void)
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
digest_library_version(void)
{
	return gcry_check_version(NULL);
}

int
digest_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, unsigned char digest[DIGEST_BYTES])
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
digest_sha256(const struct iovec *parts, int count,
    unsigned char digest[DIGEST_BYTES])
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

bool
digest_equal(const unsigned char a[DIGEST_BYTES],
    const unsigned char b[DIGEST_BYTES])
{
	volatile unsigned char difference = 0;
	for (int i = 0; i < DIGEST_BYTES; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}
