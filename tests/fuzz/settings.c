/*
 * The settings file.  What was read of any file is written out again in the
 * plainest form there is, and must be the same when that is read.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "base/text.h"

static int file = -1;

static void
open_target(void)
{
	char path[64];

	file = memfd_create("settings", MFD_CLOEXEC);
	/* It refuses a file that anybody can write to. */
	fuzz_require(file >= 0 && fchmod(file, 0600) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	/* The environment goes before the file. */
	clearenv();
	setenv("INGEST_CONFIG", path, 1);
	/* libFuzzer starts itself anew to merge. */
	setenv("FUZZ_TARGET", "settings", 1);
}

static int
load(const void *content, size_t len, struct settings *settings,
    struct error *error)
{
	fuzz_require(ftruncate(file, 0) == 0);
	fuzz_require(pwrite(file, content, len, 0) == (ssize_t)len);
	memset(error, '?', sizeof(*error));
	return settings_load(settings, error);
}

static void
write_text(struct text *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_puts(out, name);
	text_puts(out, "=\"");
	for (; *value != '\0'; value++) {
		if (strchr("\"\\`$", *value) != NULL)
			text_puts(out, "\\");
		text_add(out, value, 1);
	}
	text_puts(out, "\"\n");
}

static void
write_number(struct text *out, const char *name, bool octal, long value)
{
	char text[32];

	snprintf(text, sizeof(text), octal ? "0%lo" : "%lu",
	    (unsigned long)value);
	write_text(out, name, text);
}

static void
write_settings(struct text *out, const struct settings *s)
{
	static const char *const secrets[SOURCE_SENDER][SETTINGS_SECRETS] = {
		{ "AGENTGATE_WEBHOOK_SECRET",
		    "AGENTGATE_WEBHOOK_SECRET_PREVIOUS" },
		{ "FORMBRIDGE_WEBHOOK_SECRET",
		    "FORMBRIDGE_WEBHOOK_SECRET_PREVIOUS" },
		{ "GENERIC_WEBHOOK_SECRET",
		    "GENERIC_WEBHOOK_SECRET_PREVIOUS" },
	};
	static const char *const tenants[SOURCE_SENDER] = { "AGENTGATE_TENANT_ID",
		"FORMBRIDGE_TENANT_ID", "GENERIC_TENANT_ID" };
	static const char *const journals[] = { "wal", "delete" };
	static const char *const checkpoints[] = { "internal", "external" };
	static const char *const modes[] = { "full", "normal", "extra" };

	write_text(out, "DATABASE_PATH", s->db_path);
	for (int i = 0; i < SOURCE_SENDER; i++) {
		for (int j = 0; j < SETTINGS_SECRETS; j++)
			write_text(out, secrets[i][j], s->secrets[i][j]);
		write_text(out, tenants[i], s->tenants[i]);
	}
	write_number(out, "INGEST_MAX_BODY", false, s->max_body);
	if (s->threads > 0)
		write_number(out, "INGEST_THREADS", false, s->threads);
	write_number(out, "INGEST_BATCH", false, s->batch);
	write_text(out, "INGEST_JOURNAL", journals[s->journal]);
	write_text(out, "INGEST_CHECKPOINT", checkpoints[s->checkpoint]);
	write_text(out, "INGEST_SYNCHRONOUS", modes[s->synchronous]);
	write_number(out, "INGEST_FILE_MODE", true, s->file_mode);
	write_number(out, "INGEST_BUSY_MS", false, s->busy_ms);
	write_number(out, "INGEST_READ_TIMEOUT_MS", false,
	    s->read_timeout_ms);
	write_text(out, "INGEST_LOG", log_level_names[s->log_level]);
}

static bool
between(long value, long low, long high)
{
	return value >= low && value <= high;
}

/* The limits that agentlens-ingest.conf(5) tells. */
static void
require_limits(const struct settings *s)
{
	fuzz_require(s->db_path[0] == '/');
	fuzz_require(s->db_path[strlen(s->db_path) - 1] != '/');
	for (int i = 0; i < SOURCE_SENDER; i++) {
		for (int j = 0; j < SETTINGS_SECRETS; j++)
			fuzz_require(s->secrets[i][j] == NULL || between(
			    (long)strlen(s->secrets[i][j]), 1, 4096));
		fuzz_require(between((long)strlen(s->tenants[i]), 1, 256));
	}
	fuzz_require(between(s->max_body, 1, 67108864));
	fuzz_require(between(s->threads, 0, 512));
	fuzz_require(between(s->batch, 1, 4096));
	fuzz_require(between(s->journal, 0, 1));
	fuzz_require(between(s->checkpoint, 0, 1));
	fuzz_require(between(s->synchronous, 0, 2));
	fuzz_require(between(s->file_mode, 0600, 0666));
	fuzz_require((s->file_mode & 0111) == 0);
	fuzz_require(between(s->busy_ms, 0, 60000));
	fuzz_require(between(s->read_timeout_ms, 1, 600000));
	fuzz_require(between(s->log_level, 0, LOG_LEVELS - 1));
}

static void
run(const unsigned char *data, size_t size)
{
	struct settings settings, again;
	struct text first = TEXT_EMPTY, second = TEXT_EMPTY;
	struct error error = { "" };

	if (load(data, size, &settings, &error) != 0) {
		size_t len = strnlen(error.text, sizeof(error.text));
		fuzz_require(len > 0 && len < sizeof(error.text));
		fuzz_tell("refused", "", 0);
	} else {
		require_limits(&settings);
		write_settings(&first, &settings);
		fuzz_require(load(first.data, first.len, &again, &error) == 0);
		write_settings(&second, &again);
		fuzz_require(first.len == second.len);
		fuzz_require(memcmp(first.data, second.data, first.len) == 0);
		settings_free(&again);
		fuzz_tell("taken", "", 0);
	}
	settings_free(&settings);
	text_free(&first);
	text_free(&second);
}

const struct fuzz_target fuzz_settings = {
	.name = "settings",
	.open = open_target,
	.run = run,
};
