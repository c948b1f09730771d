#include "evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "merkle.h"

/* Rows in one view of the file. */
#define VIEW_ROWS 4096

enum stream {
	EVENTS,
	DELIVERIES,
	PRUNED,
	STREAMS
};

/* Each from above ?1 to ?2. */
static const char *const stream_sql[STREAMS] = {
	[EVENTS] = "SELECT " EVENT_ROW " FROM events"
	    " WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid",
	[DELIVERIES] = "SELECT " DELIVERY_ROW " FROM ingest_deliveries"
	    " WHERE id > ?1 AND id <= ?2 ORDER BY id",
	[PRUNED] = "SELECT position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf FROM ingest_pruned"
	    " WHERE position > ?1 AND position <= ?2 ORDER BY position",
};

struct evidence {
	struct database *database;
	struct evidence_options options;
	struct query *streams[STREAMS];
	bool has[STREAMS];     /* is at a row */
	bool ended[STREAMS];
	int64_t at[STREAMS];   /* the rowid of that row, or the last one */
	int64_t last[STREAMS]; /* where to end */
	int rows;              /* in this view */
	uint64_t index;

	struct delivery_row delivery; /* of the stream's row */
	bool consumed;                /* it has found its event */
	int64_t shown;                /* the last that on_delivery() saw */

	/* For deliveries that are not at their event's turn. */
	struct query *find;  /* in a table made for it when first needed */
	struct query *fetch; /* a delivery by its id */
	struct query *leaf;  /* what prune has kept of a delivery */
	struct delivery_row found;
};

/* --- Rows ---------------------------------------------------------------- */

/* A text column; what is none, or goes on behind a NUL, is noted. */
static const char *
read_text(struct query *query, int column, const char **odd)
{
	size_t len;
	/* Asked first: reading as text makes a text of what is none. */
	bool is_text = query_is_text(query, column, &len);
	const char *text = query_text(query, column);

	if (text != NULL && (!is_text || strlen(text) != len))
		*odd = query_name(query, column);
	return text;
}

static const char *
need_text(struct query *query, int column, const char **odd)
{
	const char *text = read_text(query, column, odd);
	return text == NULL ? "" : text;
}

void
event_row_read(struct event_row *event, struct query *query)
{
	const char **odd = &event->odd;
	const char **const texts[] = {
		&event->columns.id, &event->columns.timestamp,
		&event->columns.session_id, &event->columns.agent_id,
		&event->columns.event_type, &event->columns.severity,
		&event->columns.payload, &event->columns.metadata,
	};

	*event = (struct event_row){ .position = query_number(query, 0) };
	for (int i = 0; i < 8; i++)
		*texts[i] = need_text(query, i + 1, odd);
	event->columns.prev_hash = read_text(query, 9, odd);
	event->hash = need_text(query, 10, odd);
	event->tenant_id = need_text(query, 11, odd);
	event->verified_agent_id = read_text(query, 12, odd);
	event->pricing_version = read_text(query, 13, odd);
	event->org_id = need_text(query, 14, odd);
	event->project_id = need_text(query, 15, odd);
}

bool
event_row_is_webhook(const struct event_row *event)
{
	static const char begin[] = "{\"source\":\"";
	const char *metadata = event->columns.metadata;

	return strncmp(metadata, begin, strlen(begin)) == 0 &&
	    strstr(metadata, "\",\"webhookEvent\":\"") != NULL;
}

void
delivery_row_read(struct delivery_row *d, struct query *query)
{
	*d = (struct delivery_row){
		.id = query_number(query, 0),
		.sent_at = query_number(query, 1),
		.event_id = query_text(query, 4),
		.reason = query_text(query, 5),
		.source = query_text(query, 6),
		.received_at = query_text(query, 7),
		.remote_addr = query_text(query, 8),
		.signature = query_text(query, 9),
	};
	d->key = query_bytes(query, 2, &d->key_len);
	d->idempotency_key = query_bytes(query, 3, &d->idempotency_key_len);
	d->body = query_bytes(query, 10, &d->body_len);
	if (d->source == NULL)
		d->source = "";
	if (d->received_at == NULL)
		d->received_at = "";
}

