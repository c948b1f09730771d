/* export: the events, as JSON lines or CSV, in the order of writing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "database.h"
#include "evidence.h"
#include "output.h"

struct member {
	const char *name;
	const char *value;
};

#define MEMBERS 15

/* The columns as they are: texts, so that a round trip changes no byte. */
static void
list_members(const struct event_row *e, struct member members[MEMBERS])
{
	const struct member all[MEMBERS] = {
		{ "id", e->columns.id },
		{ "timestamp", e->columns.timestamp },
		{ "session_id", e->columns.session_id },
		{ "agent_id", e->columns.agent_id },
		{ "event_type", e->columns.event_type },
		{ "severity", e->columns.severity },
		{ "payload", e->columns.payload },
		{ "metadata", e->columns.metadata },
		{ "prev_hash", e->columns.prev_hash },
		{ "hash", e->hash },
		{ "tenant_id", e->tenant_id },
		{ "verified_agent_id", e->verified_agent_id },
		{ "pricing_version", e->pricing_version },
		{ "org_id", e->org_id },
		{ "project_id", e->project_id },
	};
	memcpy(members, all, sizeof(all));
}

static void
add_hex(struct text *line, const char *name, const unsigned char *bytes,
    size_t len)
{
	struct text hex = TEXT_EMPTY;
	char digits[3];

	for (size_t i = 0; bytes != NULL && i < len; i++) {
		snprintf(digits, sizeof(digits), "%02x", bytes[i]);
		text_puts(&hex, digits);
	}
	output_json_text(line, name, bytes == NULL ? NULL :
	    text_string(&hex));
	text_free(&hex);
}

/* What goes into the lines beside the walk. */
struct export {
	struct query *by_position; /* of ingest_pruned */
	struct query *by_delivery;
	bool deliveries;
	int64_t pruned; /* events */
};

#define PRUNED_ROW "SELECT pruned_at, delivery_id, delivery_leaf, position," \
	" event_id, tenant_id, session_id, prev_hash, hash, event_leaf" \
	" FROM ingest_pruned WHERE "

static void
add_column(struct text *line, struct query *query, int column)
{
	const char *name = query_name(query, column);
	const char *dot = strrchr(name, '_');
	size_t len;

	if (query_is_null(query, column)) {
		output_json_text(line, name, NULL);
	} else if (dot != NULL && strcmp(dot, "_leaf") == 0) {
		const unsigned char *bytes = query_bytes(query, column, &len);
		add_hex(line, name, bytes, len);
	} else if (query_is_text(query, column, &len)) {
		output_json_text(line, name, query_text(query, column));
	} else {
		output_json_number(line, name, query_number(query, column));
	}
}

/* The row of ingest_pruned that this number finds, if there is one.  Without
 * the deliveries it tells of the event only. */
static int
print_pruned(struct export *export, struct query *query, int64_t number)
{
	struct text line = TEXT_EMPTY;

	query_bind_number(query, 1, number);
	int step = query_step(query);
	if (step == 1) {
		output_json_text(&line, "table", "ingest_pruned");
		for (int i = 0; i < query_columns(query); i++)
			if (export->deliveries || (i != 1 && i != 2))
				add_column(&line, query, i);
		output_json_end(&line);
	}
	query_reset(query);
	return step < 0 ? -1 : 0;
}

static int
print_delivery(void *context, const struct delivery_row *d)
{
	struct export *export = context;
	struct text line = TEXT_EMPTY;

	output_json_text(&line, "table", "ingest_deliveries");
	output_json_number(&line, "id", d->id);
	output_json_number(&line, "sent_at", d->sent_at);
	add_hex(&line, "key", d->key, d->key_len);
	add_hex(&line, "idempotency_key", d->idempotency_key,
	    d->idempotency_key_len);
	output_json_text(&line, "event_id", d->event_id);
	output_json_text(&line, "reason", d->reason);
	output_json_text(&line, "source", d->source);
	output_json_text(&line, "received_at", d->received_at);
	output_json_text(&line, "remote_addr", d->remote_addr);
	output_json_text(&line, "signature", d->signature);
	add_hex(&line, "body", d->body, d->body_len);
	output_json_end(&line);
	return d->body_len > 0 ? 0 :
	    print_pruned(export, export->by_delivery, d->id);
}

