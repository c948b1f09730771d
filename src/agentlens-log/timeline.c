/* agentlens-log timeline: one session, as a person tells it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approvals.h"
#include "commands.h"
#include "output.h"
#include "row.h"
#include "story.h"
#include "words.h"

#define TIME_WIDTH 19
#define SPAN_WIDTH 13

struct telling {
	struct database *database;
	struct approvals *approvals;
	struct receipts *receipts;
	int64_t last;    /* ms of the event before; -1 for the first */
	char day[16];    /* of the event before */
	int counts[STORY_EXPIRES + 1];
};

/* Who it was, from when to when. */
static int
print_head(struct telling *telling, const struct filter *filter)
{
	static const char sql[] = "SELECT count(*), min(timestamp),"
	    " max(timestamp) FROM events WHERE tenant_id = ?1"
	    " AND session_id = ?2";
	struct query *query = query_open(telling->database, sql);
	struct text text = TEXT_EMPTY;
	int step = -1;

	if (query != NULL) {
		query_bind_text(query, 1, filter->tenant);
		query_bind_text(query, 2, filter->session);
		step = query_step(query);
	}
	if (step == 1) {
		const char *first = query_text(query, 1);
		const char *last = query_text(query, 2);
		output_print(OUTPUT_BOLD, "Session ");
		output_print(OUTPUT_BOLD, filter->session);
		words_add(&text, " of tenant ");
		text_puts(&text, filter->tenant);
		text_puts(&text, ": ");
		words_add_count(&text, query_number(query, 0), "event");
		text_puts(&text, ", ");
		words_add_time(&text, first);
		text_puts(&text, " to ");
		words_add_time(&text, last);
		text_puts(&text, " UTC");
		if (words_time(first) >= 0 &&
		    words_time(last) > words_time(first)) {
			text_puts(&text, ", ");
			words_add_span(&text, words_time(last) -
			    words_time(first));
		}
		output_print(OUTPUT_PLAIN, text_string(&text));
		printf("\n\n");
	}
	query_close(query);
	text_free(&text);
	return step;
}

/* The day only where it is another than before. */
static void
print_time(struct telling *telling, const struct row *row)
{
	struct text time = TEXT_EMPTY, span = TEXT_EMPTY;
	int64_t ms = words_time(row->timestamp);
	int64_t since = telling->last >= 0 && ms > telling->last ?
	    ms - telling->last : 0;

	words_add_time(&time, row->timestamp);
	const char *text = text_string(&time);
	if (time.len == TIME_WIDTH && memcmp(telling->day, text, 10) == 0)
		printf("%11s%s", "", text + 11);
	else
		output_print(OUTPUT_PLAIN, text);
	if (time.len == TIME_WIDTH)
		memcpy(telling->day, text, 10);
	if (since > 0) {
		text_puts(&span, "+");
		words_add_span(&span, since);
	}
	printf("  %s%-*s%s ", output_begin(OUTPUT_DIM), SPAN_WIDTH,
	    text_string(&span), output_end());
	if (ms >= 0)
		telling->last = ms;
	text_free(&time);
	text_free(&span);
}

/* What vouches for it. */
static void
print_evidence(const struct row *row, const struct delivery_row *delivery,
    struct json_object *metadata)
{
	struct text text = TEXT_EMPTY;
	char reported[TIMESTAMP_SIZE];
	int64_t ms = row_time(row, metadata);

	if (delivery != NULL) {
		text_puts(&text, "  [");
		text_puts(&text, delivery->source);
		text_puts(&text, delivery->signature != NULL ? ", signed]" :
		    ", unsigned]");
	}
	if (json_get(metadata, "reportedTimestamp") != NULL && ms >= 0) {
		timestamp_format(ms, reported);
		text_puts(&text, "  [late, of ");
		words_add_time(&text, reported);
		text_puts(&text, "]");
	}
	output_print(OUTPUT_DIM, text_string(&text));
	text_free(&text);
}

