/* The secrets of the settings, put to use. */
#ifndef SIGNING_H
#define SIGNING_H

#include <stdbool.h>
#include <stddef.h>

#include "settings.h"
#include "signature.h"
#include "source.h"

enum signing_state {
	SIGNING_UNSIGNED,  /* there is no signature */
	SIGNING_NO_SECRET, /* none is set for the source */
	SIGNING_GOOD,
	SIGNING_WRONG /* none of the source's secrets made it */
};

/* The words for each of them. */
extern const char *const signing_words[];

/* The source of this name, or NULL. */
const struct source *signing_source(const char *name);

/* Checks a stored signature, 64 hex digits or NULL, against the secrets of
 * the settings, which may be NULL. */
enum signing_state signing_check(const struct settings *settings,
    const char *source, const char *signature, const void *body, size_t len);

#endif
