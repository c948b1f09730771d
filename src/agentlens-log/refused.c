/* agentlens-log refused: what was signed and yet answered 400; and recorded
 * now, where this version's table of events knows it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "committer.h"
#include "ingest.h"
#include "output.h"
#include "row.h"
#include "show.h"
#include "signing.h"
#include "words.h"

struct recording {
	struct context *context;
	struct database *database;
	struct settings settings; /* borrowed, but for the path */
	struct committer *committer;
	bool by_number; /* the operator has picked this one */
	int64_t recorded;
	int64_t left;
};

/* A refused delivery; the body is a copy. */
struct refusal {
	int64_t number;
	const struct source *source;
	char *source_name;
	char *received_at;
	char *remote_addr;
	char *signature;
	char *reason;
	struct text body;
};

#define REFUSED " FROM ingest_deliveries WHERE reason IS NOT NULL" \
	" AND id > ?1 AND (?2 = 0 OR id = ?2)"

/* --- Listing ------------------------------------------------------------- */

static int
list(struct database *database, bool json)
{
	static const struct output_column columns[] = {
		{ .title = "NUMBER", .right = true },
		{ .title = "RECEIVED (UTC)" },
		{ .title = "SOURCE" },
		{ .title = "REASON", .shrink = true },
	};
	struct query *query = query_open(database, "SELECT id, received_at,"
	    " source, reason, signature, length(body)" REFUSED
	    " ORDER BY id");
	struct output_table *table = NULL;
	struct text cell = TEXT_EMPTY;
	int step = -1;

	if (query == NULL)
		return COMMAND_FAILED;
	query_bind_number(query, 1, -1);
	query_bind_number(query, 2, 0);
	while ((step = query_step(query)) == 1) {
		if (json) {
			output_json_number(&cell, "delivery",
			    query_number(query, 0));
			output_json_text(&cell, "receivedAt",
			    query_text(query, 1));
			output_json_text(&cell, "source",
			    query_text(query, 2));
			output_json_text(&cell, "reason",
			    query_text(query, 3));
			output_json_text(&cell, "signature",
			    query_text(query, 4));
			output_json_number(&cell, "bodyBytes",
			    query_number(query, 5));
			output_json_end(&cell);
			continue;
		}
		if (table == NULL)
			table = output_table_open(columns, 4);
		cell.len = 0;
		words_add(&cell, "%" PRId64, query_number(query, 0));
		output_table_add(table, OUTPUT_PLAIN, text_string(&cell));
		cell.len = 0;
		words_add_time(&cell, query_text(query, 1));
		output_table_add(table, OUTPUT_PLAIN, text_string(&cell));
		output_table_add(table, OUTPUT_PLAIN, query_text(query, 2));
		output_table_add(table, OUTPUT_WARN, query_text(query, 3));
	}
	if (table != NULL)
		output_table_close(table);
	query_close(query);
	text_free(&cell);
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}

/* --- One of them --------------------------------------------------------- */

static void
refusal_free(struct refusal *refusal)
{
	free(refusal->source_name);
	free(refusal->received_at);
	free(refusal->remote_addr);
	free(refusal->signature);
	free(refusal->reason);
	text_free(&refusal->body);
	*refusal = (struct refusal){ 0 };
}

static char *
copy_text(struct query *query, int column)
{
	const char *text = query_text(query, column);
	return text == NULL ? NULL : strdup(text);
}

/* The first refused delivery after `after`; or, when it is not 0, the one of
 * this number.  Returns 1, 0 when there is none, or -1 having said why. */
static int
read_refusal(struct database *database, int64_t after, int64_t number,
    struct refusal *refusal)
{
	struct query *query = query_open(database, "SELECT id, source,"
	    " received_at, remote_addr, signature, reason, body" REFUSED
	    " ORDER BY id LIMIT 1");
	int step = -1;

	*refusal = (struct refusal){ 0 };
	if (query == NULL)
		return -1;
	query_bind_number(query, 1, after);
	query_bind_number(query, 2, number);
	step = query_step(query);
	if (step == 1) {
		size_t len;
		const void *body = query_bytes(query, 6, &len);
		refusal->number = query_number(query, 0);
		refusal->source_name = copy_text(query, 1);
		refusal->received_at = copy_text(query, 2);
		refusal->remote_addr = copy_text(query, 3);
		refusal->signature = copy_text(query, 4);
		refusal->reason = copy_text(query, 5);
		text_add(&refusal->body, body == NULL ? "" : body, len);
		if (refusal->source_name == NULL ||
		    refusal->received_at == NULL || refusal->reason == NULL ||
		    refusal->body.failed) {
			complain("out of memory");
			step = -1;
		} else {
			refusal->source = signing_source(refusal->source_name);
		}
	}
	query_close(query);
	return step;
}

