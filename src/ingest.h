/* The way of a delivery through all the steps; the only file that knows them
 * all. */
#ifndef INGEST_H
#define INGEST_H

#include "committer.h"
#include "gateway.h"
#include "settings.h"

struct ingest {
	const struct settings *settings; /* NULL: they could not be read */
	const char *settings_error;      /* why not; for the log only */
	struct committer *committer;
};

/*
 * Handles one request: every check in the order of the manual, the first
 * failure answers.  A gateway_handler; `context` is a struct ingest, which
 * any number of threads may share.
 */
void ingest_handle(void *context, struct request *request);

#endif
