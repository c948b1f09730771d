#include "reader/deliveries.h"

#include <stdlib.h>
#include <string.h>

/* How often the whole table may be searched, which is slow. */
#define SEARCHES_MAX 4

enum {
	LAST,
	AT_OR_AFTER,
	NUMBERED,
	ANYWHERE,
	QUERIES
};

static const enum statement statements[QUERIES] = {
	[LAST] = LAST_DELIVERY,
	[AT_OR_AFTER] = DELIVERY_WITH_EVENT,
	[NUMBERED] = DELIVERY_BY_NUMBER,
	[ANYWHERE] = DELIVERY_BY_EVENT,
};

struct deliveries {
	struct query *queries[QUERIES];
	struct query *open; /* the one whose row the caller borrows */
	int64_t next;       /* the number behind the one found last */
	int searches;       /* of the whole table */
};

struct deliveries *
deliveries_open(struct database *database)
{
	struct deliveries *deliveries = calloc(1, sizeof(*deliveries));

	if (deliveries == NULL)
		database_fail(database, "out of memory");
	for (int i = 0; deliveries != NULL && i < QUERIES; i++) {
		deliveries->queries[i] = query_open(database, statements[i]);
		if (deliveries->queries[i] == NULL) {
			deliveries_close(deliveries);
			deliveries = NULL;
		}
	}
	return deliveries;
}

/*
 * Compares the event of the first delivery from `low` to `high` that has one
 * with the event that is looked for.  Returns what strcmp() does, with the
 * number of the delivery; 1 when there is no such delivery; 0 with the number
 * -1 when the table cannot be read, so that the search ends.
 */
static int
compare_at(struct deliveries *deliveries, int64_t low, int64_t high,
    const char *event_id, int64_t *number)
{
	struct query *query = deliveries->queries[AT_OR_AFTER];
	int result = 1;

	query_bind_number(query, 1, low);
	query_bind_number(query, 2, high);
	int step = query_step(query);
	if (step == 1) {
		*number = query_number(query, 0);
		const char *found = query_text(query, 1);
		result = strcmp(found == NULL ? "" : found, event_id);
	} else if (step < 0) {
		*number = -1;
		result = 0;
	}
	query_reset(query);
	return result;
}

/* The number of the event's delivery; 0 when a binary search does not find it,
 * or -1 when the table cannot be read. */
static int64_t
search(struct deliveries *deliveries, const char *event_id)
{
	struct query *last = deliveries->queries[LAST];
	int64_t low = 1, high = 0, number = 0;

	if (compare_at(deliveries, deliveries->next, deliveries->next + 1,
	    event_id, &number) == 0)
		return number;
	int step = query_step(last);
	if (step == 1)
		high = query_number(last, 0);
	query_reset(last);
	if (step < 0)
		return -1;
	while (low <= high) {
		int64_t middle = low + (high - low) / 2;
		int order = compare_at(deliveries, middle, high, event_id,
		    &number);
		if (order == 0)
			return number;
		if (order < 0)
			low = number + 1;
		else
			high = middle - 1;
	}
	return 0;
}

int
deliveries_find(struct deliveries *deliveries, const char *event_id,
    struct delivery_row *row)
{
	if (deliveries->open != NULL)
		query_reset(deliveries->open);
	deliveries->open = NULL;
	int64_t number = search(deliveries, event_id);
	if (number < 0)
		return -1;
	if (number == 0 && deliveries->searches++ >= SEARCHES_MAX)
		return 0;
	struct query *query = deliveries->queries[number != 0 ? NUMBERED :
	    ANYWHERE];

	deliveries->open = query;
	if (number != 0)
		query_bind_number(query, 1, number);
	else
		query_bind_text(query, 1, event_id);
	int step = query_step(query);
	if (step != 1)
		return step;
	delivery_row_read(row, query);
	deliveries->next = row->id + 1;
	return 1;
}

void
deliveries_close(struct deliveries *deliveries)
{
	if (deliveries == NULL)
		return;
	for (int i = 0; i < QUERIES; i++)
		query_close(deliveries->queries[i]);
	free(deliveries);
}