static int
show_one(struct context *context, struct database *database, int64_t number)
{
	const struct settings *settings = context_settings(context, false);
	struct refusal refusal;
	struct text line = TEXT_EMPTY;
	int step = read_refusal(database, -1, number, &refusal);
	const struct delivery_row row = {
		.number = refusal.number,
		.source = refusal.source_name,
		.received_at = refusal.received_at,
		.remote_addr = refusal.remote_addr,
		.signature = refusal.signature,
		.reason = refusal.reason,
		.body = text_string(&refusal.body),
		.body_len = refusal.body.len,
	};

	if (step == 1 && context->json) {
		show_add_json(&line, &row, settings);
		output_json_end(&line);
	} else if (step == 1) {
		show_delivery(&row, settings);
	} else if (step == 0) {
		complain("there is no refused delivery %" PRId64, number);
	}
	refusal_free(&refusal);
	return step == 1 ? COMMAND_GOOD : step == 0 ? COMMAND_FAULT :
	    COMMAND_FAILED;
}

/* --- Recording ----------------------------------------------------------- */

static void
report(struct recording *recording, const struct refusal *refusal,
    const struct outcome *outcome, const char *why)
{
	struct text line = TEXT_EMPTY;
	bool done = outcome != NULL;

	if (done)
		recording->recorded++;
	else
		recording->left++;
	if (recording->context->json) {
		output_json_number(&line, "delivery", refusal->number);
		output_json_bool(&line, "recorded", done);
		if (done) {
			output_json_text(&line, "eventId", outcome->event_id);
			output_json_text(&line, "eventType",
			    outcome->event_type);
			output_json_text(&line, "sessionId",
			    outcome->session_id);
		} else {
			output_json_text(&line, "reason", why);
		}
		output_json_end(&line);
		return;
	}
	words_add(&line, "%" PRId64 ": ", refusal->number);
	if (done) {
		text_puts(&line, "recorded as ");
		text_puts(&line, outcome->event_id);
		text_puts(&line, ", ");
		text_puts(&line, outcome->event_type);
		text_puts(&line, ", session ");
		text_puts(&line, outcome->session_id);
	} else {
		text_puts(&line, "left, ");
		text_puts(&line, why);
	}
	output_print(done ? OUTPUT_GOOD : OUTPUT_WARN, text_string(&line));
	printf("\n");
	text_free(&line);
}

/* Why this one is not even looked at; or NULL. */
static const char *
obstacle(const struct recording *recording, const struct refusal *refusal)
{
	const struct reply reused = { .kind = REPLY_KEY_REUSED };
	struct text sentence = TEXT_EMPTY;
	const char *why = NULL;

	reply_sentence(&reused, &sentence);
	if (refusal->body.len == 0)
		why = "its body was pruned";
	else if (refusal->source == NULL)
		why = "its source is not known";
	else if (!recording->by_number && strcmp(refusal->reason,
	    text_string(&sentence)) == 0)
		why = "it came under the idempotency key of another; name "
		    "its number to record it";
	else switch (signing_check(&recording->settings,
	    refusal->source_name, refusal->signature,
	    text_string(&refusal->body), refusal->body.len)) {
	case SIGNING_GOOD:
		break;
	case SIGNING_UNSIGNED:
		why = "it has no signature";
		break;
	case SIGNING_NO_SECRET:
		why = "no secret of its source is set here to check its "
		    "signature with";
		break;
	case SIGNING_WRONG:
		why = "its signature is wrong under the secrets that are set "
		    "here; the one of its time can be set as _PREVIOUS";
		break;
	}
	text_free(&sentence);
	return why;
}

/* Without threads a job is done when committer_record() returns. */
static void
go_on(struct job *job)
{
	(void)job;
}

/* Returns 0, or -1 when the file cannot be written. */
static int
commit(struct recording *recording, const struct refusal *refusal,
    struct json_object *json, struct event *event)
{
	struct delivery delivery = {
		.source = refusal->source,
		.remote_addr = refusal->remote_addr,
		.signature = refusal->signature,
		.body = text_string(&refusal->body),
		.body_len = refusal->body.len,
		.sent_at = envelope_sent_at(json),
		.has_key = true,
		.event = event,
	};
	struct job job = {
		.delivery = &delivery,
		.done = go_on,
		.outcome = { .kind = REPLY_INTERNAL },
	};
	const struct outcome *outcome = &job.outcome;
	int64_t received = words_time(refusal->received_at);

