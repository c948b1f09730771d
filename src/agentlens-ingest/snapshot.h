/* The settings in force.  Whoever takes them has the same ones until he gives
 * them back, whatever is put in their place meanwhile. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "settings.h"

struct snapshot;

/* Takes over the settings, which are wiped when nobody has them any more.
 * Returns NULL, with the settings as they were, when memory runs out. */
struct snapshot *snapshot_open(struct settings *settings);

/* The settings in force, from any thread.  Each must be given back. */
const struct settings *snapshot_take(struct snapshot *snapshot);
void snapshot_give_back(struct snapshot *snapshot,
    const struct settings *settings);

/* Puts other settings in force, and takes them over.  Returns 0, or -1 with
 * everything as it was when memory runs out. */
int snapshot_replace(struct snapshot *snapshot, struct settings *settings);

/* Everything must have been given back.  NULL is allowed. */
void snapshot_close(struct snapshot *snapshot);

#endif
