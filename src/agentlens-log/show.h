/* A delivery as `show` and `refused` print it. */
#ifndef SHOW_H
#define SHOW_H

#include "row.h"
#include "settings.h"

/* For a person; settings may be NULL. */
void show_delivery(const struct delivery_row *delivery,
    const struct settings *settings);

/* Appends its members as JSON. */
void show_add_json(struct text *out, const struct delivery_row *delivery,
    const struct settings *settings);

#endif