/* --- Leaves -------------------------------------------------------------- */

static void
add_text(struct text *out, const char *name, const char *value)
{
	text_puts(out, name);
	if (value == NULL)
		text_puts(out, "null");
	else
		json_write_string(out, value, strlen(value));
}

static void
add_number(struct text *out, const char *name, int64_t value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	text_puts(out, name);
	text_puts(out, digits);
}

static void
add_hex(struct text *out, const char *name, const unsigned char *bytes,
    size_t len)
{
	char digits[3];

	text_puts(out, name);
	if (bytes == NULL) {
		text_puts(out, "null");
		return;
	}
	text_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		snprintf(digits, sizeof(digits), "%02x", bytes[i]);
		text_puts(out, digits);
	}
	text_puts(out, "\"");
}

void
evidence_write_delivery(struct text *out, const struct delivery_row *d)
{
	const struct iovec body = { (void *)d->body, d->body_len };
	unsigned char digest[SIGNATURE_BYTES];

	if (signature_sha256(&body, 1, digest) != 0)
		out->failed = true;
	add_number(out, "{\"v\":1,\"delivery\":", d->id);
	add_number(out, ",\"sentAt\":", d->sent_at);
	add_hex(out, ",\"key\":", d->key, d->key_len);
	add_text(out, ",\"source\":", d->source);
	add_text(out, ",\"receivedAt\":", d->received_at);
	add_text(out, ",\"remoteAddr\":", d->remote_addr);
	add_text(out, ",\"signature\":", d->signature);
	add_hex(out, ",\"bodySha256\":", digest, sizeof(digest));
	text_puts(out, "}");
}

static void
write_event(struct text *out, const struct event_row *event,
    const char *hash, const struct delivery_row *delivery)
{
	add_text(out, "{\"v\":1,\"id\":", event->columns.id);
	add_text(out, ",\"hash\":", hash);
	add_text(out, ",\"tenantId\":", event->tenant_id);
	add_text(out, ",\"verifiedAgentId\":", event->verified_agent_id);
	add_text(out, ",\"pricingVersion\":", event->pricing_version);
	add_text(out, ",\"orgId\":", event->org_id);
	add_text(out, ",\"projectId\":", event->project_id);
	add_hex(out, ",\"idempotencyKey\":", delivery == NULL ? NULL :
	    delivery->idempotency_key, delivery == NULL ? 0 :
	    delivery->idempotency_key_len);
	add_hex(out, ",\"delivery\":", delivery == NULL ? NULL :
	    delivery->leaf, SIGNATURE_BYTES);
	text_puts(out, "}");
}

int
evidence_write_event(struct text *out, const struct event_row *event,
    const struct delivery_row *delivery)
{
	char hash[SIGNATURE_HEX_SIZE];

	if (event_hash(&event->columns, hash) != 0)
		return -1;
	write_event(out, event, hash, delivery);
	return out->failed ? -1 : 0;
}

static int
hash_leaf(struct text *data, unsigned char leaf[SIGNATURE_BYTES])
{
	int result = data->failed ? -1 :
	    merkle_leaf(text_string(data), data->len, leaf);

	text_free(data);
	if (result != 0)
		complain("out of memory, or libgcrypt refuses SHA-256");
	return result;
}

int
evidence_kept_leaf(const char *id, const char *hash, const char *tenant_id,
    const struct delivery_row *delivery, unsigned char leaf[SIGNATURE_BYTES])
{
	const struct event_row event = { .columns.id = id,
		.tenant_id = tenant_id, .org_id = "default",
		.project_id = tenant_id };
	struct text data = TEXT_EMPTY;

	write_event(&data, &event, hash, delivery);
	return hash_leaf(&data, leaf);
}

