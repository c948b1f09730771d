/* The file: AgentLens's tables and our deliveries, the only door to SQLite. */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "reply.h"
#include "settings.h"
#include "signature.h"
#include "source.h"

/* What one delivery brings to the file.  All is borrowed. */
struct delivery {
	const struct source *source;
	const char *remote_addr; /* or NULL */
	const char *signature;   /* 64 hex digits, when it was found good */
	const void *body;
	size_t body_len;

	/* SHA-256 over source and body, of a signed delivery; and the time
	 * that the body carries, in ms, or 0. */
	int64_t sent_at;
	bool has_key;
	unsigned char key[SIGNATURE_BYTES];

	/* SHA-256 over source, header name and value, when one was sent. */
	bool has_idempotency_key;
	unsigned char idempotency_key[SIGNATURE_BYTES];

	/* The event, or NULL and the reason for which it is refused. */
	struct event *event;
	const char *reason;
};

/* What became of it. */
struct outcome {
	/*
	 * REPLY_RECORDED; REPLY_REPLAYED with the first answer;
	 * REPLY_KEY_REUSED; REPLY_NONE for a refused delivery that is kept
	 * now; or why nothing is kept: REPLY_BUSY, REPLY_UNAVAILABLE,
	 * REPLY_INTERNAL.
	 */
	enum reply_kind kind;
	char event_id[ULID_SIZE];
	char event_type[64];
	char session_id[EVENT_SESSION_SIZE];
};

struct store;

/* Pages of the write-ahead log after which a checkpoint is due. */
#define STORE_CHECKPOINT_PAGES 1000

enum store_role {
	STORE_WRITER,          /* checkpoints by itself, at a commit */
	STORE_THREADED_WRITER, /* leaves them to a checkpointer */
	STORE_CHECKPOINTER
};

/*
 * Opens the database of the settings.  A writer makes the file when it is not
 * there (its folder must be), and the tables or columns that are missing.
 * Returns REPLY_NONE, or why not, logged in detail, with *store NULL.  A store
 * belongs to one thread at a time.
 */
enum reply_kind store_open(struct store **store,
    const struct settings *settings, enum store_role role);

/* Whether the file opened is still the one at its path, and so are its log and
 * their index. */
bool store_is_current(const struct store *store);

/* Whether both have the same database, log and index open. */
bool store_shares_files(const struct store *a, const struct store *b);

/*
 * Closes a store that is not current, and before it brings what its log holds
 * into its file, wherever that is now.  Nobody else may write meanwhile.
 * Returns REPLY_NONE, or, when that cannot be done yet, REPLY_UNAVAILABLE,
 * logged, with the store still open.
 */
enum reply_kind store_leave(struct store *store);

/*
 * Keeps the write-ahead log below max_bytes: each time that it has grown by
 * 32 MiB, readers are waited for, for a tenth of a second, to begin it anew.
 * Returns REPLY_NONE, or REPLY_BUSY, logged, while it is above max_bytes and
 * a reader keeps it so.
 */
enum reply_kind store_limit_log(struct store *store, int64_t max_bytes);

/*
 * Starts, commits and rolls back a write transaction.  Beginning waits at most
 * `wait_ms` for other programs.  When a commit fails nothing of it is kept.
 */
enum reply_kind store_begin(struct store *store, int wait_ms);
enum reply_kind store_commit(struct store *store);
void store_rollback(struct store *store);

/*
 * Puts one delivery into the open transaction, and returns whether that went
 * well: the outcome says more, and counts once the transaction is committed.
 * When it did not, a part of the delivery may be in the transaction, which
 * must be rolled back.
 */
bool store_append(struct store *store, const struct delivery *delivery,
    struct outcome *outcome);

/* The same with a savepoint, so that nothing is left of a delivery that
 * fails. It costs a third more. */
bool store_append_apart(struct store *store, const struct delivery *delivery,
    struct outcome *outcome);

/* Writes into the open transaction and takes it back.  The outcome says how
 * that went; returns whether the transaction is still of use. */
bool store_probe(struct store *store, struct outcome *outcome);

/* Whether the transaction is still open: SQLite ends it by itself after some
 * errors, a full disk for one. */
bool store_in_transaction(const struct store *store);

/* Pages in the write-ahead log after the last commit (threaded writers). */
int store_wal_pages(const struct store *store);

/* Copies what it can of the write-ahead log into the database, waiting for
 * nobody; nothing of a store that is not current.  Returns how many pages of
 * the log are not copied; INT_MAX when it could not begin. */
int store_checkpoint(struct store *store);

/* Closes the database; NULL is allowed. */
void store_close(struct store *store);

/* The version of SQLite in use, as text. */
const char *store_library_version(void);

#endif
