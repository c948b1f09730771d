/* agentlens-log show: prints one event, its delivery, its place in the
 * chain. */
#include <inttypes.h>
#include <stdio.h>

#include "agentlens-log/delivery.h"
#include "agentlens-log/terminal.h"
#include "base/json_line.h"
#include "reader/deliveries.h"
#include "reader/describe.h"
#include "reader/events.h"

struct shown_event {
	struct event_row row;
	struct session_place place;
	struct shown_delivery *delivery; /* or NULL */
	const char *delivery_json;       /* the same as JSON, or NULL */
};

/* --- For a person -------------------------------------------------------- */

/* Prints a JSON object, a member a line; a text that is no object as it is. */
static void
print_object(const char *label, const char *json)
{
	struct json_object *object = event_object(json);
	struct text value = TEXT_EMPTY;

	if (object == NULL) {
		delivery_print_pair(label, json);
		return;
	}
	delivery_print_label(label);
	printf("\n");
	json_object_object_foreach(object, key, member) {
		printf("  ");
		terminal_print(TERMINAL_PLAIN, key);
		printf(": ");
		text_truncate(&value, 0);
		if (json_is_string(member))
			text_puts(&value, json_object_get_string(member));
		else
			json_write(&value, member);
		terminal_print(TERMINAL_PLAIN, text_string(&value));
		printf("\n");
	}
	text_free(&value);
	json_object_put(object);
}

static void
print_event(const struct event_row *row)
{
	struct json_object *payload = event_object(row->columns.payload);
	struct json_object *metadata = event_object(row->columns.metadata);
	struct text text = TEXT_EMPTY;
	char reported[TIMESTAMP_SIZE];

	delivery_print_pair("event", row->columns.id);
	describe_add(&text, row, payload, -1);
	delivery_print_label("what");
	terminal_print(terminal_tone(describe_tone(row)), text_string(&text));
	printf("\n");
	delivery_print_pair("type", row->columns.event_type);
	text_truncate(&text, 0);
	text_puts(&text, row->columns.timestamp);
	if (json_get(metadata, "reportedTimestamp") != NULL &&
	    event_time(row, metadata) >= 0) {
		timestamp_format(event_time(row, metadata), reported);
		text_printf(&text, ", reported as %s", reported);
	}
	delivery_print_pair("time", text_string(&text));
	delivery_print_pair("session", row->columns.session_id);
	delivery_print_pair("agent", row->columns.agent_id);
	delivery_print_pair("tenant", row->tenant_id);
	delivery_print_pair("severity", row->columns.severity);
	print_object("payload", row->columns.payload);
	print_object("metadata", row->columns.metadata);
	text_free(&text);
	json_object_put(metadata);
	json_object_put(payload);
}

static void
print_place(const struct event_row *row, const struct session_place *place)
{
	printf("\n");
	delivery_print_label("chain");
	printf("%" PRId64 " of %" PRId64 " in its session\n", place->number,
	    place->count);
	delivery_print_remark("hash", row->hash,
	    place->hash_good ? TERMINAL_GOOD : TERMINAL_BAD,
	    place->hash_good ? "good" : "WRONG: the row was changed");
	delivery_print_remark("previous",
	    place->previous != NULL ? place->previous : "none",
	    place->linked ? TERMINAL_GOOD : TERMINAL_BAD,
	    place->linked ? "linked" : "BROKEN: its hash is not prevHash");
	if (row->columns.prev_hash != NULL)
		delivery_print_pair("prevHash", row->columns.prev_hash);
	if (place->next == NULL)
		delivery_print_pair("next", "none yet");
	else
		delivery_print_remark("next", place->next,
		    place->next_linked ? TERMINAL_GOOD : TERMINAL_BAD,
		    place->next_linked ? "linked" :
		    "BROKEN: its prevHash is not this hash");
}

