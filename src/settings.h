/* The settings, from the environment first and then from one file.  They do not
 * know what is done with them. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "webhook/source.h"

enum settings_journal {
	SETTINGS_JOURNAL_WAL,
	SETTINGS_JOURNAL_DELETE
};

enum settings_synchronous {
	SETTINGS_SYNCHRONOUS_FULL,
	SETTINGS_SYNCHRONOUS_NORMAL,
	SETTINGS_SYNCHRONOUS_EXTRA
};

/* A source has its current secret and the one before it. */
#define SETTINGS_SECRETS 2

struct settings {
	char *db_path; /* absolute */
	char *secrets[SOURCES][SETTINGS_SECRETS]; /* NULL when not set */
	char *tenants[SOURCES];
	long max_body; /* bytes */
	long max_wal_mb; /* MiB */
	long threads; /* 0: as many as processors, at least 2 */
	long batch; /* the most events in one commit */
	long journal;     /* enum settings_journal */
	long synchronous; /* enum settings_synchronous */
	long file_mode;
	long busy_ms;
	long read_timeout_ms;
	long log_level; /* enum log_level */
	long sandbox; /* 0: off */

	char *file; /* the settings file that was read, or NULL */
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

/* Checks that not every user can read the secrets in the settings file.
 * Returns 0, or -1 with a sentence. */
int settings_check(const struct settings *settings, struct error *error);

/* Whether `path` lies inside the directory `root`, symbolic links followed.
 * A path that does not exist yet is judged by its folder. */
bool settings_path_inside(const char *path, const char *root);

/* Wipes the secrets and releases everything. */
void settings_free(struct settings *settings);

#endif
