/* verify: every chain, every hash, every delivery; and what was sealed. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chains.h"
#include "commands.h"
#include "database.h"
#include "evidence.h"
#include "faults.h"
#include "output.h"
#include "pool.h"
#include "recheck.h"
#include "seal.h"

/* Entries between two looks at the clock. */
#define PROGRESS_EVERY 2048
#define PROGRESS_MS 250

struct verify {
	struct database *database;
	struct faults *faults;
	struct chains chains;         /* with a connection of its own */
	int chains_result;
	struct recheck recheck;
	struct pool *pool;
	const struct seal *seal;      /* or NULL */
	struct seal_growth *trees;    /* of events and of deliveries */
	uint64_t sum;                 /* see chains.h */
	int64_t events;
	int64_t pruned_events;
	int64_t deliveries;
	int64_t refused;
	int64_t matched;              /* deliveries that have their event */
	int64_t last_position;
	int64_t last_delivery;
	char part_begin[SIGNATURE_HEX_SIZE]; /* the event a part begins with */
	char last_event[SIGNATURE_HEX_SIZE];
};

/* What the progress line tells. */
static struct {
	bool shown;
	int64_t last_ms;
	int64_t started;
} progress;

static void
show_progress(int64_t events)
{
	int64_t now = timestamp_monotonic();

	if (!isatty(STDERR_FILENO) || now - progress.last_ms < PROGRESS_MS)
		return;
	int64_t spent = now - progress.started + 1;
	fprintf(stderr, "\r%" PRId64 " events, %" PRId64 " a second\033[K",
	    events, events * 1000 / spent);
	progress.last_ms = now;
	progress.shown = true;
}

static void
end_progress(void)
{
	if (progress.shown)
		fputs("\r\033[K", stderr);
	progress.shown = false;
}

/* --- The file ------------------------------------------------------------- */

static void
blame_file(struct verify *v, const char *table, const char *field,
    const char *event_id, const char *reason)
{
	faults_add(v->faults, &(struct fault){ .weight = FAULT_FIELD,
	    .table = table, .field = field, .event_id = event_id,
	    .reason = reason });
}

/* Rowids count up by one, and nothing but prune removes a row.  Of the rows
 * on both sides there is the id, or else the number of a delivery. */
