/* Matches requests for an approval with their decisions. */
#ifndef APPROVALS_H
#define APPROVALS_H

#include "reader/describe.h"
#include "reader/events.h"

struct approval {
	char *key;     /* tenant, a newline, and the request's id */
	int64_t asked; /* ms; -1 when its time cannot be read */
	char id[64];   /* of the event of the request */
};

/* Holds the requests that are not decided yet, and so needs memory for those
 * only. */
struct approvals;

/* Returns NULL when memory runs out. */
struct approvals *approvals_open(void);

/*
 * Notes an event of any type; call it in the order of recording.  `payload` is
 * event_object() of its payload.  Returns for a decision the ms since its
 * request, when that was noted before; else -1.
 */
int64_t approvals_note(struct approvals *approvals, const struct event_row *row,
    struct json_object *payload);

/* For a decision whose request was not recorded: the time from request to
 * decision in ms, as the body of AgentGate's delivery has it; or -1. */
int64_t approvals_from_body(const void *body, size_t len);

/*
 * The requests that are not decided, the oldest first.  A decision may have
 * been recorded before its request; such requests are left out, too.  Returns
 * an array of *count that the caller frees; what it points to is borrowed.
 * Returns NULL when memory runs out; *count is -1 when the database cannot be
 * read.
 */
struct approval **approvals_waiting(struct approvals *approvals,
    struct database *database, int *count);

/* NULL is allowed. */
void approvals_close(struct approvals *approvals);

#endif
