#include "agentlens-log/record.h"

#include <stdio.h>

#include "agentlens-log/event_table.h"
#include "base/json_line.h"
#include "store/columns.h"

static void
add_field(struct text *out, const struct record_field *field,
    const void *member)
{
	const char *const *text = member;
	const int64_t *number = member;
	const struct column_bytes *bytes = member;

	switch (field->type) {
	case RECORD_TEXT:
		json_line_text(out, field->name, *text);
		break;
	case RECORD_CHARS:
		json_line_text(out, field->name, member);
		break;
	case RECORD_NUMBER:
		json_line_number(out, field->name, *number);
		break;
	case RECORD_OPTIONAL_NUMBER:
		if (*number == COLUMN_NO_NUMBER)
			json_line_raw(out, field->name, NULL);
		else
			json_line_number(out, field->name, *number);
		break;
	case RECORD_PRESENT_NUMBER:
		if (*number != COLUMN_NO_NUMBER)
			json_line_number(out, field->name, *number);
		break;
	case RECORD_BOOL:
		json_line_bool(out, field->name, *(const bool *)member);
		break;
	case RECORD_JSON:
		json_line_raw(out, field->name, *text);
		break;
	case RECORD_BYTES:
		json_line_bytes(out, field->name, bytes->data, bytes->len);
		break;
	}
}

void
record_add_json(struct text *out, const struct record_field *fields,
    const void *record)
{
	for (; fields->name != NULL; fields++)
		add_field(out, fields,
		    (const char *)record + fields->offset);
}

void
record_print(const struct context *context, const struct record_type *type,
    const void *record)
{
	struct text line = TEXT_EMPTY;

	if (!context->json) {
		type->print(context, record);
		return;
	}
	if (type->fields == NULL)
		return;
	record_add_json(&line, type->fields, record);
	if (type->more != NULL)
		record_add_json(&line, type->more, record);
	json_line_end(&line);
	text_puts(&line, "\n");
	fwrite(text_string(&line), 1, line.len, stdout);
	text_free(&line);
}

const struct record_field record_event_fields[] = {
	RECORD_FIELD("id", RECORD_TEXT, event_row, columns.id),
	RECORD_FIELD("timestamp", RECORD_TEXT, event_row, columns.timestamp),
	RECORD_FIELD("sessionId", RECORD_TEXT, event_row, columns.session_id),
	RECORD_FIELD("agentId", RECORD_TEXT, event_row, columns.agent_id),
	RECORD_FIELD("eventType", RECORD_TEXT, event_row, columns.event_type),
	RECORD_FIELD("severity", RECORD_TEXT, event_row, columns.severity),
	RECORD_FIELD("payload", RECORD_JSON, event_row, columns.payload),
	RECORD_FIELD("metadata", RECORD_JSON, event_row, columns.metadata),
	RECORD_FIELD("prevHash", RECORD_TEXT, event_row, columns.prev_hash),
	RECORD_FIELD("hash", RECORD_TEXT, event_row, hash),
	RECORD_FIELD("tenantId", RECORD_TEXT, event_row, tenant_id),
	{ 0 }
};

static void
print_event(const struct context *context, const void *record)
{
	(void)context;
	event_table_print(record);
}

const struct record_type record_event = {
	.fields = record_event_fields,
	.print = print_event,
};

static void
print_titles(const struct context *context, const void *record)
{
	(void)context;
	(void)record;
	event_table_print_titles();
}

const struct record_type record_event_titles = { .print = print_titles };

int
record_print_events(const struct context *context, struct query *query,
    const struct filter *filter, int64_t limit)
{
	struct event_row row;
	int step = query == NULL ? -1 : 0;
	int64_t printed = 0;

	while (query != NULL && (limit == 0 || printed < limit) &&
	    (step = filter_step(query, filter, &row)) == 1) {
		if (printed++ == 0)
			record_print(context, &record_event_titles, NULL);
		record_print(context, &record_event, &row);
	}
	query_close(query);
	return step < 0 ? COMMAND_FAILED : COMMAND_GOOD;
}
