/* Requests for an approval and their decisions, brought together. */
#ifndef APPROVALS_H
#define APPROVALS_H

#include "row.h"
#include "story.h"

struct approval {
	char *key;   /* tenant, a newline, and the request's id */
	int64_t asked; /* ms */
	char id[64]; /* of the event */
};

/* Keeps the requests that wait: memory for those only. */
struct approvals;

struct approvals *approvals_open(void);

/*
 * Notes an event, in the order of recording.  Returns for a decision the ms
 * since its request, when that was noted before; else -1.
 */
int64_t approvals_note(struct approvals *approvals, const struct row *row,
    struct json_object *payload);

/* The time from request to decision in ms, as AgentGate's own body tells it
 * for requests that were not recorded; or -1. */
int64_t approvals_from_body(const void *body, size_t len);

/*
 * The requests that wait, the oldest first, without those whose decision was
 * recorded before them.  The array, of `*count`, is the caller's to free, its
 * entries are not.  Returns NULL when there are none, with *count -1 when
 * reading failed, which was said.
 */
struct approval **approvals_waiting(struct approvals *approvals,
    struct database *database, int *count);

/* NULL is allowed. */
void approvals_close(struct approvals *approvals);

#endif
