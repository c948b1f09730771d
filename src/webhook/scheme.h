/*
 * Whether a delivery is from who it says: the signature of any source, as its
 * row tells it.  Looks at the bytes as they came, never at JSON; reads no
 * clock and no settings.
 */
#ifndef SCHEME_H
#define SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/json.h"
#include "webhook/source.h"

enum scheme_verdict {
	SCHEME_GOOD,
	SCHEME_MISSING,   /* no signature, or a header that it covers */
	SCHEME_MALFORMED, /* none that could be one */
	SCHEME_MISMATCH,  /* none that one of the secrets made */
	SCHEME_STALE,     /* good, but its time is outside the window */
	SCHEME_FAILED     /* libgcrypt computes nothing */
};

/* The current secret of a source and the one before it. */
#define SCHEME_SECRETS 2

struct scheme_delivery {
	const struct source *source;
	source_header_fn *header;
	const void *context; /* its first argument */
	const char *body;
	size_t body_len;
	const char *const *secrets; /* SCHEME_SECRETS, NULL where not set */
	long window_s; /* of settings, or the row's own */
	int64_t now;   /* ms */
};

struct scheme_result {
	enum scheme_verdict verdict;

	/* Of good ones and stale ones. */
	int secret; /* the index of the one that signed */
	unsigned char signature[DIGEST_BYTES];
	size_t signature_len; /* 0: the header was the secret itself */

	/* The time that stood in the signature header, as text, or "". */
	char timestamp[24];

	const char *header; /* the one that was looked for in vain, or read */
};

/*
 * Reads the signatures of a header, without judging them; the end of one that
 * is shorter than DIGEST_BYTES is zero.  Returns how many of them are whole,
 * of the first SCHEME_SIGNATURES_MAX.
 */
#define SCHEME_SIGNATURES_MAX 32
int scheme_read(const struct source *source, const char *header,
    unsigned char signatures[SCHEME_SIGNATURES_MAX][DIGEST_BYTES]);

/*
 * Checks the signature, then the time that it covers, if that stands in a
 * header.  A signature must be whole: as many digits as its algorithm has,
 * base 64 with its padding.  Of several in one header one that is good is
 * enough.  Fills in *result, whose verdict is returned.
 */
enum scheme_verdict scheme_verify(const struct scheme_delivery *delivery,
    struct scheme_result *result);

/* Checks the time in the body of a delivery that is good so far.  Returns
 * SCHEME_GOOD, also when there is none to check, or SCHEME_STALE. */
enum scheme_verdict scheme_check_body_time(
    const struct scheme_delivery *delivery, struct json_object *body);

/* Whether a secret is of use as the row's key: base 64 where it must be. */
bool scheme_is_key(const struct source *source, const char *secret);

/*
 * Appends a signature header that has this signature in it, and the time where
 * it stands there: what is stored of a delivery can so be checked again by
 * scheme_verify() itself.
 */
void scheme_write_header(const struct source *source,
    const unsigned char *signature, const char *timestamp, struct text *out);

/*
 * Makes what a sender would put into its signature header: for tests, and for
 * trying out one's settings.  `id` and `timestamp` (seconds) are used where
 * the row signs them; with a timestamp in the signature header, that is in
 * *out too.  Returns 0, or -1 when libgcrypt fails or the secret is no key.
 */
int scheme_sign(const struct source *source, const char *secret,
    const char *id, const char *timestamp, const char *body, size_t body_len,
    struct text *out);

#endif
