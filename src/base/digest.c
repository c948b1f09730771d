#include "base/digest.h"

#include <gcrypt.h>
#include <limits.h>
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

size_t
digest_size(enum digest_algorithm algorithm)
{
	return algorithm == DIGEST_SHA1 ? 20 : DIGEST_BYTES;
}

int
digest_hmac(enum digest_algorithm algorithm, const void *key, size_t key_len,
    const struct iovec *parts, int count, unsigned char digest[DIGEST_BYTES])
{
	gcry_buffer_t buffers[PARTS_MAX] = {
		{ .len = key_len, .data = (void *)key },
	};

	waited = 0;
	if (count >= PARTS_MAX)
		return -1;
	for (int i = 0; i < count; i++) {
		buffers[i + 1].len = parts[i].iov_len;
		buffers[i + 1].data = parts[i].iov_base;
	}
	return gcry_md_hash_buffers(algorithm == DIGEST_SHA1 ? GCRY_MD_SHA1 :
	    GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC, digest, buffers,
	    count + 1) == 0 ? 0 : -1;
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

/* A handle of libgcrypt under another name. */
struct digest_stream *
digest_stream_open(void)
{
	gcry_md_hd_t handle;

	waited = 0;
	return gcry_md_open(&handle, GCRY_MD_SHA256, 0) != 0 ? NULL :
	    (struct digest_stream *)handle;
}

void
digest_stream_add(struct digest_stream *stream, const void *data, size_t len)
{
	if (stream != NULL)
		gcry_md_write((gcry_md_hd_t)stream, data, len);
}

void
digest_stream_close(struct digest_stream *stream,
    unsigned char digest[DIGEST_BYTES])
{
	if (stream == NULL)
		return;
	if (digest != NULL)
		memcpy(digest, gcry_md_read((gcry_md_hd_t)stream, 0),
		    DIGEST_BYTES);
	gcry_md_close((gcry_md_hd_t)stream);
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

/* --- Ed25519 -------------------------------------------------------------- */

#define ED25519_BYTES 32

static int
build_private(const unsigned char seed[ED25519_BYTES], gcry_sexp_t *key)
{
	waited = 0;
	return gcry_sexp_build(key, NULL, "(private-key(ecc(curve Ed25519)"
	    "(flags eddsa)(d %b)))", ED25519_BYTES, seed) == 0 ? 0 : -1;
}

static int
build_message(const void *data, size_t len, gcry_sexp_t *message)
{
	if (len > INT_MAX)
		return -1;
	return gcry_sexp_build(message, NULL, "(data(flags eddsa)"
	    "(hash-algo sha512)(value %b))", (int)len, data) == 0 ? 0 : -1;
}

int
digest_ed25519_public(const unsigned char seed[ED25519_BYTES],
    unsigned char public[ED25519_BYTES])
{
	gcry_sexp_t key = NULL;
	gcry_ctx_t curve = NULL;
	gcry_mpi_t point = NULL;
	const void *bytes = NULL;
	unsigned bits = 0;
	int result = -1;

	if (build_private(seed, &key) == 0 &&
	    gcry_mpi_ec_new(&curve, key, NULL) == 0)
		point = gcry_mpi_ec_get_mpi("q@eddsa", curve, 1);
	if (point != NULL)
		bytes = gcry_mpi_get_opaque(point, &bits);
	if (bytes != NULL && bits == 8 * ED25519_BYTES) {
		memcpy(public, bytes, ED25519_BYTES);
		result = 0;
	}
	gcry_mpi_release(point);
	gcry_ctx_release(curve);
	gcry_sexp_release(key);
	return result;
}

/* Copies one of the two parts of a signature.  Returns 0 or -1. */
static int
copy_part(gcry_sexp_t signature, const char *name,
    unsigned char out[ED25519_BYTES])
{
	gcry_sexp_t part = gcry_sexp_find_token(signature, name, 1);
	size_t len = 0;
	const char *bytes = part == NULL ? NULL :
	    gcry_sexp_nth_data(part, 1, &len);
	int result = bytes != NULL && len == ED25519_BYTES ? 0 : -1;

	if (result == 0)
		memcpy(out, bytes, len);
	gcry_sexp_release(part);
	return result;
}

int
digest_ed25519_sign(const unsigned char seed[ED25519_BYTES], const void *data,
    size_t len, unsigned char signature[2 * ED25519_BYTES])
{
	gcry_sexp_t key = NULL, message = NULL, made = NULL;
	int result = -1;

	if (build_private(seed, &key) == 0 &&
	    build_message(data, len, &message) == 0 &&
	    gcry_pk_sign(&made, message, key) == 0 &&
	    copy_part(made, "r", signature) == 0 &&
	    copy_part(made, "s", signature + ED25519_BYTES) == 0)
		result = 0;
	gcry_sexp_release(made);
	gcry_sexp_release(message);
	gcry_sexp_release(key);
	return result;
}

int
digest_ed25519_verify(const unsigned char public[ED25519_BYTES],
    const void *data, size_t len,
    const unsigned char signature[2 * ED25519_BYTES])
{
	gcry_sexp_t key = NULL, message = NULL, given = NULL;
	int result = -1;

	waited = 0;
	if (gcry_sexp_build(&key, NULL, "(public-key(ecc(curve Ed25519)"
	    "(flags eddsa)(q %b)))", ED25519_BYTES, public) == 0 &&
	    build_message(data, len, &message) == 0 &&
	    gcry_sexp_build(&given, NULL, "(sig-val(eddsa(r %b)(s %b)))",
	    ED25519_BYTES, signature, ED25519_BYTES,
	    signature + ED25519_BYTES) == 0) {
		gcry_error_t error = gcry_pk_verify(given, message, key);
		result = error == 0 ? 1 :
		    gcry_err_code(error) == GPG_ERR_ENOMEM ? -1 : 0;
	}
	gcry_sexp_release(given);
	gcry_sexp_release(message);
	gcry_sexp_release(key);
	return result;
}
