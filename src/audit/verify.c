#include "audit/verify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/pool.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "reader/events.h"
#include "store/leaf.h"

/* Entries between two calls of the progress function. */
#define PROGRESS_EVERY 2048

struct verify {
	struct database *database;
	const struct verify_options *wanted;
	struct verify_result *result;
	struct findings *findings;
	struct chains chains;         /* with a connection of its own */
	int chains_result;
	struct remap remap;
	struct pool *pool;
	const struct seal *seal;      /* or NULL */
	struct seal_growth *trees;    /* of events and of deliveries */
	uint64_t sum;                 /* to compare with chains.sum */
	int64_t matched;              /* deliveries that have their event */
	int64_t last_position;
	int64_t last_delivery;
	char part_begin[DIGEST_HEX_SIZE]; /* first event of a sealed part */
	char last_event[DIGEST_HEX_SIZE];
};

/* --- The file ------------------------------------------------------------- */

static void
blame_file(struct verify *v, const char *table, const char *field,
    const char *event_id, const char *reason)
{
	findings_add(v->findings, &(struct finding){ .weight = FINDING_FIELD,
	    .table = table, .field = field, .event_id = event_id,
	    .reason = reason });
}

/* Rowids count up by one, and only prune removes rows, so a gap is a finding.
 * `before` and `next` are the ids of the events on both sides, NULL for
 * deliveries, which have numbers. */
static void
check_gap(struct verify *v, const char *table, const char *before,
    const char *next, int64_t last, int64_t now)
{
	struct text reason = TEXT_EMPTY;

	if (!v->remap.needs_deliveries || now == last + 1)
		return;
	text_printf(&reason, "%" PRId64 " row%s missing before ",
	    now - last - 1, now - last == 2 ? " is" : "s are");
	if (next != NULL)
		text_puts(&reason, next);
	else
		text_printf(&reason, "delivery %" PRId64, now);
	if (before != NULL && *before != '\0')
		text_printf(&reason, " (after %s)", before);
	blame_file(v, table, NULL, NULL, text_string(&reason));
	text_free(&reason);
}

static int
take_delivery(void *context, const struct delivery_row *delivery)
{
	struct verify *v = context;

	check_gap(v, "ingest_deliveries", NULL, NULL, v->last_delivery,
	    delivery->id);
	v->last_delivery = delivery->id;
	v->result->deliveries++;
	if (v->seal != NULL && seal_add(&v->trees[1], delivery->leaf)) {
		char reason[160];
		snprintf(reason, sizeof(reason), "what is sealed of the "
		    "deliveries %" PRIu64 " to %" PRIu64 " is not what is "
		    "here", v->trees[1].wrong_from + 1, v->trees[1].wrong_to);
		blame_file(v, "ingest_deliveries", NULL, delivery->event_id,
		    reason);
	}
	if (delivery->event_id != NULL)
		return 0;
	v->result->refused++;
	return remap_refused(&v->remap, delivery);
}

static void
check_sealed_part(struct verify *v, const struct entry *entry)
{
	struct seal_growth *tree = &v->trees[0];
	char reason[256];

	if (tree->current.size == 0)
		snprintf(v->part_begin, sizeof(v->part_begin), "%s",
		    entry->event_id);
	if (!seal_add(tree, entry->leaf))
		return;
	if (tree->wrong_to - tree->wrong_from == 1)
		snprintf(reason, sizeof(reason), "it is not what is sealed as "
		    "event %" PRIu64 ", or its delivery is not",
		    tree->wrong_to);
	else
		snprintf(reason, sizeof(reason), "one of the events %" PRIu64
		    " to %" PRIu64 ", from %s to this one, is not what is "
		    "sealed, or its delivery is not", tree->wrong_from + 1,
		    tree->wrong_to, v->part_begin);
	findings_add(v->findings, &(struct finding){ .weight = FINDING_HASH,
	    .tenant_id = entry->tenant_id, .session_id = entry->session_id,
	    .event_id = entry->event_id, .table = "events",
	    .timestamp = entry->pruned ? NULL :
	    entry->event.columns.timestamp, .reason = reason });
}

static int
take_entry(struct verify *v, const struct entry *entry)
{
	check_gap(v, "events", v->last_event, entry->event_id,
	    v->last_position, entry->position);
	v->last_position = entry->position;
	snprintf(v->last_event, sizeof(v->last_event), "%s",
	    entry->event_id == NULL ? "" : entry->event_id);
	if (v->seal != NULL)
		check_sealed_part(v, entry);
	if (entry->pruned) {
		v->result->pruned_events++;
		return 0;
	}
	v->result->events++;
	v->sum += chains_row_print(&entry->event);
	v->matched += entry->delivery != NULL;
	if (v->result->events % PROGRESS_EVERY == 0 &&
	    v->wanted->on_progress != NULL)
		v->wanted->on_progress(v->result->events);
	remap_order(&v->remap, entry);
	return pool_give(v->pool, entry);
}

static int
look(const void *context, const struct entry *entry)
{
	const struct verify *v = context;
	return remap_look(&v->remap, entry);
}

