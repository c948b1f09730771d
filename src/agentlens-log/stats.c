/* agentlens-log stats: counts events by type, source and day, and approvals. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/json_line.h"
#include "reader/approvals.h"
#include "reader/deliveries.h"
#include "reader/events.h"
#include "reader/humanize.h"

/* More names are counted as "others": a file that somebody else made may have
 * any number of types and sources. */
#define NAMES_MAX 4000

#define BAR_WIDTH 30
#define BAR_WIDTH_MIN 8
#define DAYS_SHOWN 30
#define WAITING_SHOWN 10

/* Events in one read transaction; the log cannot be checkpointed while one is
 * open. */
#define PIECE 10000

/* Counts how often each name came. */
struct tally {
	struct {
		char *name;
		int64_t count;
	} *entries;
	size_t used;
	size_t last; /* the entry that was counted last, often also the next */
};

struct stats {
	struct database *database;
	struct filter *filter;
	struct approvals *approvals;
	struct deliveries *deliveries;
	struct tally types;
	struct tally sources;
	struct tally days;
	struct tally refused; /* deliveries, by source */
	int64_t events;
	int64_t refusals;
	char first[TIMESTAMP_SIZE];
	char last[TIMESTAMP_SIZE];
	int64_t decisions[APPROVAL_EXPIRES + 1];
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
count_approval(struct stats *stats, const struct event_row *row,
    enum describe_approval approval)
{
	struct json_object *payload = event_object(row->columns.payload);
	struct text source = TEXT_EMPTY;
	struct delivery_row delivery;
	int64_t ms = approvals_note(stats->approvals, row, payload);
	int result = 0;

