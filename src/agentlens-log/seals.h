/* The seals that verify, prove and check-proof are given. */
#ifndef SEALS_H
#define SEALS_H

#include "agentlens-log/command.h"
#include "audit/seal.h"

/* Names of files, or NULL. */
struct seals_options {
	const char *seal;
	const char *from; /* the older seal */
	const char *key;  /* of the HMAC of both */
};

struct seals {
	struct seal *seal; /* NULL: none was given */
	struct seal *from; /* the older one, or NULL */
};

/* Reads the seals that are given, as prepare() of a command does.  Returns -1;
 * or COMMAND_FAILED with the reason in context->error. */
int seals_read(struct context *context, const struct seals_options *given,
    struct seals *seals);

/* Also of seals that were not read. */
void seals_free(struct seals *seals);

#endif