static int
take_back(void *context, const struct entry *entry, int found)
{
	struct verify *v = context;
	return remap_entry(&v->remap, entry, found);
}

/* --- After the walk ------------------------------------------------------- */

/* Names the deliveries whose event is not there. */
static int
find_orphans(struct verify *v)
{
	struct query *query = query_open(v->database, ORPHANED_DELIVERIES);
	char session[EVENT_SESSION_SIZE];
	struct delivery_row row;
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1) {
		delivery_row_read(&row, query);
		remap_session(&row, session);
		findings_add(v->findings, &(struct finding){
		    .weight = FINDING_FIELD,
		    .tenant_id = *session == '\0' ? NULL : "default",
		    .session_id = *session == '\0' ? NULL : session,
		    .event_id = row.event_id,
		    .table = "events",
		    .reason = "the event is missing; its delivery is there",
		});
	}
	query_close(query);
	return step;
}

/* Names the events that have more than one delivery. */
static int
find_doubles(struct verify *v)
{
	struct query *query = query_open(v->database, DOUBLED_DELIVERIES);
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1)
		findings_add(v->findings, &(struct finding){
		    .weight = FINDING_FIELD,
		    .event_id = query_text(query, 0),
		    .session_id = query_text(query, 1),
		    .tenant_id = query_text(query, 2),
		    .timestamp = query_text(query, 3),
		    .table = "ingest_deliveries",
		    .field = "event_id",
		    .reason = "there is more than one delivery of this event",
		});
	query_close(query);
	return step;
}

/* Checks the links that prune has kept.  A session may have begun anew after it
 * was removed, and been removed again: then it has two chains. */
static int
check_pruned(struct verify *v)
{
	struct query *query = query_open(v->database, BROKEN_PRUNED_CHAINS);
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1)
		findings_add(v->findings, &(struct finding){
		    .weight = FINDING_LINK,
		    .tenant_id = query_text(query, 0),
		    .session_id = query_text(query, 1),
		    .event_id = query_text(query, 2),
		    .table = "ingest_pruned",
		    .field = "prev_hash",
		    .reason = "what prune has kept of the chain is not whole",
		});
	query_close(query);
	return step;
}

/* A row of ingest_pruned, with what its delivery still has. */
struct kept {
	struct pruned_row row;
	const char *made; /* the id of the event that the delivery became */
	struct delivery_row delivery;
};

static void
read_kept(struct kept *k, struct query *query)
{
	int columns = columns_tables[TABLE_PRUNED].count;

	*k = (struct kept){ .made = query_text(query, columns) };
	pruned_row_read(&k->row, query);
	k->delivery.idempotency_key.data = query_bytes(query, columns + 1,
	    &k->delivery.idempotency_key.len);
	if (k->row.delivery_leaf.len == DIGEST_BYTES)
		memcpy(k->delivery.leaf, k->row.delivery_leaf.data,
		    DIGEST_BYTES);
}

/* The column that is wrong, with the reason; or NULL. */
static const char *
find_wrong_kept(const struct kept *k, const char **reason)
{
	const struct pruned_row *row = &k->row;
	unsigned char leaf[DIGEST_BYTES];
	int64_t ms;

	*reason = "it is no time";
	if (timestamp_parse(row->pruned_at, strlen(row->pruned_at), &ms) != 0)
		return "pruned_at";
	*reason = "it is not the event that its delivery became";
	if (k->made == NULL || row->event_id == NULL ||
	    strcmp(k->made, row->event_id) != 0)
		return "event_id";
	*reason = "it does not come of what else was kept of the event and "
	    "its delivery";
	if (row->hash == NULL || row->tenant_id == NULL ||
	    row->event_leaf.len != DIGEST_BYTES ||
	    leaf_of_kept(row->event_id, row->hash, row->tenant_id,
	    &k->delivery, leaf) != 0 ||
	    !digest_equal(leaf, row->event_leaf.data))
		return "event_leaf";
	return NULL;
}

/* Checks what prune has kept of each event against its delivery. */
static int
check_kept(struct verify *v)
{
	struct query *query = query_open(v->database, KEPT_EVENTS);
	const char *reason;
	struct kept k;
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1) {
		read_kept(&k, query);
		const char *field = find_wrong_kept(&k, &reason);
		if (field != NULL)
			findings_add(v->findings, &(struct finding){
			    .weight = FINDING_FIELD,
			    .tenant_id = k.row.tenant_id,
			    .session_id = k.row.session_id,
			    .event_id = k.made != NULL ? k.made :
				k.row.event_id,
			    .table = "ingest_pruned",
			    .field = field,
			    .reason = reason,
			});
	}
	query_close(query);
	return step;
}

