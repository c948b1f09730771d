/* agentlens-log timeline: tells what happened in a session, an event a line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/record.h"
#include "agentlens-log/terminal.h"
#include "reader/approvals.h"
#include "reader/deliveries.h"
#include "reader/describe.h"
#include "reader/events.h"
#include "reader/humanize.h"

#define TIME_WIDTH 19
#define SPAN_WIDTH 13

struct telling {
	struct database *database;
	const struct filter *filter;
	struct approvals *approvals;
	struct deliveries *deliveries;
	int64_t last;    /* ms of the event before; -1 for the first */
	char day[16];    /* of the event before */
	int counts[APPROVAL_EXPIRES + 1]; /* of each enum describe_approval */
};

/* Prints the session, how many events it has, and from when to when. */
static int
print_head(struct telling *telling, const struct filter *filter)
{
	struct session_extent extent;
	struct text text = TEXT_EMPTY;

	if (session_extent(telling->database, filter->tenant, filter->session,
	    &extent) != 0)
		return -1;
	terminal_print(TERMINAL_BOLD, "Session ");
	terminal_print(TERMINAL_BOLD, filter->session);
	text_printf(&text, " of tenant %s: ", filter->tenant);
	humanize_add_count(&text, extent.events, "event");
	text_puts(&text, ", ");
	humanize_add_time(&text, extent.first);
	text_puts(&text, " to ");
	humanize_add_time(&text, extent.last);
	text_puts(&text, " UTC");
	int64_t first = humanize_time(extent.first);
	int64_t last = humanize_time(extent.last);
	if (first >= 0 && last > first) {
		text_puts(&text, ", ");
		humanize_add_span(&text, last - first);
	}
	terminal_print(TERMINAL_PLAIN, text_string(&text));
	printf("\n\n");
	text_free(&text);
	return 0;
}

/* Prints the time, with the day where it is another one than before, and the
 * span since the event before. */
static void
print_time(struct telling *telling, const struct event_row *row)
{
	struct text time = TEXT_EMPTY, span = TEXT_EMPTY;
	int64_t ms = humanize_time(row->columns.timestamp);
	int64_t since = telling->last >= 0 && ms > telling->last ?
	    ms - telling->last : 0;

	humanize_add_time(&time, row->columns.timestamp);
	const char *text = text_string(&time);
	if (time.len == TIME_WIDTH && memcmp(telling->day, text, 10) == 0)
		printf("%11s%s", "", text + 11);
	else
		terminal_print(TERMINAL_PLAIN, text);
	if (time.len == TIME_WIDTH)
		memcpy(telling->day, text, 10);
	if (since > 0) {
		text_puts(&span, "+");
		humanize_add_span(&span, since);
	}
	printf("  %s%-*s%s ", terminal_begin(TERMINAL_DIM), SPAN_WIDTH,
	    text_string(&span), terminal_end());
	if (ms >= 0)
		telling->last = ms;
	text_free(&time);
	text_free(&span);
}

/* Prints how the event came, and when it was reported if that is not its
 * time. */
static void
print_origin(const struct event_row *row, const struct delivery_row *delivery,
    struct json_object *metadata)
{
	struct text text = TEXT_EMPTY;
	char reported[TIMESTAMP_SIZE];
	int64_t ms = event_time(row, metadata);

	if (delivery != NULL) {
		text_puts(&text, "  [");
		text_puts(&text, delivery->source);
		text_puts(&text, delivery->signature != NULL ? ", signed]" :
		    ", unsigned]");
	}
	if (json_get(metadata, "reportedTimestamp") != NULL && ms >= 0) {
		timestamp_format(ms, reported);
		text_puts(&text, "  [late, of ");
		humanize_add_time(&text, reported);
		text_puts(&text, "]");
	}
	terminal_print(TERMINAL_DIM, text_string(&text));
	text_free(&text);
}

/* Last on the line, for `agentlens-log show`. */
static void
print_id(const struct event_row *row)
{
	printf("  ");
	terminal_print(TERMINAL_DIM, row->columns.id);
	printf("\n");
}

