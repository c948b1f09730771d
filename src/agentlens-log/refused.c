/* agentlens-log refused: lists the deliveries that were signed and answered
 * 400, and records those that this version knows how to map. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentlens-log/delivery.h"
#include "agentlens-log/table.h"
#include "agentlens-log/terminal.h"
#include "audit/mark_delivery.h"
#include "base/hex.h"
#include "base/json.h"
#include "reader/humanize.h"
#include "store/committer.h"

static bool record_them;

static const struct option_row options[] = {
	{ "record", 'r', NULL, "record those that are known by now, or only "
	    "the one of this number", OPTION_FLAG, &record_them },
	{ 0 }
};

static int64_t number; /* 0: all */

/* --- The list ------------------------------------------------------------ */

/* A line of the list. */
struct listed {
	struct delivery_row row;
	int64_t body_bytes;
};

static const struct record_field listed_fields[] = {
	RECORD_FIELD("delivery", RECORD_NUMBER, listed, row.id),
	RECORD_FIELD("receivedAt", RECORD_TEXT, listed, row.received_at),
	RECORD_FIELD("source", RECORD_TEXT, listed, row.source),
	RECORD_FIELD("reason", RECORD_TEXT, listed, row.reason),
	RECORD_FIELD("signature", RECORD_TEXT, listed, row.signature),
	RECORD_FIELD("bodyBytes", RECORD_NUMBER, listed, body_bytes),
	{ 0 }
};

static struct table_view *table; /* of the list */

static void
add_to_table(const struct context *context, const void *record)
{
	const struct listed *listed = record;
	struct text cell = TEXT_EMPTY;

	(void)context;
	text_printf(&cell, "%" PRId64, listed->row.id);
	table_add(table, TERMINAL_PLAIN, text_string(&cell));
	text_truncate(&cell, 0);
	humanize_add_time(&cell, listed->row.received_at);
	table_add(table, TERMINAL_PLAIN, text_string(&cell));
	table_add(table, TERMINAL_PLAIN, listed->row.source);
	table_add(table, TERMINAL_WARN, listed->row.reason);
	text_free(&cell);
}

static const struct record_type record_listed = {
	.fields = listed_fields,
	.print = add_to_table,
};

/* The refused deliveries above `after`; when `wanted` is not 0, only that
 * one. */
static struct query *
open_refused(struct database *database, int64_t after, int64_t wanted)
{
	struct query *query = query_open(database, REFUSED_DELIVERIES);

	if (query != NULL) {
		query_bind_number(query, 1, after);
		query_bind_number(query, 2, wanted);
	}
	return query;
}

static int
list(struct context *context)
{
	static const struct table_column columns[] = {
		{ .title = "NUMBER", .right = true },
		{ .title = "RECEIVED (UTC)" },
		{ .title = "SOURCE" },
		{ .title = "REASON", .shrink = true },
	};
	struct query *query = open_refused(context->database, -1, 0);
	struct listed listed;
	int step = -1;

	table = table_open(columns, 4);
	while (query != NULL && (step = query_step(query)) == 1) {
		delivery_row_read(&listed.row, query);
		listed.body_bytes = (int64_t)listed.row.body.len;
		record_print(context, &record_listed, &listed);
	}
	query_close(query);
	if (table_close(table) != 0)
		step = error_set(&context->error, "out of memory");
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}

/* --- One of them --------------------------------------------------------- */

/* A row with copies of its texts, so that no query stays open while the file is
 * written. */
struct refused_delivery {
	struct delivery_row row;
	char *texts;
};

/* Reads the first one of open_refused().  Returns 1, 0 when there is none, or
 * -1.  Free refused->texts in any case. */
static int
read_refused(struct context *context, int64_t after, int64_t wanted,
    struct refused_delivery *refused)
{
	struct query *query = open_refused(context->database, after, wanted);
	int step = query == NULL ? -1 : query_step(query);

	*refused = (struct refused_delivery){ 0 };
	if (step == 1) {
		delivery_row_read(&refused->row, query);
		refused->texts = malloc(columns_size(TABLE_DELIVERIES,
		    &refused->row) + 1);
		if (refused->texts == NULL)
			step = error_set(&context->error, "out of memory");
		else
			columns_copy(TABLE_DELIVERIES, &refused->row,
			    refused->texts);
	}
	query_close(query);
	return step;
}

static int
tell_missing(void)
{
	warn("there is no refused delivery %" PRId64, number);
	return COMMAND_FAULT;
}

