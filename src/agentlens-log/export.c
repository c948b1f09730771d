/* agentlens-log export: prints all events as JSON lines or CSV, in the order in
 * which they were written. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/json_line.h"
#include "reader/entries.h"
#include "reader/events.h"
#include "store/columns.h"

static struct {
	bool deliveries;
	bool csv;
	struct filter filter;
} given;

static const struct option_row options[] = {
	{ "deliveries", 0, NULL, "also what was delivered, byte for byte",
	    OPTION_FLAG, &given.deliveries },
	{ "csv", 0, NULL, "CSV (RFC 4180) in place of JSON lines",
	    OPTION_FLAG, &given.csv },
	CONTENT_OPTIONS(&given.filter),
	{ 0 }
};

struct export {
	struct query *by_position; /* a row of ingest_pruned */
	struct query *by_delivery; /* the same */
	int64_t pruned;            /* events */
};

/* --- JSON lines ---------------------------------------------------------- */

/* Adds a column.  JSON in it stays a text, so that an import changes no
 * byte. */
static void
add_column(struct text *line, const struct column *column, const void *member)
{
	const char *name = columns_export_name(column);
	const struct column_bytes *bytes = member;
	const int64_t *number = member;

	switch (column->type) {
	case COLUMN_TEXT:
		json_line_text(line, name, *(const char *const *)member);
		break;
	case COLUMN_NUMBER:
	case COLUMN_OPTIONAL_NUMBER:
		if (*number == COLUMN_NO_NUMBER)
			json_line_text(line, name, NULL);
		else
			json_line_number(line, name, *number);
		break;
	case COLUMN_BYTES:
		json_line_bytes(line, name, bytes->data, bytes->len);
		break;
	}
}

/* Prints a row.  What ingest_pruned has of deliveries is left out where these
 * are not exported. */
static void
print_row(enum table_id which, const void *row)
{
	const struct table *table = &columns_tables[which];
	struct text line = TEXT_EMPTY;

	json_line_text(&line, "table", table->name);
	for (int i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		if (which != TABLE_PRUNED || given.deliveries ||
		    strncmp(column->name, "delivery_", 9) != 0)
			add_column(&line, column,
			    (const char *)row + column->offset);
	}
	json_line_end(&line);
	text_puts(&line, "\n");
	fwrite(text_string(&line), 1, line.len, stdout);
	text_free(&line);
}

/* Prints the row of ingest_pruned with this number, if there is one. */
static int
print_pruned(struct query *query, int64_t number)
{
	struct pruned_row row;

	query_bind_number(query, 1, number);
	int step = query_step(query);
	if (step == 1) {
		pruned_row_read(&row, query);
		print_row(TABLE_PRUNED, &row);
	}
	query_reset(query);
	return step < 0 ? -1 : 0;
}

static int
print_delivery(void *context, const struct delivery_row *delivery)
{
	struct export *export = context;

	print_row(TABLE_DELIVERIES, delivery);
	return delivery->body.len > 0 ? 0 :
	    print_pruned(export->by_delivery, delivery->id);
}

/* --- CSV (RFC 4180) ------------------------------------------------------ */

/* Prints a cell in quotes, each quote in it twice.  One that begins as a formula
 * does in a spreadsheet gets an apostrophe in front, so that opening the file
 * computes nothing that a sender wrote (OWASP, "CSV Injection"). */
static void
print_cell(const char *value)
{
	putchar('"');
	if (*value != '\0' && strchr("=+-@\t\r", *value) != NULL)
		putchar('\'');
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '"')
			putchar('"');
		putchar(*c);
	}
	putchar('"');
}

/* Prints the texts of an event; when it is NULL, their names. */
static void
print_csv(const struct event_row *event)
{
	const struct table *table = &columns_tables[TABLE_EVENTS];
	bool first = true;

	for (int i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		const char *value = column->name;
		if (column->type != COLUMN_TEXT)
			continue;
		if (!first)
			putchar(',');
		first = false;
		if (event == NULL) {
			fputs(value, stdout);
			continue;
		}
		memcpy(&value, (const char *)event + column->offset,
		    sizeof(value));
		if (value != NULL)
			print_cell(value);
	}
	fputs("\r\n", stdout);
}

/* --- The command --------------------------------------------------------- */

static int
print_entry(struct export *export, const struct entry *entry)
{
	if (filter_has_content(&given.filter) && (entry->pruned ||
	    !filter_fits_content(&given.filter, &entry->event)))
		return 0;
	export->pruned += entry->pruned;
	if (given.csv && !entry->pruned)
		print_csv(&entry->event);
	else if (!given.csv && entry->pruned)
		return print_pruned(export->by_position, entry->position);
	else if (!given.csv)
		print_row(TABLE_EVENTS, &entry->event);
	return ferror(stdout) ? -1 : 0;
}

static int
walk(struct export *export, struct database *database)
{
	struct entries *entries = entries_open(database,
	    &(struct entries_options){ .on_delivery = given.deliveries ?
	    print_delivery : NULL, .context = export });
	struct entry entry;
	int step = -1;

	while (entries != NULL && (step = entries_next(entries, &entry)) == 1)
		if (print_entry(export, &entry) != 0)
			break;
	entries_close(entries);
	return step;
}

static int
prepare(struct context *context)
{
	return (given.csv && (given.deliveries || context->json)) ||
	    (given.deliveries && filter_has_content(&given.filter)) ?
	    options_refuse(context) : -1;
}

static int
run(struct context *context)
{
	struct export export = {
		.by_position = query_open(context->database,
		    PRUNED_BY_POSITION),
		.by_delivery = query_open(context->database,
		    PRUNED_BY_DELIVERY),
	};
	int step = -1;

	if (given.csv)
		print_csv(NULL);
	if (export.by_position != NULL && export.by_delivery != NULL)
		step = walk(&export, context->database);
	query_close(export.by_position);
	query_close(export.by_delivery);
	if (given.csv && export.pruned > 0)
		warn("%" PRId64 " events were pruned and are not among these",
		    export.pruned);
	return step == 0 ? COMMAND_GOOD : COMMAND_FAILED;
}

const struct command command_export = {
	.name = "export",
	.usage = "",
	.help = "all events, as JSON lines or CSV",
	.options = options,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
