/* One event and its delivery held against each other, by the responder's own
 * steps from the bytes to the columns. */
#ifndef RECHECK_H
#define RECHECK_H

#include "evidence.h"
#include "faults.h"
#include "settings.h"

struct recheck {
	struct faults *faults;
	struct query *before; /* the event before another in its session */
	struct query *kept;   /* whether prune has a record of a delivery */
	const struct settings *settings; /* for the secrets; or NULL */
	bool needs_deliveries; /* agentlens-ingest has written this file */

	/* The time in the last id, and of the last delivery: ms. */
	int64_t last_id_time;
	int64_t last_received;

	/* What came of it. */
	int64_t mapped;    /* bodies that were mapped again */
	int64_t pruned;    /* bodies that prune has removed */
	int64_t signed_;   /* signatures that were checked */
	int64_t unchecked; /* signatures whose secret is not at hand */
	int64_t known_now; /* refused ones that the mapping knows by now */
};

/* Returns 0, or -1 having said why. */
int recheck_open(struct recheck *recheck, struct database *database,
    struct faults *faults, const struct settings *settings);

/* What a look at an entry tells. */
enum recheck_look {
	RECHECK_DOUBTFUL,  /* recheck_entry() has to find out */
	RECHECK_SOUND,     /* and there is no signature */
	RECHECK_SIGNED,    /* the same, with a good one */
	RECHECK_UNCHECKED, /* the same, with one whose secret is not at hand */
	RECHECK_ALONE      /* sound, and not of a delivery */
};

/* Looks whether all is as it should be with an entry that is no pruned one.
 * Any number of threads may do that at once. */
enum recheck_look recheck_look(const struct recheck *recheck,
    const struct entry *entry);

/* Holds the delivery's time against those before it: entry after entry in
 * their order. */
void recheck_order(struct recheck *recheck, const struct entry *entry);

/* Counts the entry, and finds what is wrong with it when it is doubtful.
 * Returns 0, or -1 having said why. */
int recheck_entry(struct recheck *recheck, const struct entry *entry,
    enum recheck_look look);

/* A delivery that became no event.  Returns 0, or -1 having said why. */
int recheck_refused(struct recheck *recheck, const struct delivery_row *row);

/* The session that a delivery's event must have had, now that the event is
 * gone; "" when its body does not tell. */
void recheck_session(const struct delivery_row *row,
    char session_id[EVENT_SESSION_SIZE]);

void recheck_close(struct recheck *recheck);

#endif
