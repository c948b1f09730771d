/* agentlens-log show: one event, its delivery, its place in the chain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "event.h"
#include "output.h"
#include "row.h"
#include "show.h"
#include "signing.h"
#include "story.h"
#include "words.h"

#define LABEL 12

/* Where an event stands among those of its session. */
struct place {
	int64_t number;
	int64_t count;
	char *previous; /* ids; NULL: none */
	char *next;
	bool hash_good;   /* it is that of the row */
	bool linked;      /* to the one before, or to nothing as the first */
	bool next_linked; /* the next one to it */
};

#define SESSION " FROM events WHERE tenant_id = ?1 AND session_id = ?2"

static const char count_sql[] = "SELECT count(*)" SESSION;
static const char number_sql[] = "SELECT count(*)" SESSION
    " AND (timestamp, id) <= (?3, ?4)";
static const char previous_sql[] = "SELECT id, hash" SESSION
    " AND (timestamp, id) < (?3, ?4)"
    " ORDER BY timestamp DESC, id DESC LIMIT 1";
static const char next_sql[] = "SELECT id, prev_hash" SESSION
    " AND (timestamp, id) > (?3, ?4) ORDER BY timestamp, id LIMIT 1";

static struct query *
ask(struct database *database, const char *sql, const struct row *row,
    bool with_place, int *step)
{
	struct query *query = query_open(database, sql);

	*step = -1;
	if (query == NULL)
		return NULL;
	query_bind_text(query, 1, row->tenant);
	query_bind_text(query, 2, row->session);
	if (with_place) {
		query_bind_text(query, 3, row->timestamp);
		query_bind_text(query, 4, row->id);
	}
	*step = query_step(query);
	return query;
}

static int
ask_number(struct database *database, const char *sql, const struct row *row,
    bool with_place, int64_t *number)
{
	int step;
	struct query *query = ask(database, sql, row, with_place, &step);

	*number = step == 1 ? query_number(query, 0) : 0;
	query_close(query);
	return step;
}

/* Its neighbour, and whether the hash there is `hash`; without one, whether
 * `hash` is NULL. */
static int
ask_neighbour(struct database *database, const char *sql,
    const struct row *row, const char *hash, char **id, bool *same)
{
	int step;
	struct query *query = ask(database, sql, row, true, &step);

	if (step == 1) {
		const char *theirs = query_text(query, 1);
		*id = query_is_null(query, 0) ? NULL :
		    strdup(query_text(query, 0));
		*same = hash != NULL && theirs != NULL &&
		    strcmp(theirs, hash) == 0;
	} else {
		*same = hash == NULL;
	}
	query_close(query);
	return step;
}

static bool
is_hash_good(const struct row *row)
{
	const struct event_columns columns = {
		.id = row->id,
		.timestamp = row->timestamp,
		.session_id = row->session,
		.agent_id = row->agent,
		.event_type = row->type,
		.severity = row->severity,
		.payload = row->payload,
		.metadata = row->metadata,
		.prev_hash = row->prev_hash,
	};
	char hash[SIGNATURE_HEX_SIZE];

	return event_hash(&columns, hash) == 0 && strcmp(hash, row->hash) == 0;
}

static int
find_place(struct database *database, const struct row *row,
    struct place *place)
{
	place->hash_good = is_hash_good(row);
	if (ask_number(database, count_sql, row, false, &place->count) < 0 ||
	    ask_number(database, number_sql, row, true, &place->number) < 0 ||
	    ask_neighbour(database, previous_sql, row, row->prev_hash,
	    &place->previous, &place->linked) < 0 ||
	    ask_neighbour(database, next_sql, row, row->hash, &place->next,
	    &place->next_linked) < 0)
		return -1;
	return 0;
}

/* --- For a person -------------------------------------------------------- */

static void
print_label(const char *label)
{
	printf("%s%-*s%s", output_begin(OUTPUT_BOLD), LABEL, label,
	    output_end());
}

static void
print_pair(const char *label, const char *value)
{
	print_label(label);
	output_print(OUTPUT_PLAIN, value);
	printf("\n");
}

/* A value and a remark on it. */
static void
print_remark(const char *label, const char *value, enum output_style style,
    const char *remark)
{
	print_label(label);
	output_print(OUTPUT_PLAIN, value);
	printf("  ");
	output_print(style, remark);
	printf("\n");
}