static int
show_one(struct context *context)
{
	struct refused_delivery refused;
	struct shown_delivery shown;
	int step = read_refused(context, -1, number, &refused);

	if (step == 1) {
		delivery_show(&shown, &refused.row,
		    context_settings(context, false));
		record_print(context, &record_delivery, &shown);
	}
	free(refused.texts);
	return step == 1 ? COMMAND_GOOD : step == 0 ? tell_missing() :
	    COMMAND_FAILED;
}

/* --- Recording ----------------------------------------------------------- */

struct recording {
	struct context *context;
	struct settings settings; /* a copy, with the path of this file */
	struct committer *committer;
	int64_t recorded;
	int64_t left;
};

/* What became of one of them. */
struct report {
	int64_t delivery;
	bool recorded;
	const char *event_id;
	const char *event_type;
	const char *session_id;
	const char *why; /* it is not recorded */
};

static const struct record_field report_fields[] = {
	RECORD_FIELD("delivery", RECORD_NUMBER, report, delivery),
	RECORD_FIELD("recorded", RECORD_BOOL, report, recorded),
	{ 0 }
};
static const struct record_field recorded_fields[] = {
	RECORD_FIELD("eventId", RECORD_TEXT, report, event_id),
	RECORD_FIELD("eventType", RECORD_TEXT, report, event_type),
	RECORD_FIELD("sessionId", RECORD_TEXT, report, session_id),
	{ 0 }
};
static const struct record_field left_fields[] = {
	RECORD_FIELD("reason", RECORD_TEXT, report, why),
	{ 0 }
};

static void
print_report(const struct context *context, const void *record)
{
	const struct report *report = record;
	struct text line = TEXT_EMPTY;

	(void)context;
	text_printf(&line, "%" PRId64 ": ", report->delivery);
	if (report->recorded)
		text_printf(&line, "recorded as %s, %s, session %s",
		    report->event_id, report->event_type, report->session_id);
	else
		text_printf(&line, "left, %s", report->why);
	terminal_print(report->recorded ? TERMINAL_GOOD : TERMINAL_WARN,
	    text_string(&line));
	printf("\n");
	text_free(&line);
}

static void
tell(struct recording *recording, const struct report *report)
{
	const struct record_type type = {
		.fields = report_fields,
		.more = report->recorded ? recorded_fields : left_fields,
		.print = print_report,
	};

	if (report->recorded)
		recording->recorded++;
	else
		recording->left++;
	record_print(recording->context, &type, report);
}

/* Why a delivery is not to be recorded, whatever its body says; or NULL. */
static const char *
obstacle(const struct recording *recording, const struct delivery_row *row)
{
	if (row->body.len == 0)
		return "its body was pruned";
	const struct source *source = source_named(row->source);
	if (source == NULL)
		return "its source is not known";
	if (source_has_path(source))
		return "the headers that it came with are not kept";
	if (row->reason != NULL &&
	    refusal_code_of(row->reason) == REFUSAL_SOURCE_MISMATCH)
		return "its body names another source than the one that "
		    "signed it";
	if (number == 0 && row->reason != NULL &&
	    refusal_code_of(row->reason) == REFUSAL_KEY_REUSED)
		return "it came under the idempotency key of another; name "
		    "its number to record it";
	switch (mark_delivery(row, &recording->settings)) {
	case MARK_GOOD:
		break;
	case MARK_UNSIGNED:
		return "it has no signature";
	case MARK_NOT_CHECKED:
		return "no secret of its source is set here to check its "
		    "signature with";
	case MARK_WRONG:
		return "its signature is wrong under the secrets that are set "
		    "here; the one of its time can be set as _PREVIOUS";
	}
	return NULL;
}

/* There is nothing to do: without threads a job is done when committer_record()
 * returns. */
static void
do_nothing(struct job *job)
{
	(void)job;
}

/* Records the event.  Returns 0, or -1 with the reason in context->error. */
static int
commit(struct recording *recording, const struct delivery_row *row,
    struct json_object *json, struct event *event)
{
	struct delivery delivery = {
		.source = source_named(row->source),
		.remote_addr = row->remote_addr,
		.scheme = DELIVERY_HMAC_SHA256,
		.signature_len = DIGEST_BYTES,
		.body = row->body.data,
		.body_len = row->body.len,
		.sent_at = envelope_sent_at(json),
		.has_key = true,
		.event = event,
	};
	struct job job = {
		.delivery = &delivery,
		.done = do_nothing,
		.outcome = { .refusal = REFUSAL_NO_DIGEST },
	};
	const struct outcome *outcome = &job.outcome;
	int64_t received = humanize_time(row->received_at);