static void
check_sealed_size(struct verify *v, int which, const char *table)
{
	const struct seal_growth *tree = &v->trees[which];
	const struct seal_tree *sealed = tree->sealed;
	char reason[256];
	const char *last = which == 0 ? v->seal->last_event : NULL;

	if (tree->whole.size < sealed->size) {
		snprintf(reason, sizeof(reason), "%" PRIu64 " are sealed, and "
		    "%" PRIu64 " are here: the newest are cut off%s",
		    sealed->size, tree->whole.size, last == NULL ? "" :
		    ", or others missing; this one was the last");
		blame_file(v, table, NULL, last, reason);
	} else if (tree->wrong < 0 &&
	    !digest_equal(tree->tree.root, sealed->root)) {
		blame_file(v, table, NULL, NULL,
		    "the root is not the sealed one");
	}
}

static int
check_totals(struct verify *v)
{
	int64_t gone = database_number(v->database, COUNT_PRUNED_EVENTS);

	if (gone < 0 || check_pruned(v) != 0 || check_kept(v) != 0)
		return -1;
	if (v->remap.needs_deliveries &&
	    !database_has(v->database, "ingest_deliveries"))
		blame_file(v, "ingest_deliveries", NULL, NULL,
		    "the table of deliveries is missing");
	if (v->matched + gone != v->result->deliveries - v->result->refused &&
	    (find_orphans(v) != 0 || find_doubles(v) != 0))
		return -1;
	if (v->sum != v->chains.sum || v->result->events != v->chains.events)
		blame_file(v, "events", NULL, NULL, "table and index do not "
		    "hold the same rows; see sqlite3's PRAGMA "
		    "integrity_check");
	if (v->seal == NULL)
		return 0;
	if (seal_end(&v->trees[0]) != 0 || seal_end(&v->trees[1]) != 0)
		return -1;
	check_sealed_size(v, 0, "events");
	check_sealed_size(v, 1, "ingest_deliveries");
	return 0;
}

/* --- The whole ------------------------------------------------------------ */

static int
walk_entries(struct verify *v, struct entries *entries)
{
	struct entry entry;
	int step = -1;

	v->pool = pool_open(&(struct pool_options){ look, take_back, v });
	while (v->pool != NULL &&
	    (step = entries_next(entries, &entry)) == 1)
		if (take_entry(v, &entry) != 0)
			break;
	if (step == 0)
		step = pool_finish(v->pool);
	pool_close(v->pool);
	return step == 0 ? 0 : -1;
}

static void *
check_chains(void *argument)
{
	struct verify *v = argument;

	v->chains_result = chains_check(&v->chains);
	return NULL;
}

/* Walks all rows, and at the same time, in another thread, the chains. */
static int
walk(struct verify *v)
{
	struct entries *entries = entries_open(v->database,
	    &(struct entries_options){ .leaves = v->seal != NULL,
	    .on_delivery = take_delivery, .context = v });
	pthread_t thread;

	if (entries == NULL)
		return -1;
	v->chains.last_position = entries_last_position(entries);
	bool beside = pthread_create(&thread, NULL, check_chains, v) == 0;
	int result = walk_entries(v, entries);
	if (beside)
		pthread_join(thread, NULL);
	entries_close(entries);
	if (!beside && result == 0)
		check_chains(v);
	return result == 0 ? v->chains_result : -1;
}

static int
check_all(struct verify *v, const struct settings *settings)
{
	int64_t pruned = database_number(v->database, PRUNINGS);

	if (pruned < 0 || remap_open(&v->remap, v->database, v->findings,
	    settings) != 0)
		return -1;
	if (v->seal != NULL) {
		if ((v->trees = calloc(2, sizeof(*v->trees))) == NULL)
			return -1;
		seal_begin(&v->trees[0], &v->seal->events);
		seal_begin(&v->trees[1], &v->seal->deliveries);
	}
	v->chains.findings = v->findings;
	if (walk(v) != 0 || check_totals(v) != 0)
		return -1;
	return database_number(v->database, PRUNINGS) == pruned ? 0 :
	    database_fail(v->database,
	    "prune was at work meanwhile; run this again");
}

static void
sum_up(struct verify *v)
{
	struct verify_result *r = v->result;

	r->sessions = v->chains.sessions;
	r->half_pruned = v->chains.half_pruned;
	r->mapped = v->remap.mapped;
	r->signatures = v->remap.checked;
	r->unchecked = v->remap.unchecked;
	r->known_now = v->remap.known_now;
	r->pruned_bodies = v->remap.pruned;
	r->broken_sessions = findings_sessions(v->findings);
	r->file_findings = findings_file(v->findings);
	r->sound = r->broken_sessions == 0 && r->file_findings == 0;
}

int
verify(struct database *database, struct database *other,
    const struct verify_options *wanted, struct findings *findings,
    struct verify_result *result)
{
	struct verify v = {
		.database = database,
		.wanted = wanted,
		.result = result,
		.findings = findings,
		.chains.database = other,
		.seal = wanted->seal,
	};

	*result = (struct verify_result){ 0 };
	int done = check_all(&v, wanted->settings);
	remap_close(&v.remap);
	free(v.trees);
	if (done == 0)
		sum_up(&v);
	else if (database_error(database)->text[0] == '\0')
		database_fail(database, database_error(other)->text[0] !=
		    '\0' ? database_error(other)->text : "out of memory");
	return done;
}
