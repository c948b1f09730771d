#include "settings_rows.h"

#include <stdio.h>
#include <stdlib.h>

/* Copies the rows whose headers have other names here. */
static int
rename_headers(struct settings *settings, struct error *error)
{
	for (int i = 0; i < SOURCES; i++) {
		const char *signature = settings->signature_headers[i];
		const char *timestamp = settings->timestamp_headers[i];
		if (signature == NULL && timestamp == NULL)
			continue;
		struct source *row = malloc(sizeof(*row));
		if ((settings->rows[i] = row) == NULL)
			return error_set(error, "out of memory");
		*row = sources[i];
		if (signature != NULL)
			row->signature_headers[0] = signature;
		if (timestamp != NULL && asprintf(&settings->timestamps[i],
		    "h:%s s", timestamp) < 0) {
			settings->timestamps[i] = NULL;
			return error_set(error, "out of memory");
		}
		if (timestamp != NULL)
			row->timestamp = settings->timestamps[i];
	}
	return 0;
}

int
settings_make_rows(struct settings *settings, struct error *error)
{
	char sentence[OWN_SENDER_ERROR_SIZE];

	for (int i = 0; i < SOURCES; i++)
		if (settings->windows[i] == 0)
			settings->windows[i] = sources[i].window_s;
	if (own_senders_finish(&settings->own, sentence) != 0)
		return error_set(error, "%s", sentence);
	return rename_headers(settings, error);
}

bool
settings_find_source(const struct settings *settings, const char *name,
    struct settings_source *found)
{
	const struct source *row = source_named(name);
	const struct own_sender *own = row != NULL ? NULL :
	    own_senders_find(&settings->own, name);

	if (row != NULL)
		*found = (struct settings_source){
			.row = settings->rows[row->id] != NULL ?
			    settings->rows[row->id] : row,
			.secrets = { settings->secrets[row->id][0],
			    settings->secrets[row->id][1] },
			.tenant = settings->tenants[row->id],
			.window_s = settings->windows[row->id],
			.approvals = settings->approvals[row->id] != 0,
		};
	else if (own != NULL)
		*found = (struct settings_source){
			.row = &own->row,
			.secrets = { own->values[OWN_SENDER_SECRET],
			    own->values[OWN_SENDER_SECRET_PREVIOUS] },
			.tenant = own->values[OWN_SENDER_TENANT_ID] != NULL ?
			    own->values[OWN_SENDER_TENANT_ID] : "default",
			.window_s = own->row.window_s,
		};
	return row != NULL || own != NULL;
}