/* An object, a member a line; what is none, as it is. */
static void
print_object(const char *label, const char *json)
{
	struct json_object *object = row_object(json);
	struct text value = TEXT_EMPTY;

	if (object == NULL) {
		print_pair(label, json);
		return;
	}
	print_label(label);
	printf("\n");
	json_object_object_foreach(object, key, member) {
		printf("  ");
		output_print(OUTPUT_PLAIN, key);
		printf(": ");
		value.len = 0;
		if (json_is_string(member))
			text_puts(&value, json_object_get_string(member));
		else
			json_write(&value, member);
		output_print(OUTPUT_PLAIN, text_string(&value));
		printf("\n");
	}
	text_free(&value);
	json_object_put(object);
}

static void
print_event(const struct row *row)
{
	struct json_object *payload = row_object(row->payload);
	struct json_object *metadata = row_object(row->metadata);
	struct text text = TEXT_EMPTY;
	char reported[TIMESTAMP_SIZE];

	print_pair("event", row->id);
	story_add(&text, row, payload, -1);
	print_label("what");
	output_print(story_style(row), text_string(&text));
	printf("\n");
	print_pair("type", row->type);
	text.len = 0;
	text_puts(&text, row->timestamp);
	if (json_get(metadata, "reportedTimestamp") != NULL &&
	    row_time(row, metadata) >= 0) {
		timestamp_format(row_time(row, metadata), reported);
		words_add(&text, ", reported as %s", reported);
	}
	print_pair("time", text_string(&text));
	print_pair("session", row->session);
	print_pair("agent", row->agent);
	print_pair("tenant", row->tenant);
	print_pair("severity", row->severity);
	print_object("payload", row->payload);
	print_object("metadata", row->metadata);
	text_free(&text);
	json_object_put(metadata);
	json_object_put(payload);
}

static void
print_place(const struct row *row, const struct place *place)
{
	printf("\n");
	print_label("chain");
	printf("%" PRId64 " of %" PRId64 " in its session\n", place->number,
	    place->count);
	print_remark("hash", row->hash, place->hash_good ? OUTPUT_GOOD :
	    OUTPUT_BAD, place->hash_good ? "good" :
	    "WRONG: the row was changed");
	print_remark("previous", place->previous != NULL ? place->previous :
	    "none", place->linked ? OUTPUT_GOOD : OUTPUT_BAD,
	    place->linked ? "linked" : "BROKEN: its hash is not prevHash");
	if (row->prev_hash != NULL)
		print_pair("prevHash", row->prev_hash);
	if (place->next == NULL)
		print_pair("next", "none yet");
	else
		print_remark("next", place->next, place->next_linked ?
		    OUTPUT_GOOD : OUTPUT_BAD, place->next_linked ? "linked" :
		    "BROKEN: its prevHash is not this hash");
}

/* Lines as they came; a NUL ends one too. */
static void
print_body(const char *body, size_t len)
{
	while (len > 0) {
		size_t line = 0;
		while (line < len && body[line] != '\n' && body[line] != '\0')
			line++;
		char *copy = strndup(body, line);
		printf("  ");
		if (copy != NULL)
			output_print(OUTPUT_PLAIN, copy);
		printf("\n");
		free(copy);
		line += line < len;
		body += line;
		len -= line;
	}
}

void
show_delivery(const struct delivery_row *delivery,
    const struct settings *settings)
{
	enum signing_state state = signing_check(settings, delivery->source,
	    delivery->signature, delivery->body, delivery->body_len);

	print_label("delivery");
	printf("%" PRId64 "\n", delivery->number);
	print_pair("source", delivery->source);
	print_pair("received", delivery->received_at);
	print_pair("from", delivery->remote_addr == NULL ? "unknown" :
	    delivery->remote_addr);
	if (delivery->reason != NULL)
		print_pair("refused", delivery->reason);
	if (delivery->body_len == 0)
		state = SIGNING_NO_SECRET;
	if (delivery->signature == NULL)
		print_pair("signature", "none");
	else
		print_remark("signature", delivery->signature,
		    state == SIGNING_GOOD ? OUTPUT_GOOD :
		    state == SIGNING_WRONG ? OUTPUT_BAD : OUTPUT_DIM,
		    delivery->body_len == 0 ?
		    "cannot be checked without the body" :
		    signing_words[state]);
	print_label("body");
	if (delivery->body_len == 0)
		printf("pruned\n");
	else
		printf("%zu bytes\n", delivery->body_len);
	print_body(delivery->body, delivery->body_len);
}

/* --- For a program ------------------------------------------------------- */