/* What prune has kept in place of a body. */
static int
read_kept_leaf(struct evidence *e, struct delivery_row *d)
{
	size_t len = 0;
	const void *leaf = NULL;

	query_bind_number(e->leaf, 1, d->id);
	int step = query_step(e->leaf);
	if (step == 1)
		leaf = query_bytes(e->leaf, 0, &len);
	if (leaf != NULL && len == SIGNATURE_BYTES)
		memcpy(d->leaf, leaf, len);
	query_reset(e->leaf);
	return step < 0 ? -1 : 0;
}

static int
add_leaf(struct evidence *e, struct delivery_row *d)
{
	struct text data = TEXT_EMPTY;

	if (!e->options.leaves)
		return 0;
	if (d->body_len == 0)
		return read_kept_leaf(e, d);
	evidence_write_delivery(&data, d);
	return hash_leaf(&data, d->leaf);
}

/* --- The streams --------------------------------------------------------- */

/* Moves a stream to its next row, if there is one. */
static int
advance(struct evidence *e, enum stream which)
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
		e->at[which] = query_number(e->streams[which], 0);
	return 0;
}

/* Begins a stream anew, above a row. */
static int
restart(struct evidence *e, enum stream which, int64_t above)
{
	query_reset(e->streams[which]);
	query_bind_number(e->streams[which], 1, above);
	query_bind_number(e->streams[which], 2, e->last[which]);
	e->ended[which] = false;
	return advance(e, which);
}

/* Loads the delivery that the stream is at, and shows it, once. */
static int
load_delivery(struct evidence *e)
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
next_delivery(struct evidence *e)
{
	return advance(e, DELIVERIES) == 0 ? load_delivery(e) : -1;
}

/* Lets the view of the file go, and takes up a new one at the same rows. */
static int
renew_view(struct evidence *e)
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
make_index(struct evidence *e)
{
	if (database_run(e->database, "CREATE TEMP TABLE delivery_of AS"
	    " SELECT event_id, id FROM ingest_deliveries"
	    " WHERE event_id IS NOT NULL;"
	    "CREATE INDEX temp.delivery_of_event ON delivery_of (event_id)")
	    != 0)
		return -1;
	e->find = query_open(e->database,
	    "SELECT min(id) FROM delivery_of WHERE event_id = ?1");
	return e->find == NULL ? -1 : 0;
}

/* Looks for it elsewhere than at its turn.  *id is 0 when there is none. */
static int
find_delivery(struct evidence *e, const char *event_id, int64_t *id)
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
fetch_delivery(struct evidence *e, int64_t id)
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
is_at(const struct evidence *e, const char *event_id)
{
	return e->has[DELIVERIES] && !e->consumed &&
	    e->delivery.event_id != NULL &&
	    strcmp(e->delivery.event_id, event_id) == 0;
}

static void
take_delivery(struct evidence *e, struct entry *entry)
{
	entry->delivery = &e->delivery;
	entry->in_order = true;
	e->consumed = true;
}

/*
 * The delivery of the entry's event.  They come in the same order but for
 * those that were refused at first and recorded later.
 */
static int
join_delivery(struct evidence *e, struct entry *entry)
{
	const char *id = entry->event.columns.id;
	int64_t place;

	while (e->has[DELIVERIES] && (e->consumed ||
	    e->delivery.event_id == NULL))
		if (next_delivery(e) != 0)
			return -1;
	if (is_at(e, id)) {
		take_delivery(e, entry);
		return 0;
	}
	if (!event_row_is_webhook(&entry->event))
		return 0;
	if (find_delivery(e, id, &place) != 0)
		return -1;
	if (place == 0)
		return 0;
	while (e->has[DELIVERIES] && e->at[DELIVERIES] < place)
		if (next_delivery(e) != 0)
			return -1;
	if (is_at(e, id)) {
		take_delivery(e, entry);
		entry->in_order = false;
		return 0;
	}
	int step = fetch_delivery(e, place);
	if (step == 1)
		entry->delivery = &e->found;
	return step < 0 ? -1 : 0;
}