static int
tell(struct telling *telling, const struct row *row)
{
	struct json_object *payload = row_object(row->payload);
	struct json_object *metadata = row_object(row->metadata);
	struct delivery_row delivery;
	struct text story = TEXT_EMPTY;
	int64_t after = approvals_note(telling->approvals, row, payload);
	/* AgentLens's own events come without a delivery. */
	int found = json_get(metadata, "webhookEvent") == NULL ? 0 :
	    receipts_find(telling->receipts, row->id, &delivery);
	enum story_approval approval = story_approval(row);

	if (after < 0 && approval > STORY_ASKS && found == 1)
		after = approvals_from_body(delivery.body, delivery.body_len);
	telling->counts[approval]++;
	print_time(telling, row);
	story_add(&story, row, payload, after);
	output_print(story_style(row), text_string(&story));
	if (found >= 0)
		print_evidence(row, found == 1 ? &delivery : NULL, metadata);
	printf("\n");
	text_free(&story);
	json_object_put(metadata);
	json_object_put(payload);
	return found;
}

/* What is still open. */
static int
print_end(struct telling *telling)
{
	int count;
	struct approval **waiting = approvals_waiting(telling->approvals,
	    telling->database, &count);
	const int *n = telling->counts;

	if (n[STORY_ASKS] + n[STORY_ALLOWS] + n[STORY_REFUSES] +
	    n[STORY_EXPIRES] > 0 && count >= 0)
		printf("\nApprovals: %d allowed, %d refused, %d expired, %d "
		    "waiting\n", n[STORY_ALLOWS], n[STORY_REFUSES],
		    n[STORY_EXPIRES], count);
	for (int i = 0; i < count; i++) {
		struct text text = TEXT_EMPTY;
		int64_t age = timestamp_now() - waiting[i]->asked;
		text_puts(&text, strchr(waiting[i]->key, '\n') + 1);
		text_puts(&text, " has been waiting for ");
		words_add_span(&text, age > 0 ? age : 0);
		printf("  ");
		output_print(OUTPUT_WARN, text_string(&text));
		printf("\n");
		text_free(&text);
	}
	free(waiting);
	return count;
}

static int
tell_all(struct telling *telling, const struct filter *filter, bool json)
{
	struct query *query = filter_open(telling->database, filter,
	    FILTER_OLDEST_FIRST);
	struct text line = TEXT_EMPTY;
	struct row row;
	int step = query == NULL ? -1 : 1;

	if (step > 0 && !json)
		step = print_head(telling, filter);
	while (step >= 0 && (step = filter_step(query, filter, &row)) == 1) {
		if (!json) {
			step = tell(telling, &row);
			continue;
		}
		row_add_json(&line, &row);
		output_json_end(&line);
	}
	query_close(query);
	if (step >= 0 && !json)
		step = print_end(telling);
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}

int
timeline_run(struct context *context, int argc, char **argv)
{
	struct filter filter = { 0 };
	const struct option_row options[] = {
		{ "tenant", 0, "ID", "the tenant, where several have the "
		    "session", OPTION_TEXT, &filter.tenant },
		{ 0 }
	};
	struct telling telling = { .last = -1 };
	struct text tenant = TEXT_EMPTY;
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count != 1)
		return options_refuse(context);
	filter.session = arguments[0];
	telling.database = database_open(context, DATABASE_READ);
	if (telling.database == NULL)
		return COMMAND_FAILED;
	telling.approvals = approvals_open();
	telling.receipts = receipts_open(telling.database);
	code = telling.approvals == NULL || telling.receipts == NULL ? -1 :
	    filter_find_tenant(telling.database, &filter, &tenant);
	if (code == 1)
		code = tell_all(&telling, &filter, context->json);
	else
		code = code < 0 ? COMMAND_FAILED : COMMAND_FAULT;
	receipts_close(telling.receipts);
	approvals_close(telling.approvals);
	text_free(&tenant);
	database_close(telling.database);
	return code;
}