void
show_add_json(struct text *out, const struct delivery_row *delivery,
    const struct settings *settings)
{
	static const char *const states[] = { "unsigned", "unchecked", "good",
		"wrong" };
	enum signing_state state = delivery->body_len == 0 ?
	    SIGNING_NO_SECRET : signing_check(settings, delivery->source,
	    delivery->signature, delivery->body, delivery->body_len);
	struct text body = TEXT_EMPTY;

	text_add(&body, delivery->body, delivery->body_len);
	output_json_number(out, "delivery", delivery->number);
	output_json_text(out, "source", delivery->source);
	output_json_text(out, "receivedAt", delivery->received_at);
	output_json_text(out, "remoteAddr", delivery->remote_addr);
	output_json_text(out, "reason", delivery->reason);
	output_json_text(out, "signature", delivery->signature);
	output_json_text(out, "signatureState", states[state]);
	output_json_text(out, "body", delivery->body_len == 0 ? NULL :
	    text_string(&body));
	text_free(&body);
}

static void
print_json(const struct row *row, const struct place *place,
    const struct delivery_row *delivery, const struct settings *settings)
{
	struct text line = TEXT_EMPTY, inner = TEXT_EMPTY;

	row_add_json(&line, row);
	output_json_number(&line, "position", place->number);
	output_json_number(&line, "sessionEvents", place->count);
	output_json_text(&line, "previousId", place->previous);
	output_json_text(&line, "nextId", place->next);
	output_json_bool(&line, "hashGood", place->hash_good);
	output_json_bool(&line, "linkGood", place->linked);
	output_json_bool(&line, "nextLinkGood", place->next == NULL ||
	    place->next_linked);
	if (delivery != NULL) {
		show_add_json(&inner, delivery, settings);
		text_puts(&inner, "}");
	}
	output_json_raw(&line, "delivery", delivery == NULL ? NULL :
	    text_string(&inner));
	output_json_end(&line);
	text_free(&inner);
}

/* --- The command --------------------------------------------------------- */

static int
show(struct context *context, struct database *database,
    const struct row *row)
{
	struct place place = { 0 };
	struct delivery_row delivery;
	struct receipts *receipts = receipts_open(database);
	int found = receipts == NULL ? -1 :
	    receipts_find(receipts, row->id, &delivery);
	const struct settings *settings = context_settings(context, false);

	if (found >= 0 && find_place(database, row, &place) != 0)
		found = -1;
	if (found >= 0 && context->json) {
		print_json(row, &place, found == 1 ? &delivery : NULL,
		    settings);
	} else if (found >= 0) {
		print_event(row);
		print_place(row, &place);
		printf("\n");
		if (found == 1)
			show_delivery(&delivery, settings);
		else
			printf("No delivery brought it: it was not recorded "
			    "by agentlens-ingest, or has been changed.\n");
	}
	receipts_close(receipts);
	free(place.previous);
	free(place.next);
	return found >= 0 ? COMMAND_GOOD : COMMAND_FAILED;
}

/* Whether the event was there once.  Returns 1, 0, or -1 having said why. */
static int
was_pruned(struct database *database, const char *id)
{
	struct query *query = query_open(database, "SELECT pruned_at,"
	    " session_id FROM ingest_pruned WHERE event_id = ?1");
	int step;

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, id);
	step = query_step(query);
	if (step == 1)
		complain("event '%s' of session '%s' was pruned at %s", id,
		    query_text(query, 1), query_text(query, 0));
	query_close(query);
	return step;
}

/* One that is not there: 0, or of which there are several: 2. */
static int
tell_missing(struct database *database, const char *id, int found)
{
	int pruned = found == 0 ? was_pruned(database, id) : 1;

	if (pruned == 0)
		complain("there is no event '%s'", id);
	return pruned < 0 ? COMMAND_FAILED : COMMAND_FAULT;
}

int
show_run(struct context *context, int argc, char **argv)
{
	const struct option_row options[] = { { 0 } };
	struct row row;
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count != 1)
		return options_refuse(context);
	struct database *database = database_open(context, DATABASE_READ);
	if (database == NULL)
		return COMMAND_FAILED;

	struct query *query = NULL;
	code = row_find(database, arguments[0], &query, &row);
	if (code == 1)
		code = show(context, database, &row);
	else
		code = code < 0 ? COMMAND_FAILED :
		    tell_missing(database, arguments[0], code);
	query_close(query);
	database_close(database);
	return code;
}