	/* An event without a time of its own has that of its delivery. */
	if (received >= 0)
		event->received = received;
	/* A signature that is good has all its digits. */
	if (hex_read(row->signature, delivery.signature, DIGEST_BYTES) == 0 &&
	    delivery_key(delivery.source, delivery.body, delivery.body_len,
	    delivery.key) == 0)
		committer_record(recording->committer, &job);
	if (!outcome->recorded)
		return error_set(&recording->context->error, "delivery %"
		    PRId64 ": it is not recorded: %s", row->id,
		    refusal_name(outcome->refusal));
	tell(recording, &(struct report){
	    .delivery = row->id,
	    .recorded = true,
	    .event_id = outcome->event_id,
	    .event_type = outcome->event_type,
	    .session_id = outcome->session_id,
	});
	return 0;
}

/* Maps the body, and records the event. */
static int
convert(struct recording *recording, const struct delivery_row *row,
    struct json_object *json)
{
	const struct source *source = source_named(row->source);
	struct conversion conversion = { 0 };
	struct refusal refusal = { 0 };
	struct text reason = TEXT_EMPTY;
	int result = 0;

	if (delivery_convert(&conversion, source, json, true,
	    recording->settings.tenants[source->id], &refusal) ==
	    REFUSAL_NONE) {
		result = commit(recording, row, json, &conversion.event);
	} else {
		refusal_write(&refusal, &reason);
		tell(recording, &(struct report){ .delivery = row->id,
		    .why = text_string(&reason) });
	}
	conversion_free(&conversion);
	text_free(&reason);
	return result;
}

static int
record_one(struct recording *recording, const struct delivery_row *row)
{
	const char *why = obstacle(recording, row);
	struct json_object *json = NULL;
	struct json_error error;
	int result = 0;

	if (why == NULL && (json_read((const char *)row->body.data,
	    row->body.len, &json, &error) != 0 || !json_is_object(json)))
		why = "its body is no JSON object";
	if (why == NULL)
		result = convert(recording, row, json);
	else
		tell(recording, &(struct report){ .delivery = row->id,
		    .why = why });
	json_object_put(json);
	return result;
}

static void
print_total(const struct context *context, const void *record)
{
	const struct recording *recording = record;

	(void)context;
	printf("%" PRId64 " recorded, %" PRId64 " left\n", recording->recorded,
	    recording->left);
}

static const struct record_type record_total = { .print = print_total };

/* Records each in a transaction of its own, so that agentlens-ingest never
 * waits for more than one. */
static int
record_all(struct recording *recording)
{
	struct refused_delivery refused;
	int64_t after = -1;
	int step;

	while ((step = read_refused(recording->context, after, number,
	    &refused)) == 1) {
		after = refused.row.id;
		if (record_one(recording, &refused.row) != 0)
			step = -1;
		free(refused.texts);
		if (step < 0 || number != 0)
			break;
	}
	if (step == 0 && number != 0)
		return tell_missing();
	if (step < 0)
		return COMMAND_FAILED;
	if (number == 0)
		record_print(recording->context, &record_total, recording);
	return number != 0 && recording->left > 0 ? COMMAND_FAULT :
	    COMMAND_GOOD;
}

static int
record(struct context *context)
{
	const struct settings *settings = context_settings(context, true);
	struct recording recording = { .context = context };
	int code = COMMAND_FAILED;

	if (settings == NULL)
		return COMMAND_FAILED;
	recording.settings = *settings;
	recording.settings.db_path = strdup(database_path(context->database));
	if (recording.settings.db_path != NULL)
		recording.committer = committer_open(&recording.settings,
		    false);
	if (recording.committer != NULL) {
		code = record_all(&recording);
		committer_close(recording.committer);
	} else {
		error_set(&context->error, "out of memory");
	}
	free(recording.settings.db_path);
	return code;
}

/* --- The command --------------------------------------------------------- */

static int
prepare(struct context *context)
{
	char *end = NULL;

	if (context->count == 0)
		return -1;
	number = strtoll(context->arguments[0], &end, 10);
	return number <= 0 || *end != '\0' ? options_refuse(context) : -1;
}

static int
run(struct context *context)
{
	return record_them ? record(context) : number != 0 ?
	    show_one(context) : list(context);
}

const struct command command_refused = {
	.name = "refused",
	.usage = "[NUMBER]",
	.help = "what was signed and yet answered 400",
	.options = options,
	.arguments_max = 1,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
