/* Prints records: for a person or, with --json, as lines of JSON. */
#ifndef AGENTLENS_LOG_RECORD_H
#define AGENTLENS_LOG_RECORD_H

#include <stddef.h>

#include "agentlens-log/command.h"

enum record_class {
	RECORD_TEXT,            /* a const char *; NULL is printed as null */
	RECORD_CHARS,           /* an array of char */
	RECORD_NUMBER,          /* an int64_t */
	RECORD_OPTIONAL_NUMBER, /* the same; COLUMN_NO_NUMBER is null */
	RECORD_PRESENT_NUMBER,  /* the same; COLUMN_NO_NUMBER is left out */
	RECORD_BOOL,            /* a bool */
	RECORD_JSON,            /* a const char * of JSON; NULL is null */
	RECORD_BYTES            /* a struct column_bytes, in hexadecimal */
};

/* A member of the line of JSON, and where it is in the struct of the record. */
struct record_field {
	const char *name;
	enum record_class type;
	size_t offset;
};

#define RECORD_FIELD(name, type, structure, member) \
	{ name, type, offsetof(struct structure, member) }

struct record_type {
	/* Both are closed by one without a name.  Without `fields` a record is
	 * printed for a person only. */
	const struct record_field *fields;
	const struct record_field *more; /* those that follow, or NULL */

	/* Prints the record for a person. */
	void (*print)(const struct context *context, const void *record);
};

/* Prints a record of this type, as --json says. */
void record_print(const struct context *context,
    const struct record_type *type, const void *record);

/* Appends the members to a JSON object that json_line_end() closes. */
void record_add_json(struct text *out, const struct record_field *fields,
    const void *record);

/* The members of an event, for records that begin with a struct event_row. */
extern const struct record_field record_event_fields[];

/* A struct event_row: a line of event_table, or JSON with the names of
 * AgentLens's API. */
extern const struct record_type record_event;

/* The titles of event_table.  The record is NULL. */
extern const struct record_type record_event_titles;

/* Prints the events of a query of filter_open(), at most `limit` of them, 0 for
 * all, with titles above them when there are any; closes the query, which may
 * be NULL for one that failed.  Returns an exit code. */
int record_print_events(const struct context *context, struct query *query,
    const struct filter *filter, int64_t limit);

#endif
