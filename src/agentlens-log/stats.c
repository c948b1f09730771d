/* agentlens-log stats: how many of what, what waits, how long it took. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approvals.h"
#include "commands.h"
#include "output.h"
#include "row.h"
#include "words.h"

/* A file of another's making could have any number of them. */
#define NAMES_MAX 4000

#define BAR_WIDTH 30
#define BAR_WIDTH_MIN 8
#define DAYS_SHOWN 30
#define WAITING_SHOWN 10

/* The file is read in pieces, so that its log can be checkpointed
 * meanwhile. */
#define PIECE 10000

/* How often each name came. */
struct tally {
	struct {
		char *name;
		int64_t count;
	} *entries;
	size_t used;
	size_t last; /* the entry that was counted last */
};

struct stats {
	struct database *database;
	struct filter *filter;
	struct approvals *approvals;
	struct receipts *receipts;
	struct tally types;
	struct tally sources;
	struct tally days;
	struct tally refused; /* deliveries, by source */
	int64_t events;
	int64_t refusals;
	char first[TIMESTAMP_SIZE];
	char last[TIMESTAMP_SIZE];
	int64_t decisions[STORY_EXPIRES + 1];
	int64_t *spans; /* ms from request to decision */
	size_t spans_used;
	size_t spans_size;
	struct approval **waiting;
	int waiting_count;
};

static int
tally_add(struct tally *tally, const char *name, int64_t count)
{
	size_t i = tally->last;

	if (i >= tally->used || strcmp(tally->entries[i].name, name) != 0) {
		for (i = 0; i < tally->used; i++)
			if (strcmp(tally->entries[i].name, name) == 0)
				break;
		if (i == NAMES_MAX)
			i--;
	}
	if (i == tally->used) {
		void *more = reallocarray(tally->entries, i + 1,
		    sizeof(*tally->entries));
		if (more == NULL)
			return -1;
		tally->entries = more;
		tally->entries[i].name = strdup(i == NAMES_MAX - 1 ?
		    "others" : name);
		tally->entries[i].count = 0;
		if (tally->entries[i].name == NULL)
			return -1;
		tally->used++;
	}
	tally->entries[i].count += count;
	tally->last = i;
	return 0;
}

static void
tally_free(struct tally *tally)
{
	for (size_t i = 0; i < tally->used; i++)
		free(tally->entries[i].name);
	free(tally->entries);
}

static int
add_span(struct stats *stats, int64_t ms)
{
	if (stats->spans_used == stats->spans_size) {
		size_t size = stats->spans_size * 2 + 64;
		void *more = reallocarray(stats->spans, size,
		    sizeof(*stats->spans));
		if (more == NULL)
			return -1;
		stats->spans = more;
		stats->spans_size = size;
	}
	stats->spans[stats->spans_used++] = ms;
	return 0;
}

/* --- Counting ------------------------------------------------------------ */

static int
count_approval(struct stats *stats, const struct row *row,
    enum story_approval approval)
{
	struct json_object *payload = row_object(row->payload);
	struct text source = TEXT_EMPTY;
	struct delivery_row delivery;
	int64_t ms = approvals_note(stats->approvals, row, payload);
	int result = 0;

	stats->decisions[approval]++;
	if (ms < 0 && approval > STORY_ASKS &&
	    strcmp(row_source(row, &source), "agentgate") == 0) {
		result = receipts_find(stats->receipts, row->id, &delivery);
		if (result == 1)
			ms = approvals_from_body(delivery.body,
			    delivery.body_len);
	}
	/* What nobody decided in time is no decision. */
	if (result >= 0 && ms >= 0 && approval != STORY_EXPIRES)
		result = add_span(stats, ms);
	text_free(&source);
	json_object_put(payload);
	return result < 0 ? -1 : 0;
}

static int
count_event(struct stats *stats, const struct row *row)
{
	enum story_approval approval = story_approval(row);
	struct text source = TEXT_EMPTY;
	char day[11];
	int result;

	snprintf(day, sizeof(day), "%s", row->timestamp);
	stats->events++;
	if (stats->events == 1 || strcmp(row->timestamp, stats->first) < 0)
		snprintf(stats->first, sizeof(stats->first), "%s",
		    row->timestamp);
	if (strcmp(row->timestamp, stats->last) > 0)
		snprintf(stats->last, sizeof(stats->last), "%s",
		    row->timestamp);
	row_source(row, &source);
	result = tally_add(&stats->types, row->type, 1) |
	    tally_add(&stats->sources, source.len == 0 ? "none" :
	    text_string(&source), 1) | tally_add(&stats->days, day, 1);
	text_free(&source);
	if (result == 0 && approval != STORY_NO_APPROVAL)
		result = count_approval(stats, row, approval);
	return result;
}

