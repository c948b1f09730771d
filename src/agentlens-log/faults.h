/* What verify has found to be impossible: the first of each session, those of
 * the file as a whole. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"

/* How surely a fault names what was changed.  Of a session's faults the
 * surest is told, and of equally sure ones the first in the chain. */
enum fault_weight {
	FAULT_COUNTER, /* the row of the session */
	FAULT_LINK,    /* something is wrong between two events */
	FAULT_HASH,    /* this event, in some column */
	FAULT_FIELD    /* this very column of it */
};

struct fault {
	enum fault_weight weight;
	const char *tenant_id;  /* NULL, with the next: of the whole file */
	const char *session_id;
	const char *timestamp;  /* with the event's id its place in the chain */
	const char *event_id;   /* or NULL */
	const char *table;
	const char *field;      /* or NULL */
	const char *reason;     /* a part of a sentence */
	const char *expected;   /* what should have been there, or NULL */
	const char *found;      /* what is there, or NULL */
};

struct faults;

struct faults *faults_open(void);

/* Keeps a copy, when it is to be told. */
void faults_add(struct faults *faults, const struct fault *fault);

/* How many sessions have one, and how many are the file's. */
int64_t faults_sessions(const struct faults *faults);
int64_t faults_file(const struct faults *faults);

/* Prints all of them, as lines or as JSON.  Returns 0 or -1. */
int faults_print(struct faults *faults, struct database *database, bool json);

void faults_close(struct faults *faults);

#endif
