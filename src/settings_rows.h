/* The rows of the sources as the settings have them. */
#ifndef SETTINGS_ROWS_H
#define SETTINGS_ROWS_H

#include "settings.h"

/* Makes, after the last setting was read, the rows that differ from those of
 * the table: of senders of one's own, and where headers have other names.
 * Returns 0, or -1 with a sentence. */
int settings_make_rows(struct settings *settings, struct error *error);

#endif
