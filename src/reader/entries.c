#include "reader/entries.h"

#include <stdlib.h>
#include <string.h>

#include "reader/events.h"
#include "store/leaf.h"

/* Rows in one read transaction. */
#define VIEW_ROWS 4096

enum stream {
	EVENTS,
	DELIVERIES,
	PRUNED,
	STREAMS
};

static const struct {
	enum statement rows; /* those above ?1, up to ?2 */
	enum statement last; /* the last of them */
	int number;          /* the column that orders them */
} tables_of[STREAMS] = {
	[EVENTS] = { WALK_EVENTS, LAST_ROW, 0 },
	[DELIVERIES] = { WALK_DELIVERIES, LAST_DELIVERY_ROW, 0 },
	[PRUNED] = { WALK_PRUNED, LAST_PRUNED_ROW, 3 },
};

struct entries {
	struct database *database;
	struct entries_options options;
	struct query *streams[STREAMS];
	bool has[STREAMS];     /* it is at a row */
	bool ended[STREAMS];   /* there are no more */
	int64_t at[STREAMS];   /* the number of that row, or of the last */
	int64_t last[STREAMS]; /* the number to end with */
	int rows;              /* in this read transaction */
	uint64_t index;        /* of the next entry */

	struct delivery_row delivery; /* of the stream's row */
	bool consumed;                /* its event has been given */
	int64_t shown;                /* the last that on_delivery() saw */

	/* For deliveries that do not come in the order of their events. */
	struct query *find;  /* the number of an event's delivery */
	struct query *fetch; /* a delivery by its number */
	struct query *leaf;  /* the leaf that prune has kept of one */
	struct delivery_row found;
};

/* The leaf of a delivery whose body is gone, from what prune has kept. */
static int
read_kept_leaf(struct entries *e, struct delivery_row *d)
{
	size_t len = 0;
	const void *leaf = NULL;

	query_bind_number(e->leaf, 1, d->id);
	int step = query_step(e->leaf);
	if (step == 1)
		leaf = query_bytes(e->leaf, 0, &len);
	if (leaf != NULL && len == DIGEST_BYTES)
		memcpy(d->leaf, leaf, len);
	query_reset(e->leaf);
	return step < 0 ? -1 : 0;
}

static int
no_leaf(struct entries *e)
{
	return database_fail(e->database,
	    "out of memory, or libgcrypt refuses SHA-256");
}

static int
add_leaf(struct entries *e, struct delivery_row *d)
{
	if (!e->options.leaves)
		return 0;
	if (d->body.len == 0)
		return read_kept_leaf(e, d);
	return leaf_of_delivery(d, d->leaf) == 0 ? 0 : no_leaf(e);
}

/* --- The streams --------------------------------------------------------- */

/* Moves a stream to its next row, if there is one. */
static int
advance(struct entries *e, enum stream which)
{
	e->has[which] = false;
	if (e->ended[which])
		return 0;
	int step = query_step(e->streams[which]);
	if (step < 0)
		return -1;
	e->ended[which] = step == 0;
	e->has[which] = step == 1;
	e->rows++;
	if (step == 1)
		e->at[which] = query_number(e->streams[which],
		    tables_of[which].number);
	return 0;
}

/* Begins a stream at the first row above this one. */
static int
restart(struct entries *e, enum stream which, int64_t above)
{
	query_reset(e->streams[which]);
	query_bind_number(e->streams[which], 1, above);
	query_bind_number(e->streams[which], 2, e->last[which]);
	e->ended[which] = false;
	return advance(e, which);
}

/* Reads the delivery that the stream is at, and calls on_delivery() when it has
 * not seen it. */
