/*
 * The engine as recording sees it: transactions over the file of the settings,
 * also when that file is moved or replaced.  Inside one the recording
 * statements are run.  It knows no rule of recording.  An engine belongs to one
 * thread at a time.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timestamp.h"
#include "settings.h"
#include "store/database.h"
#include "webhook/refusal.h"

/* What the file holds is not believed when it says that it is of later than so
 * many ms from now: nothing is counted up from it, or linked to it, since one
 * such row would stop recording for ever.  A clock that was set wrong is less
 * wrong than that, or refused by itself. */
#define ENGINE_AHEAD_MS INT64_C(31622400000)

/* The latest time that is believed, in ms, when it is `now`. */
static inline int64_t
engine_bound(int64_t now)
{
	return now < TIMESTAMP_MAX - ENGINE_AHEAD_MS ? now + ENGINE_AHEAD_MS :
	    TIMESTAMP_MAX;
}

struct engine;

/*
 * Makes an engine over the database of the settings, which it borrows.  The
 * file is opened, and made where it is not there, by the first transaction,
 * and again whenever it could not be used, so that the program need not be
 * restarted.  Threaded, it has a thread of its own for checkpoints.
 * Returns NULL when memory or threads run out.
 */
struct engine *engine_open(const struct settings *settings, bool threaded);

/* Closes the database; NULL is allowed. */
void engine_close(struct engine *engine);

/*
 * Begins a write transaction, in the queue of all processes that write the
 * file, at most until the deadline (ms of timestamp_monotonic()).
 * Returns REFUSAL_NONE; or, with nothing begun and the reason logged,
 * REFUSAL_BUSY, REFUSAL_UNAVAILABLE or REFUSAL_INTERNAL.
 */
enum refusal_code engine_begin(struct engine *engine, int64_t deadline);

/* Rolls the transaction back and begins another, without leaving its turn in
 * the queue.  Returns as engine_begin() does. */
enum refusal_code engine_begin_again(struct engine *engine, int64_t deadline);

/*
 * Ends the transaction that was begun: commits it, or rolls it back when
 * `code` is not REFUSAL_NONE.  Returns REFUSAL_NONE once it is on disk in the
 * file that is at the path of the settings; else `code`, or why it failed.
 * Then its deliveries must be sent again: it is not certain that it was lost.
 */
enum refusal_code engine_end(struct engine *engine, enum refusal_code code);

/* Whether the transaction is still open: SQLite ends it by itself after some
 * errors, a full disk for one. */
bool engine_in_transaction(const struct engine *engine);

/* A part of the transaction that can be rolled back alone.  Return
 * REFUSAL_NONE, or why not, logged. */
enum refusal_code engine_savepoint(struct engine *engine);
enum refusal_code engine_release(struct engine *engine);
enum refusal_code engine_roll_back_to(struct engine *engine);

/* A recording statement, borrowed; the caller resets it after use. */
struct query *engine_query(struct engine *engine, enum statement statement);

/* Logs why the last query failed while `doing` something, and returns what
 * that means for the delivery. */
enum refusal_code engine_failed(struct engine *engine, const char *doing);

/* The highest event id of the file, of those that are not more than
 * ENGINE_AHEAD_MS ahead, and of this transaction so far, or "":
 * ULID_SIZE bytes of the engine's, where the caller writes the id it mints. */
char *engine_last_id(struct engine *engine);

/* Makes the part of a checkpoint that is due; between transactions only. */
void engine_checkpoint(struct engine *engine);

/* Closes a file that is not at its path any more; between transactions only,
 * while there is nothing to do.  Returns whether to look again. */
bool engine_look(struct engine *engine);

#endif
