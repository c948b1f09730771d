/* Checks the signature of a stored delivery. */
#ifndef MARK_DELIVERY_H
#define MARK_DELIVERY_H

#include "reader/mark.h"
#include "settings.h"
#include "store/columns.h"

/* `settings`, which has the secrets, may be NULL. */
enum mark mark_delivery(const struct delivery_row *delivery,
    const struct settings *settings);

#endif
