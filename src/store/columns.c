#include "store/columns.h"

#include <string.h>

#include "store/database.h"

#define EVENT_COLUMN(separator, number, column, member, class, nullable) \
	{ #column, class, nullable, offsetof(struct event_row, member) },
#define DELIVERY_COLUMN(separator, number, column, member, class, nullable) \
	{ #column, class, nullable, offsetof(struct delivery_row, member) },
#define PRUNED_COLUMN(separator, number, column, member, class, nullable) \
	{ #column, class, nullable, offsetof(struct pruned_row, member) },

static const struct column events[] = { COLUMNS_EVENTS(EVENT_COLUMN) };
static const struct column deliveries[] = {
	COLUMNS_DELIVERIES(DELIVERY_COLUMN) };
static const struct column pruned[] = { COLUMNS_PRUNED(PRUNED_COLUMN) };

#define COUNT(columns) ((int)(sizeof(columns) / sizeof((columns)[0])))

const struct table columns_tables[TABLES] = {
	[TABLE_EVENTS] = { "events", events, COUNT(events) },
	[TABLE_DELIVERIES] = { "ingest_deliveries", deliveries,
	    COUNT(deliveries) },
	[TABLE_PRUNED] = { "ingest_pruned", pruned, COUNT(pruned) },
};

const char *
columns_export_name(const struct column *column)
{
	return strcmp(column->name, "rowid") == 0 ? "position" : column->name;
}

/* Reads a text.  Returns whether it is one, without a NUL inside. */
static bool
read_text(struct query *query, int column, bool nullable, const char **text)
{
	size_t len;
	/* Asked first, since reading a value as text converts it. */
	bool is_text = query_is_text(query, column, &len);

	*text = query_text(query, column);
	if (*text == NULL) {
		*text = nullable ? NULL : "";
		return nullable;
	}
	return is_text && strlen(*text) == len;
}

static bool
read_column(const struct column *column, struct query *query, int index,
    void *member)
{
	struct column_bytes *bytes = member;
	int64_t *number = member;

	switch (column->type) {
	case COLUMN_TEXT:
		return read_text(query, index, column->nullable, member);
	case COLUMN_NUMBER:
		*number = query_number(query, index);
		break;
	case COLUMN_OPTIONAL_NUMBER:
		*number = query_is_null(query, index) ? COLUMN_NO_NUMBER :
		    query_number(query, index);
		break;
	case COLUMN_BYTES:
		bytes->data = query_bytes(query, index, &bytes->len);
		break;
	}
	return true;
}

const char *
columns_read(enum table_id which, struct query *query, void *row)
{
	const struct table *table = &columns_tables[which];
	const char *odd = NULL;

	for (int i = 0; i < table->count; i++)
		if (!read_column(&table->columns[i], query, i,
		    (char *)row + table->columns[i].offset))
			odd = table->columns[i].name;
	return odd;
}

void
event_row_read(struct event_row *row, struct query *query)
{
	row->odd = columns_read(TABLE_EVENTS, query, row);
	/* AgentLens wrote events before it had projects. */
	if (row->project_id == NULL)
		row->project_id = row->tenant_id;
}

void
delivery_row_read(struct delivery_row *row, struct query *query)
{
	row->odd = columns_read(TABLE_DELIVERIES, query, row);
}

void
pruned_row_read(struct pruned_row *row, struct query *query)
{
	row->odd = columns_read(TABLE_PRUNED, query, row);
}

static void
bind_column(const struct column *column, struct query *query, int parameter,
    const void *member)
{
	const struct column_bytes *bytes = member;
	const int64_t *number = member;
	const char *const *text = member;

	switch (column->type) {
	case COLUMN_TEXT:
		query_bind_text(query, parameter, *text);
		break;
	case COLUMN_NUMBER:
		query_bind_number(query, parameter, *number);
		break;
	case COLUMN_OPTIONAL_NUMBER:
		if (*number != COLUMN_NO_NUMBER)
			query_bind_number(query, parameter, *number);
		break;
	case COLUMN_BYTES:
		query_bind_bytes(query, parameter, bytes->data, bytes->len);
		break;
	}
}

void
columns_bind(enum table_id which, struct query *query, const void *row)
{
	const struct table *table = &columns_tables[which];

	for (int i = 0; i < table->count; i++)
		bind_column(&table->columns[i], query, i + 1,
		    (const char *)row + table->columns[i].offset);
}

/* The pointer in a member of a row, and how many bytes it points to; NULL for a
 * member that is a number. */
static const void **
pointer_of(const struct column *column, void *row, size_t *len)
{
	void *member = (char *)row + column->offset;
	const char **text = member;
	struct column_bytes *bytes = member;

	switch (column->type) {
	case COLUMN_TEXT:
		*len = *text == NULL ? 0 : strlen(*text);
		return (const void **)text;
	case COLUMN_BYTES:
		*len = bytes->len;
		return (const void **)&bytes->data;
	default:
		return NULL;
	}
}

size_t
columns_size(enum table_id which, const void *row)
{
	size_t size = 0, len;

	for (int i = 0; i < columns_tables[which].count; i++) {
		const void **pointer = pointer_of(
		    &columns_tables[which].columns[i], (void *)row, &len);
		if (pointer != NULL && *pointer != NULL)
			size += len + 1;
	}
	return size;
}

char *
columns_copy(enum table_id which, void *row, char *at)
{
	size_t len;

	for (int i = 0; i < columns_tables[which].count; i++) {
		const void **pointer =
		    pointer_of(&columns_tables[which].columns[i], row, &len);
		if (pointer == NULL || *pointer == NULL)
			continue;
		memcpy(at, *pointer, len);
		at[len] = '\0';
		*pointer = at;
		at += len + 1;
	}
	return at;
}