static void
print_json(const struct event_row *event)
{
	struct member members[MEMBERS];
	struct text line = TEXT_EMPTY;

	list_members(event, members);
	output_json_text(&line, "table", "events");
	output_json_number(&line, "position", event->position);
	for (int i = 0; i < MEMBERS; i++)
		output_json_text(&line, members[i].name, members[i].value);
	output_json_end(&line);
}

/* RFC 4180: in quotes, and a quote twice. */
static void
print_csv(const struct event_row *event)
{
	struct member members[MEMBERS];

	list_members(event, members);
	for (int i = 0; i < MEMBERS; i++) {
		if (i > 0)
			putchar(',');
		if (members[i].value == NULL)
			continue;
		putchar('"');
		for (const char *c = members[i].value; *c != '\0'; c++) {
			if (*c == '"')
				putchar('"');
			putchar(*c);
		}
		putchar('"');
	}
	fputs("\r\n", stdout);
}

static void
print_csv_head(void)
{
	struct event_row nothing = { 0 };
	struct member members[MEMBERS];

	list_members(&nothing, members);
	for (int i = 0; i < MEMBERS; i++)
		printf("%s%s", i > 0 ? "," : "", members[i].name);
	fputs("\r\n", stdout);
}

static int
walk(struct export *export, struct database *database, bool csv)
{
	struct evidence *evidence = evidence_open(database,
	    &(struct evidence_options){ .on_delivery = export->deliveries ?
	    print_delivery : NULL, .context = export });
	struct entry entry;
	int step = -1;

	while (evidence != NULL &&
	    (step = evidence_next(evidence, &entry)) == 1) {
		export->pruned += entry.pruned;
		if (entry.pruned && csv)
			continue;
		if (entry.pruned && print_pruned(export, export->by_position,
		    entry.position) != 0)
			break;
		if (csv)
			print_csv(&entry.event);
		else if (!entry.pruned)
			print_json(&entry.event);
		if (ferror(stdout))
			break;
	}
	evidence_close(evidence);
	return step;
}

static int
export_all(struct database *database, bool deliveries, bool csv)
{
	struct export export = { .deliveries = deliveries };
	int step = -1;

	if (csv)
		print_csv_head();
	export.by_position = query_open(database, PRUNED_ROW "position = ?1");
	export.by_delivery = query_open(database, PRUNED_ROW
	    "delivery_id = ?1 AND position IS NULL");
	if (export.by_position != NULL && export.by_delivery != NULL)
		step = walk(&export, database, csv);
	query_close(export.by_position);
	query_close(export.by_delivery);
	if (csv && export.pruned > 0)
		complain("%" PRId64 " events were pruned and are not among "
		    "these", export.pruned);
	return step == 0 ? COMMAND_GOOD : COMMAND_FAILED;
}

int
export_run(struct context *context, int argc, char **argv)
{
	bool deliveries = false, csv = false;
	const struct option_row options[] = {
		{ "deliveries", 0, NULL, "also what was delivered, byte for "
		    "byte", OPTION_FLAG, &deliveries },
		{ "csv", 0, NULL, "CSV (RFC 4180) in place of JSON lines",
		    OPTION_FLAG, &csv },
		{ 0 }
	};
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0 || (csv && (deliveries || context->json)))
		return options_refuse(context);
	struct database *database = database_open(context, DATABASE_READ);
	code = database == NULL ? COMMAND_FAILED :
	    export_all(database, deliveries, csv);
	database_close(database);
	return code;
}