static int
count_events(struct stats *stats)
{
	struct query *query = filter_open(stats->database, stats->filter,
	    FILTER_OLDEST_FIRST);
	char id[64] = "";
	struct row row;
	int step = -1, taken = 0;

	while (query != NULL && (step = filter_step(query, stats->filter,
	    &row)) == 1) {
		if (count_event(stats, &row) != 0) {
			step = -1;
			break;
		}
		/* A session is one piece. */
		if (++taken < PIECE || stats->filter->session != NULL ||
		    strlen(row.id) >= sizeof(id))
			continue;
		taken = 0;
		snprintf(id, sizeof(id), "%s", row.id);
		query_close(query);
		query = filter_open_after(stats->database, stats->filter, 0,
		    id);
	}
	query_close(query);
	return step < 0 ? -1 : 0;
}

static int
count_refused(struct stats *stats)
{
	static const char sql[] = "SELECT source, count(*)"
	    " FROM ingest_deliveries WHERE reason IS NOT NULL"
	    " AND (?1 IS NULL OR source = ?1)"
	    " AND (?2 IS NULL OR received_at >= ?2)"
	    " AND (?3 IS NULL OR received_at <= ?3) GROUP BY source";
	const struct filter *filter = stats->filter;
	struct query *query = query_open(stats->database, sql);
	int step = -1;

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, filter->source);
	query_bind_text(query, 2, *filter->since == '\0' ? NULL :
	    filter->since);
	query_bind_text(query, 3, *filter->until == '\0' ? NULL :
	    filter->until);
	while ((step = query_step(query)) == 1) {
		stats->refusals += query_number(query, 1);
		const char *source = query_text(query, 0);
		if (tally_add(&stats->refused, source == NULL ? "" : source,
		    query_number(query, 1)) != 0)
			break;
	}
	query_close(query);
	return step == 0 ? 0 : -1;
}

/* --- For a person -------------------------------------------------------- */

