/* What verify has found to be wrong: one finding for each session, and those
 * that are about the file as a whole. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/database.h"

/* How surely a finding names what was changed.  Of the findings of a session
 * the surest is kept, and of equally sure ones the first in the chain. */
enum finding_weight {
	FINDING_COUNTER, /* the row of the session is wrong */
	FINDING_LINK,    /* something is wrong between two events */
	FINDING_HASH,    /* this event, in some column */
	FINDING_FIELD    /* this very column of it */
};

struct finding {
	enum finding_weight weight;
	const char *tenant_id;  /* NULL, as session_id, for the whole file */
	const char *session_id;
	const char *timestamp;  /* of the event, or NULL; it orders the chain */
	const char *event_id;   /* or NULL */
	const char *table;
	const char *field;      /* or NULL */
	const char *reason;     /* a part of a sentence */
	const char *expected;   /* what should have been there, or NULL */
	const char *found;      /* what is there, or NULL */
};

struct findings;

/* Returns NULL when memory runs out. */
struct findings *findings_open(void);

/* Keeps a copy, unless a surer or earlier one of its session is kept.  Any
 * thread may call it. */
void findings_add(struct findings *findings, const struct finding *finding);

/* How many sessions have a finding, and how many findings are about the file.
 * They count also what was too much to be kept. */
int64_t findings_sessions(const struct findings *findings);
int64_t findings_file(const struct findings *findings);

/* Called with a finding, which is borrowed, and the position of its event in
 * its session, from 1; 0 when it is of no event, or cannot be told. */
typedef void findings_fn(void *context, const struct finding *finding,
    int64_t position);

/* Calls `show` for each finding: first those of the file, then those of the
 * sessions, in the order of tenants and sessions.  Returns 0, or -1 when the
 * database cannot be read. */
int findings_each(struct findings *findings, struct database *database,
    findings_fn *show, void *context);

/* NULL is allowed. */
void findings_close(struct findings *findings);

#endif