static void
check_gap(struct verify *v, const char *table, const char *before,
    const char *next, int64_t last, int64_t now)
{
	struct text reason = TEXT_EMPTY;
	char number[64];

	if (!v->recheck.needs_deliveries || now == last + 1)
		return;
	snprintf(number, sizeof(number), "%" PRId64 " row%s missing before ",
	    now - last - 1, now - last == 2 ? " is" : "s are");
	text_puts(&reason, number);
	snprintf(number, sizeof(number), "delivery %" PRId64, now);
	text_puts(&reason, next != NULL ? next : number);
	if (before != NULL && *before != '\0') {
		text_puts(&reason, " (after ");
		text_puts(&reason, before);
		text_puts(&reason, ")");
	}
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
	v->deliveries++;
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
	v->refused++;
	return recheck_refused(&v->recheck, delivery);
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
	faults_add(v->faults, &(struct fault){ .weight = FAULT_HASH,
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
		v->pruned_events++;
		return 0;
	}
	v->events++;
	v->sum += chains_row_print(&entry->event);
	v->matched += entry->delivery != NULL;
	if (v->events % PROGRESS_EVERY == 0)
		show_progress(v->events);
	recheck_order(&v->recheck, entry);
	return pool_give(v->pool, entry);
}

static int
look(const void *context, const struct entry *entry)
{
	const struct verify *v = context;
	return recheck_look(&v->recheck, entry);
}

static int
take_back(void *context, const struct entry *entry, int found)
{
	struct verify *v = context;
	return recheck_entry(&v->recheck, entry, found);
}

/* --- After the walk ------------------------------------------------------- */

/* Names the deliveries whose event is not there. */
static int
find_orphans(struct verify *v)
{
	struct query *query = query_open(v->database, "SELECT " DELIVERY_ROW
	    " FROM ingest_deliveries AS d WHERE event_id IS NOT NULL"
	    " AND NOT EXISTS (SELECT 1 FROM events AS e"
	    " WHERE e.id = d.event_id)"
	    " AND NOT EXISTS (SELECT 1 FROM ingest_pruned AS p"
	    " WHERE p.delivery_id = d.id AND p.event_id = d.event_id)"
	    " ORDER BY id");
	char session[EVENT_SESSION_SIZE];
	struct delivery_row row;
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1) {
		delivery_row_read(&row, query);
		recheck_session(&row, session);
		faults_add(v->faults, &(struct fault){
		    .weight = FAULT_FIELD,
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
	struct query *query = query_open(v->database, "SELECT event_id,"
	    " min(e.session_id), min(e.tenant_id), min(e.timestamp)"
	    " FROM ingest_deliveries AS d JOIN events AS e ON e.id = event_id"
	    " GROUP BY event_id HAVING count(*) > 1");
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1)
		faults_add(v->faults, &(struct fault){
		    .weight = FAULT_FIELD,
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

/* The chains of sessions that prune removed, from the links it kept.  One may
 * have begun anew after it was removed, and been removed again. */
static int
check_pruned(struct verify *v)
{
	struct query *query = query_open(v->database, "SELECT tenant_id,"
	    " session_id, event_id FROM (SELECT *, lag(hash) OVER session"
	    " AS last, lag(pruned_at) OVER session AS last_time"
	    " FROM ingest_pruned WHERE position IS NOT NULL WINDOW session"
	    " AS (PARTITION BY tenant_id, session_id ORDER BY position))"
	    " WHERE prev_hash IS NOT last"
	    " AND (prev_hash IS NOT NULL OR pruned_at IS last_time)");
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1)
		faults_add(v->faults, &(struct fault){
		    .weight = FAULT_LINK,
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
	const char *tenant_id;
	const char *session_id;
	const char *event_id;
	const char *hash;
	const char *pruned_at;
	const char *of; /* the event that the delivery became */
	const void *leaf;
	size_t leaf_len;
	const void *delivery_leaf;
	size_t delivery_leaf_len;
	struct delivery_row delivery;
};

static void
read_kept(struct kept *k, struct query *query)
{
	*k = (struct kept){
		.tenant_id = query_text(query, 0),
		.session_id = query_text(query, 1),
		.event_id = query_text(query, 2),
		.hash = query_text(query, 3),
		.pruned_at = query_is_null(query, 4) ? "" :
		    query_text(query, 4),
		.of = query_text(query, 5),
	};
	k->leaf = query_bytes(query, 6, &k->leaf_len);
	k->delivery_leaf = query_bytes(query, 7, &k->delivery_leaf_len);
	k->delivery.idempotency_key = query_bytes(query, 8,
	    &k->delivery.idempotency_key_len);
	if (k->delivery_leaf_len == SIGNATURE_BYTES)
		memcpy(k->delivery.leaf, k->delivery_leaf, SIGNATURE_BYTES);
}

/* The column that cannot be, or NULL; *reason says why. */
static const char *
find_wrong_kept(const struct kept *k, const char **reason)
{
	unsigned char leaf[SIGNATURE_BYTES];
	int64_t ms;

	*reason = "it is no time";
	if (timestamp_parse(k->pruned_at, strlen(k->pruned_at), &ms) != 0)
		return "pruned_at";
	*reason = "it is not the event that its delivery became";
	if (k->of == NULL || k->event_id == NULL ||
	    strcmp(k->of, k->event_id) != 0)
		return "event_id";
	*reason = "it does not come of what else was kept of the event and "
	    "its delivery";
	if (k->hash == NULL || k->tenant_id == NULL ||
	    k->leaf_len != SIGNATURE_BYTES ||
	    evidence_kept_leaf(k->event_id, k->hash, k->tenant_id,
	    &k->delivery, leaf) != 0 || !signature_equal(leaf, k->leaf))
		return "event_leaf";
	return NULL;
}

/* What prune has kept of each event, against its delivery. */
static int
check_kept(struct verify *v)
{
	struct query *query = query_open(v->database, "SELECT p.tenant_id,"
	    " p.session_id, p.event_id, p.hash, p.pruned_at, d.event_id,"
	    " p.event_leaf, p.delivery_leaf, d.idempotency_key"
	    " FROM ingest_pruned AS p LEFT JOIN ingest_deliveries AS d"
	    " ON d.id = p.delivery_id WHERE p.position IS NOT NULL"
	    " AND p.delivery_id IS NOT NULL");
	const char *reason;
	struct kept k;
	int step = -1;

	while (query != NULL && (step = query_step(query)) == 1) {
		read_kept(&k, query);
		const char *field = find_wrong_kept(&k, &reason);
		if (field != NULL)
			faults_add(v->faults, &(struct fault){
			    .weight = FAULT_FIELD,
			    .tenant_id = k.tenant_id,
			    .session_id = k.session_id,
			    .event_id = k.of != NULL ? k.of : k.event_id,
			    .table = "ingest_pruned",
			    .field = field,
			    .reason = reason,
			});
	}
	query_close(query);
	return step;
}

static int64_t
ask_number(struct verify *v, const char *sql)
{
	struct query *query = query_open(v->database, sql);
	int64_t number = -1;

	if (query != NULL && query_step(query) == 1)
		number = query_number(query, 0);
	query_close(query);
	return number;
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
	    !signature_equal(tree->tree.root, sealed->root)) {
		blame_file(v, table, NULL, NULL,
		    "the root is not the sealed one");
	}
}

static int
check_totals(struct verify *v)
{
	int64_t gone = ask_number(v, "SELECT count(*) FROM ingest_pruned"
	    " WHERE position IS NOT NULL AND delivery_id IS NOT NULL");

	if (gone < 0 || check_pruned(v) != 0 || check_kept(v) != 0)
		return -1;
	if (v->recheck.needs_deliveries &&
	    !database_has(v->database, "ingest_deliveries"))
		blame_file(v, "ingest_deliveries", NULL, NULL,
		    "the table of deliveries is missing");
	if (v->matched + gone != v->deliveries - v->refused &&
	    (find_orphans(v) != 0 || find_doubles(v) != 0))
		return -1;
	if (v->sum != v->chains.sum || v->events != v->chains.events)
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
walk_entries(struct verify *v, struct evidence *evidence)
{
	struct entry entry;
	int step = -1;

	v->pool = pool_open(&(struct pool_options){ look, take_back, v });
	while (v->pool != NULL &&
	    (step = evidence_next(evidence, &entry)) == 1)
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

/* Walks the rows, and beside it the chains. */
static int
walk(struct verify *v)
{
	struct evidence *evidence = evidence_open(v->database,
	    &(struct evidence_options){ .leaves = v->seal != NULL,
	    .on_delivery = take_delivery, .context = v });
	pthread_t thread;

	if (evidence == NULL)
		return -1;
	v->chains.last_position = evidence_last_position(evidence);
	bool beside = pthread_create(&thread, NULL, check_chains, v) == 0;
	int result = walk_entries(v, evidence);
	if (beside)
		pthread_join(thread, NULL);
	evidence_close(evidence);
	if (!beside && result == 0)
		check_chains(v);
	return result == 0 ? v->chains_result : -1;
}

static int
check_all(struct verify *v, const struct settings *settings)
{
	static const char prunings[] =
	    "SELECT coalesce(max(id), 0) + count(position)"
	    " FROM ingest_pruned";
	int64_t pruned = ask_number(v, prunings);

	if (pruned < 0 || recheck_open(&v->recheck, v->database, v->faults,
	    settings) != 0)
		return -1;
	if (v->seal != NULL) {
		if ((v->trees = calloc(2, sizeof(*v->trees))) == NULL)
			return -1;
		seal_begin(&v->trees[0], &v->seal->events);
		seal_begin(&v->trees[1], &v->seal->deliveries);
	}
	progress.started = timestamp_monotonic();
	v->chains.faults = v->faults;
	if (walk(v) != 0 || check_totals(v) != 0)
		return -1;
	end_progress();
	if (ask_number(v, prunings) != pruned) {
		complain("%s: prune was at work meanwhile; run this again",
		    database_path(v->database));
		return -1;
	}
	return 0;
}

static void
print_json(const struct verify *v, bool sound, int64_t ms)
{
	struct text line = TEXT_EMPTY;
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "events", v->events },
		{ "sessions", v->chains.sessions },
		{ "deliveries", v->deliveries },
		{ "refused", v->refused },
		{ "refusedKnownNow", v->recheck.known_now },
		{ "bodiesMapped", v->recheck.mapped },
		{ "signaturesChecked", v->recheck.signed_ },
		{ "signaturesUnchecked", v->recheck.unchecked },
		{ "eventsPruned", v->pruned_events },
		{ "bodiesPruned", v->recheck.pruned },
		{ "sessionsHalfPruned", v->chains.half_pruned },
		{ "brokenSessions", faults_sessions(v->faults) },
		{ "fileFaults", faults_file(v->faults) },
		{ "milliseconds", ms },
	};

	output_json_bool(&line, "sound", sound);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		output_json_number(&line, numbers[i].name, numbers[i].value);
	if (v->seal != NULL) {
		output_json_number(&line, "sealedEvents",
		    (int64_t)v->seal->events.size);
		output_json_text(&line, "sealedAt", v->seal->time);
	}
	output_json_end(&line);
}

static void
print_summary(const struct verify *v, bool sound, int64_t ms)
{
	const struct recheck *r = &v->recheck;

	printf("%s%s%s  %" PRId64 " events in %" PRId64 " sessions, %" PRId64
	    " deliveries (%" PRId64 " refused)\n",
	    output_begin(sound ? OUTPUT_GOOD : OUTPUT_BAD),
	    sound ? "SOUND" : "BROKEN", output_end(), v->events,
	    v->chains.sessions, v->deliveries, v->refused);
	printf("  bodies mapped again  %" PRId64 "\n"
	    "  signatures checked   %" PRId64 "\n", r->mapped, r->signed_);
	if (r->unchecked > 0)
		printf("  signatures without a secret at hand  %" PRId64 "\n",
		    r->unchecked);
	if (v->pruned_events > 0 || r->pruned > 0)
		printf("  pruned  %" PRId64 " events, %" PRId64 " bodies of "
		    "what is here\n", v->pruned_events, r->pruned);
	if (v->chains.half_pruned > 0)
		printf("  of %" PRId64 " sessions prune has removed only the "
		    "beginning\n", v->chains.half_pruned);
	if (r->known_now > 0)
		printf("  refused, and known by now  %" PRId64 "\n",
		    r->known_now);
	if (v->seal != NULL)
		printf("  sealed at %s  %" PRIu64 " events, %" PRIu64
		    " deliveries\n", v->seal->time, v->seal->events.size,
		    v->seal->deliveries.size);
	if (!sound)
		printf("  broken  %" PRId64 " sessions, %" PRId64 " faults of "
		    "the file\n", faults_sessions(v->faults),
		    faults_file(v->faults));
	printf("  %" PRId64 " events a second\n",
	    v->events * 1000 / (ms > 0 ? ms : 1));
}

static int
verify(struct context *context, struct database *database,
    const struct seal *seal)
{
	struct verify v = { .database = database, .seal = seal,
		.chains.database = database_open(context, DATABASE_READ) };
	int64_t started = timestamp_monotonic();
	int code = COMMAND_FAILED;

	v.faults = faults_open();
	if (v.faults != NULL && v.chains.database != NULL &&
	    check_all(&v, context_settings(context, false)) == 0 &&
	    faults_print(v.faults, database, context->json) == 0) {
		int64_t ms = timestamp_monotonic() - started;
		bool sound = faults_sessions(v.faults) == 0 &&
		    faults_file(v.faults) == 0;
		if (context->json)
			print_json(&v, sound, ms);
		else
			print_summary(&v, sound, ms);
		code = sound ? COMMAND_GOOD : COMMAND_FAULT;
	}
	end_progress();
	recheck_close(&v.recheck);
	database_close(v.chains.database);
	faults_close(v.faults);
	free(v.trees);
	return code;
}

int
verify_run(struct context *context, int argc, char **argv)
{
	const char *seal_file = NULL, *key_file = NULL;
	const struct option_row options[] = {
		{ "seal", 's', "FILE", "prove that what is sealed there is "
		    "still here", OPTION_TEXT, &seal_file },
		{ "key", 'k', "FILE", "check the seal's HMAC with the key of "
		    "this file", OPTION_TEXT, &key_file },
		{ 0 }
	};
	struct seal *seal = NULL;
	struct seal_key key = { 0 };
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0)
		return options_refuse(context);
	if (seal_key_read(&key, key_file) != 0)
		return COMMAND_FAILED;
	code = COMMAND_FAILED;
	if (seal_file != NULL && ((seal = calloc(1, sizeof(*seal))) == NULL ||
	    seal_read(seal, seal_file, &key) != 0)) {
		seal_key_free(&key);
		free(seal);
		return COMMAND_FAILED;
	}
	struct database *database = database_open(context, DATABASE_READ);
	if (database != NULL)
		code = verify(context, database, seal);
	database_close(database);
	seal_key_free(&key);
	free(seal);
	return code;
}
