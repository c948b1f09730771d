/* The settings, from the environment first and then from one file.  They do not
 * know what is done with them. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "webhook/own_sender.h"
#include "webhook/source.h"

enum settings_journal {
	SETTINGS_JOURNAL_WAL,
	SETTINGS_JOURNAL_DELETE
};

enum settings_checkpoint {
	SETTINGS_CHECKPOINT_INTERNAL,
	SETTINGS_CHECKPOINT_EXTERNAL
};

enum settings_synchronous {
	SETTINGS_SYNCHRONOUS_FULL,
	SETTINGS_SYNCHRONOUS_NORMAL,
	SETTINGS_SYNCHRONOUS_EXTRA
};

/* The most bytes of a settings file. */
#define SETTINGS_FILE_MAX 65536

/* A source has its current secret and the one before it. */
#define SETTINGS_SECRETS 2

struct settings {
	char *db_path; /* absolute */
	char *secrets[SOURCES][SETTINGS_SECRETS]; /* NULL when not set */
	char *tenants[SOURCES];
	long windows[SOURCES];   /* seconds; 0 where no time is signed */
	long approvals[SOURCES]; /* 1: they may be made of its deliveries */
	char *signature_headers[SOURCES]; /* NULL: as the table has it */
	char *timestamp_headers[SOURCES];
	struct own_senders own;
	long max_body; /* bytes */
	long takes_unsigned; /* 0: only signed deliveries are taken */
	long unsigned_max_body; /* bytes; max_body holds all the same */
	long max_wal_mb; /* MiB */
	long threads; /* 0: as many as processors, at least 2 */
	long batch; /* the most events in one commit */
	long journal;     /* enum settings_journal */
	long checkpoint;  /* enum settings_checkpoint */
	long synchronous; /* enum settings_synchronous */
	long file_mode;
	long busy_ms;
	long read_timeout_ms;
	long log_level; /* enum log_level */
	long sandbox; /* 0: off */

	char *file; /* the settings file that was read, or NULL */

	/* Made of the header names above. */
	struct source *rows[SOURCES];
	char *timestamps[SOURCES];
};

/* What the settings say about one source.  Everything is borrowed. */
struct settings_source {
	const struct source *row;
	const char *secrets[SETTINGS_SECRETS]; /* NULL when not set */
	const char *tenant;
	long window_s;
	bool approvals;
};

/*
 * Reads the environment, then the first of $INGEST_CONFIG,
 * ~/.agentlens-ingest.conf and <sysconfdir>/agentlens-ingest.conf that exists,
 * in the form of a systemd EnvironmentFile (systemd.exec(5)).  What neither
 * sets has its default.
 * Returns 0, or -1 with a sentence in `error` that says what to do; release
 * the settings in both cases.
 */
int settings_load(struct settings *settings, struct error *error);

/*
 * Reads the settings once more, from the environment and from this content of
 * the file that `old` was read from.  Those that can change while the program
 * serves are those of the sources and senders, and INGEST_LOG; the others stay
 * as in `old`, and the names of those that would have changed are appended to
 * `later`, with blanks between them.
 * Returns 0, or -1 with a sentence; release the settings in both cases.
 */
int settings_reload(struct settings *settings, const struct settings *old,
    const struct text *content, struct text *later, struct error *error);

/* Reads a settings file, which must be a regular file that not everybody can
 * write, into an empty text.  Returns 0, or -1 with a sentence; release the
 * text in both cases. */
int settings_read_file(const char *path, struct text *content,
    struct error *error);

/* Wipes a text with secrets in it, and releases it. */
void settings_wipe_text(struct text *content);

/* Appends the names of the secrets that the environment sets, with blanks
 * between them: they do not change before the next start. */
void settings_add_environment_secrets(struct text *names);

/* Checks that each secret can be a key of its source, and that not every user
 * can read those in the settings file, or write to the folder of the database.
 * Returns 0, or -1 with a sentence. */
int settings_check(const struct settings *settings, struct error *error);

/* Appends a line for each thing about the secrets that is allowed and hardly
 * meant: white space around one, a comment in it, a short one, the same twice.
 * No line shows a secret. */
void settings_doubt(const struct settings *settings, struct text *doubts);

/* Whether `path` lies inside the directory `root`, symbolic links followed.
 * A path that does not exist yet is judged by its folder. */
bool settings_path_inside(const char *path, const char *root);

/* Finds a source of the table, or a sender of one's own, by its name.  Returns
 * whether there is one. */
bool settings_find_source(const struct settings *settings, const char *name,
    struct settings_source *source);

/* Writes the name of the setting that holds a source's secret. */
void settings_secret_name(const struct source *source, char *name,
    size_t size);

/* Wipes the secrets and releases everything. */
void settings_free(struct settings *settings);

#endif
