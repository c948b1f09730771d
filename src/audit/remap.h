/* Maps the body of a delivery again, with the code that the responder runs, and
 * compares what comes of it with the event that is stored. */
#ifndef REMAP_H
#define REMAP_H

#include "audit/findings.h"
#include "reader/entries.h"
#include "settings.h"

struct remap {
	struct findings *findings;
	struct query *before; /* the event before another in its session */
	struct query *kept;   /* whether prune has a record of a delivery */
	const struct settings *settings; /* for the secrets; or NULL */
	bool needs_deliveries; /* agentlens-ingest has written this file */

	/* The time of the last id, and that of the last delivery, in ms. */
	int64_t last_id_time;
	int64_t last_received;

	/* Counts. */
	int64_t mapped;    /* bodies that were mapped again */
	int64_t pruned;    /* bodies that prune has removed */
	int64_t checked;   /* signatures that were checked */
	int64_t unchecked; /* signatures for which no secret is set */
	int64_t known_now; /* refused deliveries that would be taken today */
};

/* Returns 0; or -1, and database_error() says why.  Close it in both cases. */
int remap_open(struct remap *remap, struct database *database,
    struct findings *findings, const struct settings *settings);

/* What remap_look() finds. */
enum remap_look {
	REMAP_DOUBTFUL,  /* remap_entry() has to find out */
	REMAP_SOUND,     /* all is right, and there is no signature */
	REMAP_SIGNED,    /* all is right, and so is the signature */
	REMAP_UNCHECKED, /* the same, but no secret is set for the signature */
	REMAP_ALONE      /* all is right, and no delivery brought it */
};

/* Checks an entry that is not pruned, without saying what is wrong.  Any number
 * of threads may do that at once. */
enum remap_look remap_look(const struct remap *remap,
    const struct entry *entry);

/* Compares the time of the entry's delivery with that of the delivery before.
 * Call it for each entry, in their order. */
void remap_order(struct remap *remap, const struct entry *entry);

/* Counts the entry, and when it is doubtful adds a finding of what is wrong
 * with it.  Returns 0; or -1, and database_error() says why. */
int remap_entry(struct remap *remap, const struct entry *entry,
    enum remap_look look);

/* Checks a delivery that was refused.  Returns 0, or -1 as above. */
int remap_refused(struct remap *remap, const struct delivery_row *row);

/* Finds the session of a delivery's event that is missing; "" when the body
 * does not tell it. */
void remap_session(const struct delivery_row *row,
    char session_id[EVENT_SESSION_SIZE]);

/* Also of one that could not be opened. */
void remap_close(struct remap *remap);

#endif