/* --- Walking ------------------------------------------------------------- */

static int64_t
last_of(struct database *database, const char *sql)
{
	struct query *query = query_open(database, sql);
	int64_t last = -1;

	if (query != NULL && query_step(query) == 1)
		last = query_number(query, 0);
	query_close(query);
	return last;
}

static int
begin(struct evidence *e)
{
	for (int i = 0; i < STREAMS; i++)
		if ((e->streams[i] = query_open(e->database,
		    stream_sql[i])) == NULL)
			return -1;
	e->fetch = query_open(e->database, "SELECT " DELIVERY_ROW
	    " FROM ingest_deliveries WHERE id = ?1");
	e->leaf = query_open(e->database,
	    "SELECT delivery_leaf FROM ingest_pruned WHERE delivery_id = ?1");
	if (e->fetch == NULL || e->leaf == NULL ||
	    database_begin_reading(e->database) != 0)
		return -1;
	e->last[EVENTS] = last_of(e->database,
	    "SELECT coalesce(max(rowid), 0) FROM events");
	e->last[DELIVERIES] = last_of(e->database,
	    "SELECT coalesce(max(id), 0) FROM ingest_deliveries");
	e->last[PRUNED] = last_of(e->database,
	    "SELECT coalesce(max(position), 0) FROM ingest_pruned");
	if (e->last[EVENTS] < 0 || e->last[DELIVERIES] < 0 ||
	    e->last[PRUNED] < 0)
		return -1;
	for (int i = 0; i < STREAMS; i++)
		if (restart(e, i, INT64_MIN) != 0)
			return -1;
	return load_delivery(e);
}

struct evidence *
evidence_open(struct database *database,
    const struct evidence_options *options)
{
	struct evidence *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->database = database;
	e->options = *options;
	e->shown = INT64_MIN;
	if (begin(e) == 0)
		return e;
	evidence_close(e);
	return NULL;
}

/* An event that prune has removed. */
static int
give_pruned(struct evidence *e, struct entry *entry)
{
	struct query *query = e->streams[PRUNED];
	size_t len;
	const void *leaf = query_bytes(query, 6, &len);

	entry->pruned = true;
	entry->position = e->at[PRUNED];
	entry->event_id = query_text(query, 1);
	entry->tenant_id = query_text(query, 2);
	entry->session_id = query_text(query, 3);
	entry->prev_hash = query_text(query, 4);
	entry->hash = query_text(query, 5);
	if (leaf != NULL && len == SIGNATURE_BYTES)
		memcpy(entry->leaf, leaf, len);
	return 1;
}

static int
give_event(struct evidence *e, struct entry *entry)
{
	struct text data = TEXT_EMPTY;

	event_row_read(&entry->event, e->streams[EVENTS]);
	entry->position = entry->event.position;
	entry->event_id = entry->event.columns.id;
	entry->tenant_id = entry->event.tenant_id;
	entry->session_id = entry->event.columns.session_id;
	entry->prev_hash = entry->event.columns.prev_hash;
	entry->hash = entry->event.hash;
	if (join_delivery(e, entry) != 0)
		return -1;
	if (!e->options.leaves)
		return 1;
	if (evidence_write_event(&data, &entry->event, entry->delivery) != 0)
		data.failed = true;
	return hash_leaf(&data, entry->leaf) == 0 ? 1 : -1;
}

/* Leaves the row that was given last. */
static int
leave_last(struct evidence *e)
{
	if (e->index == 0)
		return 0;
	bool pruned = e->has[PRUNED] && (!e->has[EVENTS] ||
	    e->at[PRUNED] <= e->at[EVENTS]);
	return advance(e, pruned ? PRUNED : EVENTS);
}

int
evidence_next(struct evidence *e, struct entry *entry)
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
evidence_last_position(const struct evidence *e)
{
	return e->last[EVENTS] > e->last[PRUNED] ? e->last[EVENTS] :
	    e->last[PRUNED];
}

void
evidence_close(struct evidence *e)
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
