/* The settings: environment first, then one file. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "log.h"
#include "source.h"

enum settings_journal {
	SETTINGS_JOURNAL_WAL,
	SETTINGS_JOURNAL_DELETE
};

enum settings_synchronous {
	SETTINGS_SYNCHRONOUS_FULL,
	SETTINGS_SYNCHRONOUS_NORMAL,
	SETTINGS_SYNCHRONOUS_EXTRA
};

/* A source's current secret and the one before it; NULL when not set. */
#define SETTINGS_SECRETS 2

struct settings {
	char *db_path; /* absolute */
	char *secrets[SOURCES][SETTINGS_SECRETS];
	char *tenants[SOURCES];
	long max_body; /* bytes */
	long max_wal_mb; /* MiB */
	long threads;
	long batch; /* events a commit */
	long journal;
	long synchronous;
	long file_mode;
	long busy_ms;
	long read_timeout_ms;
	long log_level;
	long sandbox; /* 0: off */

	char *file; /* the settings file that was read, or NULL */
};

#define SETTINGS_ERROR_SIZE 512

/*
 * Reads the environment, then the first of $INGEST_CONFIG,
 * ~/.agentlens-ingest.conf and <sysconfdir>/agentlens-ingest.conf that exists,
 * in the form of a systemd EnvironmentFile (systemd.exec(5)).  What neither
 * sets has its default.
 * Returns 0, or -1 with a sentence in `error` that says what to do; release
 * the settings in both cases.
 */
int settings_load(struct settings *settings, char error[SETTINGS_ERROR_SIZE]);

/*
 * Looks at what a running program only warns of: that nobody else can read
 * the secrets in the settings file.  Returns 0, or -1 with a sentence.
 */
int settings_check(const struct settings *settings,
    char error[SETTINGS_ERROR_SIZE]);

/* Whether `path` lies inside the directory `root`, symbolic links followed.
 * A path that does not exist yet is judged by its folder. */
bool settings_path_inside(const char *path, const char *root);

/* Wipes the secrets and releases everything. */
void settings_free(struct settings *settings);

#endif