static int
load_delivery(struct entries *e)
{
	if (!e->has[DELIVERIES])
		return 0;
	delivery_row_read(&e->delivery, e->streams[DELIVERIES]);
	if (add_leaf(e, &e->delivery) != 0)
		return -1;
	if (e->delivery.id <= e->shown)
		return 0;
	e->consumed = false;
	e->shown = e->delivery.id;
	return e->options.on_delivery == NULL ? 0 :
	    e->options.on_delivery(e->options.context, &e->delivery);
}

static int
next_delivery(struct entries *e)
{
	return advance(e, DELIVERIES) == 0 ? load_delivery(e) : -1;
}

/* Ends the read transaction, and begins another at the same rows. */
static int
renew_view(struct entries *e)
{
	for (int i = 0; i < STREAMS; i++)
		query_reset(e->streams[i]);
	if (database_end_reading(e->database) != 0 ||
	    database_begin_reading(e->database) != 0)
		return -1;
	for (int i = 0; i < STREAMS; i++) {
		bool had = e->has[i], had_ended = e->ended[i];
		if (had_ended)
			continue;
		if (restart(e, i, had ? e->at[i] - 1 : e->at[i]) != 0)
			return -1;
	}
	e->rows = 0;
	return load_delivery(e);
}

/* --- The delivery of an event -------------------------------------------- */

static int
make_index(struct entries *e)
{
	if (database_run(e->database, INDEX_DELIVERIES) != 0)
		return -1;
	e->find = query_open(e->database, INDEXED_DELIVERY);
	return e->find == NULL ? -1 : 0;
}

/* Looks for the delivery of an event in the whole table, with an index that is
 * made when it is first needed.  *id is 0 when there is none. */
static int
find_delivery(struct entries *e, const char *event_id, int64_t *id)
{
	if (e->find == NULL && make_index(e) != 0)
		return -1;
	query_bind_text(e->find, 1, event_id);
	int step = query_step(e->find);
	*id = step == 1 ? query_number(e->find, 0) : 0;
	query_reset(e->find);
	return step < 0 ? -1 : 0;
}

static int
fetch_delivery(struct entries *e, int64_t id)
{
	query_reset(e->fetch);
	query_bind_number(e->fetch, 1, id);
	int step = query_step(e->fetch);
	if (step != 1)
		return step;
	delivery_row_read(&e->found, e->fetch);
	return add_leaf(e, &e->found) == 0 ? 1 : -1;
}

static bool
is_at(const struct entries *e, const char *event_id)
{
	return e->has[DELIVERIES] && !e->consumed &&
	    e->delivery.event_id != NULL &&
	    strcmp(e->delivery.event_id, event_id) == 0;
}

static void
take_delivery(struct entries *e, struct entry *entry)
{
	entry->delivery = &e->delivery;
	entry->in_order = true;
	e->consumed = true;
}

/*
 * Finds the delivery of the entry's event.  Deliveries have the order of their
 * events, except those that were refused at first and recorded later.
 */
static int
join_delivery(struct entries *e, struct entry *entry)
{
	const char *id = entry->event.columns.id;
	int64_t number;

	while (e->has[DELIVERIES] && (e->consumed ||
	    e->delivery.event_id == NULL))
		if (next_delivery(e) != 0)
			return -1;
	if (is_at(e, id)) {
		take_delivery(e, entry);
		return 0;
	}
	if (!event_is_webhook(&entry->event))
		return 0;
	if (find_delivery(e, id, &number) != 0)
		return -1;
	if (number == 0)
		return 0;
	while (e->has[DELIVERIES] && e->at[DELIVERIES] < number)
		if (next_delivery(e) != 0)
			return -1;
	if (is_at(e, id)) {
		take_delivery(e, entry);
		entry->in_order = false;
		return 0;
	}
	int step = fetch_delivery(e, number);
	if (step == 1)
		entry->delivery = &e->found;
	return step < 0 ? -1 : 0;
}

/* --- Walking ------------------------------------------------------------- */