static int
compare_counts(const void *a, const void *b)
{
	const int64_t *x = (const void *)((const char *)a + sizeof(char *));
	const int64_t *y = (const void *)((const char *)b + sizeof(char *));
	return *x > *y ? -1 : *x < *y;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
print_tally(const char *title, const struct tally *tally, size_t shown)
{
	int64_t most = 0;
	int bar = BAR_WIDTH, width = 0;

	if (tally->used == 0)
		return;
	size_t from = tally->used > shown ? tally->used - shown : 0;
	for (size_t i = from; i < tally->used; i++) {
		struct text name = TEXT_EMPTY;
		output_add_safe(&name, tally->entries[i].name);
		int columns = output_columns(text_string(&name));
		width = columns > width ? columns : width;
		if (tally->entries[i].count > most)
			most = tally->entries[i].count;
		text_free(&name);
	}
	if (output_width() > 0 && width + 14 + bar > output_width())
		bar = output_width() - width - 14;
	bar = bar < BAR_WIDTH_MIN ? BAR_WIDTH_MIN : bar;
	printf("\n");
	output_print(OUTPUT_BOLD, title);
	printf("\n");
	if (from > 0)
		printf("  (the last %zu)\n", shown);
	for (size_t i = from; i < tally->used; i++) {
		struct text line = TEXT_EMPTY;
		output_add_cell(&line, tally->entries[i].name, width, true);
		words_add(&line, " %9" PRId64 "  ", tally->entries[i].count);
		if (output_is_terminal())
			words_add_bar(&line, tally->entries[i].count, most,
			    bar);
		while (line.len > 0 && line.data[line.len - 1] == ' ')
			line.data[--line.len] = '\0';
		printf("  %s\n", text_string(&line));
		text_free(&line);
	}
}

static int
compare_spans(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* The nearest rank: the smallest span that so many percent do not exceed. */
static int64_t
percentile(const struct stats *stats, size_t percent)
{
	size_t rank = (stats->spans_used * percent + 99) / 100;
	return stats->spans[rank == 0 ? 0 : rank - 1];
}

static int
print_waiting(const struct stats *stats, int i)
{
	const struct approval *approval = stats->waiting[i];
	struct query *query;
	struct row row;
	struct text line = TEXT_EMPTY, age = TEXT_EMPTY;
	int64_t ms = timestamp_now() - approval->asked;
	int step = row_find(stats->database, approval->id, &query, &row);

	if (step == 1) {
		struct json_object *payload = row_object(row.payload);
		words_add_span(&age, ms > 0 ? ms : 0);
		story_add(&line, &row, payload, -1);
		printf("    %s%-12s%s ", output_begin(OUTPUT_WARN),
		    text_string(&age), output_end());
		struct text cell = TEXT_EMPTY;
		output_add_cell(&cell, text_string(&line),
		    output_width() == 0 ? 0 : output_width() - 17, false);
		printf("%s\n%17s", text_string(&cell), "");
		output_print(OUTPUT_DIM, row.id);
		output_print(OUTPUT_DIM, ", session ");
		output_print(OUTPUT_DIM, row.session);
		printf("\n");
		text_free(&cell);
		json_object_put(payload);
	}
	query_close(query);
	text_free(&line);
	text_free(&age);
	return step < 0 ? -1 : 0;
}

static int
print_approvals(struct stats *stats)
{
	const int64_t *n = stats->decisions;
	struct text spans = TEXT_EMPTY;
	int result = 0;

	printf("\n");
	output_print(OUTPUT_BOLD, "Approvals");
	printf("\n  %" PRId64 " asked, %" PRId64 " allowed, %" PRId64
	    " refused, %" PRId64 " expired\n", n[STORY_ASKS], n[STORY_ALLOWS],
	    n[STORY_REFUSES], n[STORY_EXPIRES]);
	if (stats->spans_used > 0) {
		text_puts(&spans, "median ");
		words_add_span(&spans, percentile(stats, 50));
		text_puts(&spans, ", p95 ");
		words_add_span(&spans, percentile(stats, 95));
		printf("  from request to decision: %s, of %zu\n",
		    text_string(&spans), stats->spans_used);
	}
	printf("  %d waiting\n", stats->waiting_count);
	for (int i = 0; i < stats->waiting_count && i < WAITING_SHOWN &&
	    result == 0; i++)
		result = print_waiting(stats, i);
	if (stats->waiting_count > WAITING_SHOWN)
		printf("    and %d more\n", stats->waiting_count -
		    WAITING_SHOWN);
	text_free(&spans);
	return result;
}

static int
print_stats(struct stats *stats)
{
	struct text head = TEXT_EMPTY;
	int result = 0;

	words_add_count(&head, stats->events, "event");
	if (stats->events > 0) {
		text_puts(&head, ", ");
		words_add_time(&head, stats->first);
		text_puts(&head, " to ");
		words_add_time(&head, stats->last);
		text_puts(&head, " UTC");
	}
	output_print(OUTPUT_PLAIN, text_string(&head));
	printf("\n");
	text_free(&head);
	print_tally("By type", &stats->types, NAMES_MAX);
	print_tally("By source", &stats->sources, NAMES_MAX);
	print_tally("By day (UTC)", &stats->days, DAYS_SHOWN);
	for (int i = STORY_ASKS; i <= STORY_EXPIRES; i++)
		result |= stats->decisions[i] != 0;
	result = result != 0 ? print_approvals(stats) : 0;
	print_tally("Signed deliveries refused", &stats->refused, NAMES_MAX);
	return result;
}

/* --- For a program ------------------------------------------------------- */

static void
add_tally(struct text *line, const char *name, const struct tally *tally)
{
	struct text inner = TEXT_EMPTY;

	for (size_t i = 0; i < tally->used; i++)
		output_json_number(&inner, tally->entries[i].name,
		    tally->entries[i].count);
	text_puts(&inner, inner.len == 0 ? "{}" : "}");
	output_json_raw(line, name, text_string(&inner));
	text_free(&inner);
}

static void
add_waiting(struct text *line, const struct stats *stats)
{
	struct text inner = TEXT_EMPTY;

	text_puts(&inner, "[");
	for (int i = 0; i < stats->waiting_count; i++) {
		const struct approval *approval = stats->waiting[i];
		struct text one = TEXT_EMPTY;
		int64_t ms = timestamp_now() - approval->asked;
		output_json_text(&one, "eventId", approval->id);
		output_json_text(&one, "requestId",
		    strchr(approval->key, '\n') + 1);
		output_json_number(&one, "waitingMs", ms > 0 ? ms : 0);
		text_puts(&inner, i == 0 ? "" : ",");
		text_add(&inner, text_string(&one), one.len);
		text_puts(&inner, "}");
		text_free(&one);
	}
	text_puts(&inner, "]");
	output_json_raw(line, "waiting", text_string(&inner));
	text_free(&inner);
}

static void
print_json(const struct stats *stats)
{
	struct text line = TEXT_EMPTY, inner = TEXT_EMPTY;

	output_json_number(&line, "events", stats->events);
	output_json_text(&line, "first", stats->events == 0 ? NULL :
	    stats->first);
	output_json_text(&line, "last", stats->events == 0 ? NULL :
	    stats->last);
	add_tally(&line, "types", &stats->types);
	add_tally(&line, "sources", &stats->sources);
	add_tally(&line, "days", &stats->days);
	output_json_number(&inner, "requested", stats->decisions[STORY_ASKS]);
	output_json_number(&inner, "granted", stats->decisions[STORY_ALLOWS]);
	output_json_number(&inner, "denied", stats->decisions[STORY_REFUSES]);
	output_json_number(&inner, "expired", stats->decisions[STORY_EXPIRES]);
	output_json_number(&inner, "timed", (int64_t)stats->spans_used);
	if (stats->spans_used > 0) {
		output_json_number(&inner, "medianMs", percentile(stats, 50));
		output_json_number(&inner, "p95Ms", percentile(stats, 95));
	}
	text_puts(&inner, "}");
	output_json_raw(&line, "approvals", text_string(&inner));
	add_waiting(&line, stats);
	output_json_number(&line, "refused", stats->refusals);
	add_tally(&line, "refusedSources", &stats->refused);
	output_json_end(&line);
	text_free(&inner);
}

/* --- The command --------------------------------------------------------- */

static int
count_all(struct stats *stats)
{
	if (count_events(stats) != 0 || count_refused(stats) != 0)
		return -1;
	stats->waiting = approvals_waiting(stats->approvals, stats->database,
	    &stats->waiting_count);
	if (stats->waiting == NULL || stats->waiting_count < 0)
		return -1;
	if (stats->spans_used > 0)
		qsort(stats->spans, stats->spans_used, sizeof(*stats->spans),
		    compare_spans);
	if (stats->types.used > 0)
		qsort(stats->types.entries, stats->types.used,
		    sizeof(*stats->types.entries), compare_counts);
	if (stats->sources.used > 0)
		qsort(stats->sources.entries, stats->sources.used,
		    sizeof(*stats->sources.entries), compare_counts);
	if (stats->days.used > 0)
		qsort(stats->days.entries, stats->days.used,
		    sizeof(*stats->days.entries), compare_names);
	return 0;
}

static void
stats_free(struct stats *stats)
{
	tally_free(&stats->types);
	tally_free(&stats->sources);
	tally_free(&stats->days);
	tally_free(&stats->refused);
	free(stats->spans);
	free(stats->waiting);
	approvals_close(stats->approvals);
	receipts_close(stats->receipts);
	database_close(stats->database);
}

int
stats_run(struct context *context, int argc, char **argv)
{
	struct filter filter = { 0 };
	const struct option_row options[] = { FILTER_OPTIONS(&filter), { 0 } };
	struct stats stats = { .filter = &filter };
	struct text tenant = TEXT_EMPTY;
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0)
		return options_refuse(context);
	stats.database = database_open(context, DATABASE_READ);
	if (stats.database == NULL)
		return COMMAND_FAILED;
	stats.approvals = approvals_open();
	stats.receipts = receipts_open(stats.database);
	code = stats.approvals == NULL || stats.receipts == NULL ? -1 :
	    filter_find_tenant(stats.database, &filter, &tenant);
	if (code == 1 && count_all(&stats) != 0)
		code = -1;
	if (code == 1 && context->json)
		print_json(&stats);
	else if (code == 1 && print_stats(&stats) != 0)
		code = -1;
	stats_free(&stats);
	text_free(&tenant);
	return code == 1 ? COMMAND_GOOD : code < 0 ? COMMAND_FAILED :
	    COMMAND_FAULT;
}
