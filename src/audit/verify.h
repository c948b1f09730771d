/* Verifies a whole file: every chain, every hash, every delivery; and what was
 * sealed. */
#ifndef VERIFY_H
#define VERIFY_H

#include "audit/chains.h"
#include "audit/findings.h"
#include "audit/remap.h"
#include "audit/seal.h"
#include "settings.h"

struct verify_options {
	const struct settings *settings; /* for the secrets; or NULL */
	const struct seal *seal;         /* or NULL */
	void (*on_progress)(int64_t events); /* called now and then; or NULL */
};

/* What was checked, and what was found. */
struct verify_result {
	bool sound; /* there is no finding */
	int64_t events; /* without the pruned ones */
	int64_t sessions;
	int64_t deliveries;
	int64_t refused; /* of the deliveries */
	int64_t known_now;  /* refused deliveries that would be taken today */
	int64_t mapped;     /* bodies that were mapped again */
	int64_t signatures; /* that were checked */
	int64_t unchecked;  /* for which no secret is set */
	int64_t pruned_events;
	int64_t pruned_bodies;
	int64_t half_pruned; /* sessions whose beginning prune has removed */
	int64_t broken_sessions;
	int64_t file_findings; /* those of no session */
};

/*
 * Verifies a file, which may be written meanwhile.  `other` is a second
 * connection to it, for the thread that walks the chains.  What is wrong is
 * added to `findings`.  Returns 0 with the result; or -1, and database_error()
 * of the first connection says why.
 */
int verify(struct database *database, struct database *other,
    const struct verify_options *wanted, struct findings *findings,
    struct verify_result *result);

#endif