static int
begin(struct entries *e)
{
	for (int i = 0; i < STREAMS; i++)
		if ((e->streams[i] = query_open(e->database,
		    tables_of[i].rows)) == NULL)
			return -1;
	e->fetch = query_open(e->database, DELIVERY_BY_NUMBER);
	e->leaf = query_open(e->database, PRUNED_LEAF);
	if (e->fetch == NULL || e->leaf == NULL ||
	    database_begin_reading(e->database) != 0)
		return -1;
	for (int i = 0; i < STREAMS; i++) {
		e->last[i] = database_number(e->database, tables_of[i].last);
		if (e->last[i] < 0)
			return -1;
	}
	for (int i = 0; i < STREAMS; i++)
		if (restart(e, i, INT64_MIN) != 0)
			return -1;
	return load_delivery(e);
}

struct entries *
entries_open(struct database *database,
    const struct entries_options *options)
{
	struct entries *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		database_fail(database, "out of memory");
		return NULL;
	}
	e->database = database;
	e->options = *options;
	e->shown = INT64_MIN;
	if (begin(e) == 0)
		return e;
	entries_close(e);
	return NULL;
}

/* An event that prune has removed. */
static int
give_pruned(struct entries *e, struct entry *entry)
{
	struct pruned_row row;

	pruned_row_read(&row, e->streams[PRUNED]);
	entry->pruned = true;
	entry->position = e->at[PRUNED];
	entry->event_id = row.event_id;
	entry->tenant_id = row.tenant_id;
	entry->session_id = row.session_id;
	entry->prev_hash = row.prev_hash;
	entry->hash = row.hash;
	if (row.event_leaf.data != NULL && row.event_leaf.len == DIGEST_BYTES)
		memcpy(entry->leaf, row.event_leaf.data, DIGEST_BYTES);
	return 1;
}

static int
give_event(struct entries *e, struct entry *entry)
{
	event_row_read(&entry->event, e->streams[EVENTS]);
	entry->position = entry->event.position;
	entry->event_id = entry->event.columns.id;
	entry->tenant_id = entry->event.tenant_id;
	entry->session_id = entry->event.columns.session_id;
	entry->prev_hash = entry->event.columns.prev_hash;
	entry->hash = entry->event.hash;
	if (join_delivery(e, entry) != 0)
		return -1;
	if (e->options.leaves && leaf_of_event(&entry->event,
	    entry->delivery, entry->leaf) != 0)
		return no_leaf(e);
	return 1;
}

/* Moves behind the row that was given last. */
static int
leave_last(struct entries *e)
{
	if (e->index == 0)
		return 0;
	bool pruned = e->has[PRUNED] && (!e->has[EVENTS] ||
	    e->at[PRUNED] <= e->at[EVENTS]);
	return advance(e, pruned ? PRUNED : EVENTS);
}

int
entries_next(struct entries *e, struct entry *entry)
{
	*entry = (struct entry){ .index = e->index };
	if (leave_last(e) != 0)
		return -1;
	if (e->rows >= VIEW_ROWS && renew_view(e) != 0)
		return -1;
	if (!e->has[EVENTS] && !e->has[PRUNED]) {
		while (e->has[DELIVERIES])
			if (next_delivery(e) != 0)
				return -1;
		e->index = 0;
		return 0;
	}
	e->index++;
	return e->has[PRUNED] && (!e->has[EVENTS] ||
	    e->at[PRUNED] <= e->at[EVENTS]) ? give_pruned(e, entry) :
	    give_event(e, entry);
}

int64_t
entries_last_position(const struct entries *e)
{
	return e->last[EVENTS] > e->last[PRUNED] ? e->last[EVENTS] :
	    e->last[PRUNED];
}

void
entries_close(struct entries *e)
{
	if (e == NULL)
		return;
	for (int i = 0; i < STREAMS; i++)
		query_close(e->streams[i]);
	query_close(e->find);
	query_close(e->fetch);
	query_close(e->leaf);
	database_stop_reading(e->database);
	free(e);
}