static void
print(const struct context *context, const void *record)
{
	const struct shown_event *shown = record;

	print_event(&shown->row);
	print_place(&shown->row, &shown->place);
	printf("\n");
	if (shown->delivery != NULL)
		record_delivery.print(context, shown->delivery);
	else
		printf("No delivery brought it: it was not recorded by "
		    "agentlens-ingest, or has been changed.\n");
}

/* --- For a program ------------------------------------------------------- */

static const struct record_field place_fields[] = {
	RECORD_FIELD("position", RECORD_NUMBER, shown_event, place.number),
	RECORD_FIELD("sessionEvents", RECORD_NUMBER, shown_event,
	    place.count),
	RECORD_FIELD("previousId", RECORD_TEXT, shown_event, place.previous),
	RECORD_FIELD("nextId", RECORD_TEXT, shown_event, place.next),
	RECORD_FIELD("hashGood", RECORD_BOOL, shown_event, place.hash_good),
	RECORD_FIELD("linkGood", RECORD_BOOL, shown_event, place.linked),
	RECORD_FIELD("nextLinkGood", RECORD_BOOL, shown_event,
	    place.next_linked),
	RECORD_FIELD("delivery", RECORD_JSON, shown_event, delivery_json),
	{ 0 }
};

static const struct record_type record_shown = {
	.fields = record_event_fields,
	.more = place_fields,
	.print = print,
};

/* --- The command --------------------------------------------------------- */

static int
show(struct context *context, const struct event_row *row)
{
	struct shown_event shown = { .row = *row };
	struct shown_delivery delivery;
	struct delivery_row delivery_row;
	struct text json = TEXT_EMPTY;
	struct deliveries *deliveries = deliveries_open(context->database);
	int found = deliveries == NULL ? -1 :
	    deliveries_find(deliveries, row->columns.id, &delivery_row);

	if (found == 1) {
		delivery_show(&delivery, &delivery_row,
		    context_settings(context, false));
		record_add_json(&json, record_delivery.fields, &delivery);
		json_line_end(&json);
		shown.delivery = &delivery;
		shown.delivery_json = text_string(&json);
	}
	if (found >= 0 && session_place_find(context->database, row,
	    &shown.place) == 0)
		record_print(context, &record_shown, &shown);
	else
		found = -1;
	deliveries_close(deliveries);
	session_place_free(&shown.place);
	text_free(&json);
	return found >= 0 ? COMMAND_GOOD : COMMAND_FAILED;
}

/* Says that an event is not there, or was pruned.  Returns an exit code. */
static int
tell_missing(const struct context *context, const char *id)
{
	struct text time = TEXT_EMPTY, session = TEXT_EMPTY;
	enum found pruned = event_find_pruned(context->database, id, &time,
	    &session);

	if (pruned == FOUND_ONE)
		warn("event '%s' of session '%s' was pruned at %s", id,
		    text_string(&session), text_string(&time));
	else if (pruned == FOUND_NONE)
		warn("there is no event '%s'", id);
	text_free(&time);
	text_free(&session);
	return pruned == FOUND_FAILED ? COMMAND_FAILED : COMMAND_FAULT;
}

static int
run(struct context *context)
{
	const char *id = context->arguments[0];
	struct query *query = NULL;
	struct event_row row;
	int code = COMMAND_FAILED;

	switch (event_find(context->database, id, &query, &row)) {
	case FOUND_ONE:
		code = show(context, &row);
		break;
	case FOUND_NONE:
		code = tell_missing(context, id);
		break;
	case FOUND_SEVERAL:
		warn("several events have ids that begin with '%s'", id);
		code = COMMAND_FAULT;
		break;
	case FOUND_FAILED:
		break;
	}
	query_close(query);
	return code;
}

static const struct option_row options[] = { { 0 } };

const struct command command_show = {
	.name = "show",
	.usage = "ID",
	.help = "one event, its delivery, its place in the chain",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 1,
	.access = COMMAND_READS,
	.run = run,
};