	/* Whatever has no time of its own is of when it came. */
	if (received >= 0)
		event->received = received;
	if (ingest_key(refusal->source, delivery.body, delivery.body_len,
	    delivery.key))
		committer_record(recording->committer, &job);
	if (outcome->kind == REPLY_RECORDED || outcome->kind == REPLY_REPLAYED) {
		report(recording, refusal, outcome, NULL);
		return 0;
	}
	const struct reply reply = { .kind = outcome->kind };
	struct text sentence = TEXT_EMPTY;
	reply_sentence(&reply, &sentence);
	complain("delivery %" PRId64 ": %s", refusal->number,
	    text_string(&sentence));
	text_free(&sentence);
	return -1;
}

static int
record_one(struct recording *recording, const struct refusal *refusal)
{
	const char *why = obstacle(recording, refusal);
	struct conversion conversion = { 0 };
	struct reply reply = { 0 };
	struct json_object *json = NULL;
	struct json_error error;
	struct text sentence = TEXT_EMPTY;
	int result = 0;

	if (why == NULL && (json_read(text_string(&refusal->body),
	    refusal->body.len, &json, &error) != 0 || !json_is_object(json)))
		why = "its body is no JSON object";
	if (why != NULL) {
		report(recording, refusal, NULL, why);
	} else if (ingest_convert(&conversion, refusal->source, json, true,
	    recording->settings.tenants[refusal->source->id], &reply) ==
	    REPLY_NONE) {
		result = commit(recording, refusal, json, &conversion.event);
	} else {
		reply_sentence(&reply, &sentence);
		report(recording, refusal, NULL, text_string(&sentence));
	}
	ingest_conversion_free(&conversion);
	json_object_put(json);
	text_free(&sentence);
	return result;
}

/* Each in a transaction of its own, so that the responder waits for one. */
static int
record_all(struct recording *recording, int64_t number)
{
	struct refusal refusal;
	int64_t after = -1;
	int step;

	while ((step = read_refusal(recording->database, after, number,
	    &refusal)) == 1) {
		after = refusal.number;
		if (record_one(recording, &refusal) != 0)
			step = -1;
		refusal_free(&refusal);
		if (step < 0 || number != 0)
			break;
	}
	refusal_free(&refusal);
	if (step == 0 && number != 0) {
		complain("there is no refused delivery %" PRId64, number);
		return COMMAND_FAULT;
	}
	if (step < 0)
		return COMMAND_FAILED;
	if (!recording->context->json && number == 0)
		printf("%" PRId64 " recorded, %" PRId64 " left\n",
		    recording->recorded, recording->left);
	return number != 0 && recording->left > 0 ? COMMAND_FAULT :
	    COMMAND_GOOD;
}

static int
record(struct context *context, struct database *database, int64_t number)
{
	const struct settings *settings = context_settings(context, true);
	struct recording recording = { .context = context,
		.database = database, .by_number = number != 0 };
	int code = COMMAND_FAILED;

	if (settings == NULL)
		return COMMAND_FAILED;
	recording.settings = *settings;
	recording.settings.db_path = strdup(database_path(database));
	if (recording.settings.db_path != NULL)
		recording.committer = committer_open(&recording.settings,
		    false);
	if (recording.committer != NULL) {
		code = record_all(&recording, number);
		committer_close(recording.committer);
	}
	free(recording.settings.db_path);
	return code;
}

int
refused_run(struct context *context, int argc, char **argv)
{
	bool recording = false;
	const struct option_row options[] = {
		{ "record", 'r', NULL, "record those that are known by now, "
		    "or only the one of this number", OPTION_FLAG,
		    &recording },
		{ 0 }
	};
	char **arguments, *end = NULL;
	int64_t number = 0;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count == 1)
		number = strtoll(arguments[0], &end, 10);
	if (count > 1 || (count == 1 && (number <= 0 || *end != '\0')))
		return options_refuse(context);
	struct database *database = database_open(context, DATABASE_READ);
	if (database == NULL)
		return COMMAND_FAILED;
	code = recording ? record(context, database, number) : number != 0 ?
	    show_one(context, database, number) :
	    list(database, context->json);
	database_close(database);
	return code;
}
