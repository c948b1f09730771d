/* The AgentLens event: its types, its correlation, its time, its hash. */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"
#include "signature.h"
#include "ulid.h"

/* What an event of a type does to its session's row. */
enum event_effect {
	EVENT_COUNTS, /* as an event only */
	EVENT_CALLS_TOOL,
	EVENT_FAILS,
	EVENT_CALLS_LLM,
	EVENT_STARTS,
	EVENT_ENDS
};

struct event_type {
	const char *name;
	enum event_effect effect;
	bool needs_signature; /* a product's own type: never from a stranger */
};

/* AgentLens's event types, closed by an entry without a name. */
extern const struct event_type event_types[];

/* The type of this name, or NULL. */
const struct event_type *event_type_find(const char *name);

/* An id, or "unlinked_" and an id. */
#define EVENT_SESSION_SIZE 280

struct event {
	const struct event_type *type;
	const char *tenant;                 /* borrowed */
	char session_id[EVENT_SESSION_SIZE]; /* "": see event_seal() */
	bool has_own_session; /* session_id was made of the event's id */
	char agent_id[EVENT_SESSION_SIZE];
	struct text payload;        /* the column's text */
	struct text metadata;       /* the same, before event_seal() */
	struct text short_metadata; /* what takes its place when too long */
	struct text moved_metadata; /* either, with the sender's time */
	struct text reported;       /* the sender's time as JSON; or empty */
	int64_t time;               /* ms; of use when `reported` is not empty */
	int64_t received;           /* ms; its time when not; 0: now */

	/* Settled by event_seal(); all but the hash by event_settle(). */
	char id[ULID_SIZE];
	const struct text *stored_metadata; /* the column's: one of the three */
	char *timestamp;
	char hash[SIGNATURE_HEX_SIZE];
};

/*
 * Builds an event from an envelope and what the mapping made of it.
 * correlation_id (the request's or submission's) may be NULL.  Returns
 * REPLY_NONE, or the refusal with `reply` set; free the event in both cases.
 */
enum reply_kind event_build(struct event *event, const struct source *source,
    const struct envelope *envelope, const struct event_type *type,
    struct json_object *payload, const char *correlation_id,
    const char *tenant, struct reply *reply);

/*
 * Settles what depends on the file, inside the transaction: the id (given),
 * the time, moved into [last event of the session, now], the session of an
 * event that has none ("unlinked_" and its own id), and the hash over it all.
 * last_timestamp and last_hash are of the session's last event, both NULL for
 * its first.  A transaction that is taken back can seal it anew.
 * Returns 0, or -1 when memory or libgcrypt fails.
 */
int event_seal(struct event *event, const char *id, int64_t now,
    const char *last_timestamp, const char *last_hash);

/* The same without the hash, for who only compares columns. */
int event_settle(struct event *event, const char *id, int64_t now,
    const char *last_timestamp);

/* The session of the event once it has this id. */
void event_session(const struct event *event, const char *id,
    char session_id[EVENT_SESSION_SIZE]);

/* The severity of every event made here. */
#define EVENT_SEVERITY "info"

/* The columns that an event's hash is over; payload and metadata are JSON. */
struct event_columns {
	const char *id;
	const char *timestamp;
	const char *session_id;
	const char *agent_id;
	const char *event_type;
	const char *severity;
	const char *payload;
	const char *metadata;
	const char *prev_hash; /* NULL for the first of a session */
};

/* The hash that links the chain.  Returns 0, or -1 when memory or libgcrypt
 * fails. */
int event_hash(const struct event_columns *event,
    char hash[SIGNATURE_HEX_SIZE]);

void event_free(struct event *event);

#endif
