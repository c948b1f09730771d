/* Puts a changed settings file in force while the program serves, and says so
 * in the log.  It knows neither requests nor how the change was found. */
#ifndef RELOAD_H
#define RELOAD_H

#include "agentlens-ingest/snapshot.h"

struct reload;

/*
 * Starts a thread that waits for news of the file.  `watcher` is the descriptor
 * of watcher_start(), or negative when there is no file that could change.
 * Returns NULL when there is neither memory nor a thread to be had; then the
 * settings stay as they are.
 */
struct reload *reload_start(struct snapshot *snapshot, int watcher);

/* Has the file read once more, whether or not it seems to have changed. */
void reload_ask(struct reload *reload);

/* Ends the thread.  NULL is allowed. */
void reload_stop(struct reload *reload);

#endif
