/*
 * Senders of one's own: rows like those of the table, made of settings
 * SENDER_<NAME>_<COLUMN>, for whatever else signs with an HMAC.  NAME has the
 * characters A-Z, 0-9 and _; in the path it is in lower case, with "-" for
 * "_".  Reads no files and no environment: it is handed names and values.
 */
#ifndef OWN_SENDER_H
#define OWN_SENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "webhook/scheme.h"
#include "webhook/source.h"

#define OWN_SENDER_PREFIX "SENDER_"

/* Of a window, in seconds. */
#define OWN_SENDER_WINDOW_MAX 2147483647

enum own_sender_column {
	OWN_SENDER_SIGNATURE_HEADER,
	OWN_SENDER_SECRET,
	OWN_SENDER_SECRET_PREVIOUS,
	OWN_SENDER_ALGORITHM,
	OWN_SENDER_ENCODING,
	OWN_SENDER_KEY,
	OWN_SENDER_DELIMITER,
	OWN_SENDER_PREFIX_COLUMN,
	OWN_SENDER_SIGNED,
	OWN_SENDER_TIMESTAMP,
	OWN_SENDER_WINDOW_S,
	OWN_SENDER_ID,
	OWN_SENDER_EVENT,
	OWN_SENDER_SESSION,
	OWN_SENDER_AGENT,
	OWN_SENDER_METADATA,
	OWN_SENDER_KEEP,
	OWN_SENDER_DROP,
	OWN_SENDER_FORM,
	OWN_SENDER_TENANT_ID,
	OWN_SENDER_COLUMNS
};

struct own_sender {
	struct source row; /* what it points to is owned by this sender */
	char *name;        /* "acme" */
	char *setting;     /* "SENDER_ACME" */
	char *values[OWN_SENDER_COLUMNS]; /* as they came, or NULL */
	char *keep_text; /* cut into the lists below */
	char *drop_text;
	const char **keep;
	const char **drop;
};

/* Begins as { 0 }. */
struct own_senders {
	struct own_sender *list;
	size_t count;
};

#define OWN_SENDER_ERROR_SIZE 512

/* Whether a setting of this name is one of a sender of one's own, known or
 * not. */
bool own_sender_is_setting(const char *name);

/*
 * Takes a setting.  The column is the longest known end of its name; of a
 * setting that was taken before, the earlier value stays, so hand in the
 * environment before the file.  Returns 0, or -1 with a sentence in `error`:
 * the column is unknown, or the name is none, or taken.
 */
int own_senders_add(struct own_senders *senders, const char *setting,
    const char *value, char error[OWN_SENDER_ERROR_SIZE]);

/* Makes the rows, after the last setting.  Returns 0, or -1 with a sentence in
 * `error` that names the setting that is wrong or missing. */
int own_senders_finish(struct own_senders *senders,
    char error[OWN_SENDER_ERROR_SIZE]);

/* The sender with this name in the path, or NULL. */
const struct own_sender *own_senders_find(const struct own_senders *senders,
    const char *name);

/* Writes the name of the setting with the secret of a sender, by its row. */
void own_sender_secret_name(const struct source *row, char *name, size_t size);

/* Wipes the secrets and releases everything. */
void own_senders_free(struct own_senders *senders);

/* Appends a table of the columns, what they may be and what they are when not
 * set, as Markdown. */
void own_sender_print(struct text *out);

#endif
