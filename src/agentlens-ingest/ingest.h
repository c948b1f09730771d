/* Takes a request through all the steps, from its method to its answer.  It is
 * the only file that knows them all; the steps do not know each other. */
#ifndef INGEST_H
#define INGEST_H

#include "agentlens-ingest/request.h"
#include "agentlens-ingest/snapshot.h"
#include "store/committer.h"

struct ingest {
	struct snapshot *settings;   /* NULL: they could not be read */
	const char *settings_error;  /* why not; for the log only */
	struct committer *committer; /* NULL without settings */
};

/*
 * Handles one request: makes every check in the order of the manual, and
 * answers with the first that fails.  It is a request_handler; `context` is a
 * struct ingest, which any number of threads may share.
 */
void ingest_handle(void *context, struct request *request);

#endif
