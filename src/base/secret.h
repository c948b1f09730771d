/* Memory for keys: not swapped out, not in core dumps, wiped when released. */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>

/*
 * Room of `size` bytes, all zero, in pages of its own.  That the system will
 * not lock them (RLIMIT_MEMLOCK) is no failure.  Returns NULL when there is no
 * memory.
 */
void *secret_alloc(size_t size);

/* Wipes and releases it; `size` is the one asked for, NULL is allowed. */
void secret_free(void *secret, size_t size);

#endif
