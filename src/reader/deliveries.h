/* Finds the delivery that an event came from. */
#ifndef DELIVERIES_H
#define DELIVERIES_H

#include "store/columns.h"
#include "store/database.h"

struct deliveries;

/* Returns NULL on failure; database_error() says why. */
struct deliveries *deliveries_open(struct database *database);

/*
 * The delivery of an event.  The table has no index on the events, but ids and
 * numbers grow together, so a binary search finds it.  It misses a delivery
 * that was refused at first and recorded later: the first four such events are
 * looked for in the whole table, any further ones are not found.  Returns 1
 * with the row, borrowed until the next call; 0 when there is none; or -1, and
 * database_error() says why.
 */
int deliveries_find(struct deliveries *deliveries, const char *event_id,
    struct delivery_row *row);

/* NULL is allowed. */
void deliveries_close(struct deliveries *deliveries);

#endif
