/* What may be kept of a webhook's secret: which one it was, and that bytes
 * came once that are erased now. */
#ifndef KEY_ID_H
#define KEY_ID_H

#include <stddef.h>

#include "base/digest.h"
#include "store/journal.h"

/* Eight hex digits and a NUL. */
#define KEY_ID_SIZE 9

#define KEY_ID_TOMBSTONE_BYTES 16

/*
 * The short id of a secret of this source in this journal: the first four
 * bytes of a mac over 4,096 bytes, so that guessing a secret by it costs more
 * than guessing it by a body and its signature.  Returns 0, or -1 when
 * libgcrypt refuses or the source's name is too long.
 */
int key_id_compute(const void *secret, size_t secret_len,
    const unsigned char journal[JOURNAL_ID_BYTES], const char *source,
    char out[KEY_ID_SIZE]);

/* What stays of an erased delivery, by its body's SHA-256, so that a replay is
 * known.  Returns 0, or -1 when libgcrypt refuses. */
int key_id_tombstone(const void *secret, size_t secret_len,
    const unsigned char body[DIGEST_BYTES],
    unsigned char out[KEY_ID_TOMBSTONE_BYTES]);

#endif
