/* The AgentLens event: its type, session, time and hash.  It does not know how
 * it is stored: what depends on the file is handed to event_seal(). */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/text.h"
#include "base/ulid.h"
#include "webhook/envelope.h"

/* What an event of a type does to its session, beyond being counted there. */
enum event_effect {
	EVENT_COUNTS, /* nothing */
	EVENT_CALLS_TOOL,
	EVENT_FAILS,
	EVENT_CALLS_LLM,
	EVENT_STARTS,
	EVENT_ENDS
};

struct event_type {
	const char *name;
	enum event_effect effect;
	bool needs_signature; /* refused from a sender that did not sign */
};

/* AgentLens's event types, closed by an entry without a name. */
extern const struct event_type event_types[];

/* The type of this name, or NULL. */
const struct event_type *event_type_find(const char *name);

/* AgentLens's MAX_PAYLOAD_SIZE, in bytes of UTF-8, also of metadata. */
#define EVENT_COLUMN_MAX 10240

/* What the sessions of events begin with that name none. */
#define EVENT_UNLINKED "unlinked_"

/* An id, or "unlinked_" and an id. */
#define EVENT_SESSION_SIZE 280

struct event {
	const struct event_type *type;
	const char *tenant; /* borrowed */
	char session_id[EVENT_SESSION_SIZE]; /* "": see event_seal() */
	bool has_own_session; /* session_id is made from the event's id */
	char agent_id[EVENT_SESSION_SIZE];
	struct text payload;        /* as it is stored */
	struct text metadata;       /* stored, unless: */
	struct text short_metadata; /* stored when the first is too long */
	struct text moved_metadata; /* either, with the sender's time added */
	struct text reported;       /* the sender's time as JSON; or empty */
	int64_t time;     /* the sender's time in ms, when it reported one */
	int64_t received; /* the time in ms when it did not; 0: now */

	/* Settled by event_seal(); all but the hash by event_settle(). */
	char id[ULID_SIZE];
	const struct text *stored_metadata; /* one of the three above */
	char *timestamp;
	char hash[DIGEST_HEX_SIZE];
};

/*
 * Builds an event from an envelope and what the mapping made of it.
 * correlation_id, the id of the request or submission, may be NULL.  `tenant`
 * must outlive the event.  Returns REFUSAL_NONE, or the code of `refusal`; free
 * the event in both cases.
 */
enum refusal_code event_build(struct event *event, const struct source *source,
    const struct envelope *envelope, const struct event_type *type,
    struct json_object *payload, const char *correlation_id,
    const char *tenant, struct refusal *refusal);

/*
 * Settles what depends on the file, inside the transaction: the id, which is
 * given; the time, which is moved to lie between the session's last event and
 * now; the session of an event that has none, "unlinked_" and the event's id;
 * and the hash over all of it.  last_timestamp and last_hash are those of the
 * session's last event, both NULL for its first.  After a rollback the event
 * can be sealed again.  `now` is in ms.
 * Returns 0, or -1 when memory or libgcrypt fails.
 */
int event_seal(struct event *event, const char *id, int64_t now,
    const char *last_timestamp, const char *last_hash);

/* The same without the hash, for a caller that only compares columns. */
int event_settle(struct event *event, const char *id, int64_t now,
    const char *last_timestamp);

/* Writes the session that the event has once its id is this. */
void event_session(const struct event *event, const char *id,
    char session_id[EVENT_SESSION_SIZE]);

/* The severity and the organisation of every event made here. */
#define EVENT_SEVERITY "info"
#define EVENT_ORG "default"

/* The columns that an event's hash covers; payload and metadata are JSON. */
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

/* The columns of a settled event, borrowed from it. */
struct event_columns event_columns_of(const struct event *event,
    const char *prev_hash);

/* The hash that links the chain.  Returns 0, or -1 when memory or libgcrypt
 * fails. */
int event_hash(const struct event_columns *event,
    char hash[DIGEST_HEX_SIZE]);

/* Releases everything; the event is { 0 } again. */
void event_free(struct event *event);

#endif