static int
tell(struct telling *telling, const struct event_row *row)
{
	struct json_object *payload = event_object(row->columns.payload);
	struct json_object *metadata = event_object(row->columns.metadata);
	struct delivery_row delivery;
	struct text description = TEXT_EMPTY;
	int64_t after = approvals_note(telling->approvals, row, payload);
	bool shown = filter_fits_content(telling->filter, row);
	/* Events of AgentLens itself have no delivery. */
	int found = json_get(metadata, "webhookEvent") == NULL ? 0 :
	    deliveries_find(telling->deliveries, row->columns.id, &delivery);
	enum describe_approval approval = describe_approval(row);

	if (after < 0 && approval > APPROVAL_ASKS && found == 1)
		after = approvals_from_body(delivery.body.data,
		    delivery.body.len);
	telling->counts[approval]++;
	if (shown) {
		print_time(telling, row);
		describe_add(&description, row, payload, after);
		terminal_print(terminal_tone(describe_tone(row)),
		    text_string(&description));
		if (found >= 0)
			print_origin(row, found == 1 ? &delivery : NULL,
			    metadata);
		print_id(row);
	}
	text_free(&description);
	json_object_put(metadata);
	json_object_put(payload);
	return found;
}

/* Prints the count of the approvals, and those that wait.  Returns -1 on
 * failure. */
static int
print_end(struct telling *telling)
{
	int count;
	struct approval **waiting = approvals_waiting(telling->approvals,
	    telling->database, &count);
	const int *n = telling->counts;

	if (n[APPROVAL_ASKS] + n[APPROVAL_ALLOWS] + n[APPROVAL_REFUSES] +
	    n[APPROVAL_EXPIRES] > 0 && count >= 0)
		printf("\nApprovals: %d allowed, %d refused, %d expired, %d "
		    "waiting\n", n[APPROVAL_ALLOWS], n[APPROVAL_REFUSES],
		    n[APPROVAL_EXPIRES], count);
	for (int i = 0; i < count; i++) {
		struct text text = TEXT_EMPTY;
		int64_t age = timestamp_now() - waiting[i]->asked;
		text_puts(&text, strchr(waiting[i]->key, '\n') + 1);
		text_puts(&text, " has been waiting for ");
		humanize_add_span(&text, age > 0 ? age : 0);
		printf("  ");
		terminal_print(TERMINAL_WARN, text_string(&text));
		printf("\n");
		text_free(&text);
	}
	free(waiting);
	return count;
}

/* Every event of the session is looked at, since one that is not shown may be
 * the answer to one that is. */
static int
tell_all(struct telling *telling, const struct filter *filter)
{
	const struct filter whole = { .session = filter->session,
		.tenant = filter->tenant };
	struct query *query = filter_open(telling->database, &whole,
	    FILTER_OLDEST_FIRST);
	struct event_row row;
	int step = query == NULL ? -1 : print_head(telling, filter);

	while (step >= 0 && (step = filter_step(query, &whole, &row)) == 1)
		step = tell(telling, &row);
	query_close(query);
	if (step >= 0)
		step = print_end(telling);
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}

/* --- The command --------------------------------------------------------- */

static struct filter filter;

static const struct option_row options[] = {
	{ "tenant", 0, "ID", "the tenant, where several have the session",
	    OPTION_TEXT, &filter.tenant },
	CONTENT_OPTIONS(&filter),
	{ 0 }
};

static int
run(struct context *context)
{
	struct telling telling = {
		.database = context->database,
		.filter = &filter,
		.approvals = approvals_open(),
		.deliveries = deliveries_open(context->database),
		.last = -1,
	};
	struct text tenants = TEXT_EMPTY;
	int code = COMMAND_FAILED;

	filter.session = context->arguments[0];
	if (telling.approvals != NULL && telling.deliveries != NULL)
		code = context_find_tenant(context, &filter, &tenants);
	if (code == COMMAND_GOOD)
		code = context->json ? record_print_events(context,
		    filter_open(context->database, &filter,
		    FILTER_OLDEST_FIRST), &filter, 0) :
		    tell_all(&telling, &filter);
	deliveries_close(telling.deliveries);
	approvals_close(telling.approvals);
	text_free(&tenants);
	return code;
}

const struct command command_timeline = {
	.name = "timeline",
	.usage = "SESSION",
	.help = "what happened in a session, as a story",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 1,
	.access = COMMAND_READS,
	.run = run,
};