	stats->decisions[approval]++;
	if (ms < 0 && approval > APPROVAL_ASKS &&
	    strcmp(event_source(row, &source), "agentgate") == 0) {
		result = deliveries_find(stats->deliveries, row->columns.id,
		    &delivery);
		if (result == 1)
			ms = approvals_from_body(delivery.body.data,
			    delivery.body.len);
	}
	/* A request that expired was not decided by anybody. */
	if (result >= 0 && ms >= 0 && approval != APPROVAL_EXPIRES)
		result = add_span(stats, ms);
	text_free(&source);
	json_object_put(payload);
	return result < 0 ? -1 : 0;
}

static int
count_event(struct stats *stats, const struct event_row *row)
{
	enum describe_approval approval = describe_approval(row);
	struct text source = TEXT_EMPTY;
	char day[11];
	int result;

	snprintf(day, sizeof(day), "%s", row->columns.timestamp);
	stats->events++;
	if (stats->events == 1 ||
	    strcmp(row->columns.timestamp, stats->first) < 0)
		snprintf(stats->first, sizeof(stats->first), "%s",
		    row->columns.timestamp);
	if (strcmp(row->columns.timestamp, stats->last) > 0)
		snprintf(stats->last, sizeof(stats->last), "%s",
		    row->columns.timestamp);
	event_source(row, &source);
	result = tally_add(&stats->types, row->columns.event_type, 1) |
	    tally_add(&stats->sources, source.len == 0 ? "none" :
	    text_string(&source), 1) | tally_add(&stats->days, day, 1);
	text_free(&source);
	if (result == 0 && approval != APPROVAL_NO_APPROVAL)
		result = count_approval(stats, row, approval);
	return result;
}

static int
count_events(struct stats *stats)
{
	struct query *query = filter_open(stats->database, stats->filter,
	    FILTER_OLDEST_FIRST);
	char id[64] = "";
	struct event_row row;
	int step = -1, taken = 0;

	while (query != NULL && (step = filter_step(query, stats->filter,
	    &row)) == 1) {
		if (count_event(stats, &row) != 0) {
			step = -1;
			break;
		}
		/* A session is in the order of its chain, so an id does not
		 * tell where to go on; it is read at once. */
		if (++taken < PIECE || stats->filter->session != NULL ||
		    strlen(row.columns.id) >= sizeof(id))
			continue;
		taken = 0;
		snprintf(id, sizeof(id), "%s", row.columns.id);
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
	const struct filter *filter = stats->filter;
	struct query *query = query_open(stats->database, REFUSED_BY_SOURCE);
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
		terminal_add_safe(&name, tally->entries[i].name);
		int columns = terminal_columns(text_string(&name));
		width = columns > width ? columns : width;
		if (tally->entries[i].count > most)
			most = tally->entries[i].count;
		text_free(&name);
	}
	if (terminal_width() > 0 && width + 14 + bar > terminal_width())
		bar = terminal_width() - width - 14;
	bar = bar < BAR_WIDTH_MIN ? BAR_WIDTH_MIN : bar;
	printf("\n");
	terminal_print(TERMINAL_BOLD, title);
	printf("\n");
	if (from > 0)
		printf("  (the last %zu)\n", shown);
	for (size_t i = from; i < tally->used; i++) {
		struct text line = TEXT_EMPTY;
		terminal_add_cell(&line, tally->entries[i].name, width, true);
		text_printf(&line, " %9" PRId64 "  ", tally->entries[i].count);
		if (terminal_is_terminal())
			humanize_add_bar(&line, tally->entries[i].count, most,
			    bar);
		while (line.len > 0 && line.data[line.len - 1] == ' ')
			text_truncate(&line, line.len - 1);
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

/* The smallest span that this many percent of all do not exceed; `spans` is
 * sorted. */
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
	struct event_row row;
	struct text line = TEXT_EMPTY, age = TEXT_EMPTY;
	int64_t ms = timestamp_now() - approval->asked;
	enum found found = event_find(stats->database, approval->id, &query,
	    &row);

	if (found == FOUND_ONE) {
		struct json_object *payload = event_object(row.columns.payload);
		humanize_add_span(&age, ms > 0 ? ms : 0);
		describe_add(&line, &row, payload, -1);
		printf("    %s%-12s%s ", terminal_begin(TERMINAL_WARN),
		    text_string(&age), terminal_end());
		struct text cell = TEXT_EMPTY;
		terminal_add_cell(&cell, text_string(&line),
		    terminal_width() == 0 ? 0 : terminal_width() - 17, false);
		printf("%s\n%17s", text_string(&cell), "");
		terminal_print(TERMINAL_DIM, row.columns.id);
		terminal_print(TERMINAL_DIM, ", session ");
		terminal_print(TERMINAL_DIM, row.columns.session_id);
		printf("\n");
		text_free(&cell);
		json_object_put(payload);
	}
	query_close(query);
	text_free(&line);
	text_free(&age);
	return found == FOUND_FAILED ? -1 : 0;
}

static int
print_approvals(struct stats *stats)
{
	const int64_t *n = stats->decisions;
	struct text spans = TEXT_EMPTY;
	int result = 0;

	printf("\n");
	terminal_print(TERMINAL_BOLD, "Approvals");
	printf("\n  %" PRId64 " asked, %" PRId64 " allowed, %" PRId64
	    " refused, %" PRId64 " expired\n", n[APPROVAL_ASKS],
	    n[APPROVAL_ALLOWS], n[APPROVAL_REFUSES], n[APPROVAL_EXPIRES]);
	if (stats->spans_used > 0) {
		text_puts(&spans, "median ");
		humanize_add_span(&spans, percentile(stats, 50));
		text_puts(&spans, ", p95 ");
		humanize_add_span(&spans, percentile(stats, 95));
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

	humanize_add_count(&head, stats->events, "event");
	if (stats->events > 0) {
		text_puts(&head, ", ");
		humanize_add_time(&head, stats->first);
		text_puts(&head, " to ");
		humanize_add_time(&head, stats->last);
		text_puts(&head, " UTC");
	}
	terminal_print(TERMINAL_PLAIN, text_string(&head));
	printf("\n");
	text_free(&head);
	print_tally("By type", &stats->types, NAMES_MAX);
	print_tally("By source", &stats->sources, NAMES_MAX);
	print_tally("By day (UTC)", &stats->days, DAYS_SHOWN);
	for (int i = APPROVAL_ASKS; i <= APPROVAL_EXPIRES; i++)
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
		json_line_number(&inner, tally->entries[i].name,
		    tally->entries[i].count);
	json_line_end(&inner);
	json_line_raw(line, name, text_string(&inner));
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
		json_line_text(&one, "eventId", approval->id);
		json_line_text(&one, "requestId",
		    strchr(approval->key, '\n') + 1);
		json_line_number(&one, "waitingMs", ms > 0 ? ms : 0);
		json_line_end(&one);
		text_printf(&inner, "%s%s", i == 0 ? "" : ",",
		    text_string(&one));
		text_free(&one);
	}
	text_puts(&inner, "]");
	json_line_raw(line, "waiting", text_string(&inner));
	text_free(&inner);
}

static void
add_approvals(struct text *line, const struct stats *stats)
{
	struct text inner = TEXT_EMPTY;

	json_line_number(&inner, "requested", stats->decisions[APPROVAL_ASKS]);
	json_line_number(&inner, "granted", stats->decisions[APPROVAL_ALLOWS]);
	json_line_number(&inner, "denied",
	    stats->decisions[APPROVAL_REFUSES]);
	json_line_number(&inner, "expired",
	    stats->decisions[APPROVAL_EXPIRES]);
	json_line_number(&inner, "timed", (int64_t)stats->spans_used);
	if (stats->spans_used > 0) {
		json_line_number(&inner, "medianMs", percentile(stats, 50));
		json_line_number(&inner, "p95Ms", percentile(stats, 95));
	}
	json_line_end(&inner);
	json_line_raw(line, "approvals", text_string(&inner));
	text_free(&inner);
}

static void
print_json(const struct stats *stats)
{
	struct text line = TEXT_EMPTY;

	json_line_number(&line, "events", stats->events);
	json_line_text(&line, "first", stats->events == 0 ? NULL :
	    stats->first);
	json_line_text(&line, "last", stats->events == 0 ? NULL :
	    stats->last);
	add_tally(&line, "types", &stats->types);
	add_tally(&line, "sources", &stats->sources);
	add_tally(&line, "days", &stats->days);
	add_approvals(&line, stats);
	add_waiting(&line, stats);
	json_line_number(&line, "refused", stats->refusals);
	add_tally(&line, "refusedSources", &stats->refused);
	json_line_end(&line);
	printf("%s\n", text_string(&line));
	text_free(&line);
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
	deliveries_close(stats->deliveries);
}

static struct filter filter;

static const struct option_row options[] = { FILTER_OPTIONS(&filter), { 0 } };

static int
run(struct context *context)
{
	struct stats stats = {
		.database = context->database,
		.filter = &filter,
		.approvals = approvals_open(),
		.deliveries = deliveries_open(context->database),
	};
	struct text tenants = TEXT_EMPTY;
	int code = COMMAND_FAILED;

	if (stats.approvals != NULL && stats.deliveries != NULL)
		code = context_find_tenant(context, &filter, &tenants);
	if (code == COMMAND_GOOD && count_all(&stats) != 0)
		code = COMMAND_FAILED;
	if (code == COMMAND_GOOD && context->json)
		print_json(&stats);
	else if (code == COMMAND_GOOD && print_stats(&stats) != 0)
		code = COMMAND_FAILED;
	stats_free(&stats);
	text_free(&tenants);
	return code;
}

const struct command command_stats = {
	.name = "stats",
	.usage = "",
	.help = "how many of what, what waits, how long it took",
	.options = options,
	.access = COMMAND_READS,
	.run = run,
};
