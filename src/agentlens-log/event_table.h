/* Writes events as lines of a table. */
#ifndef EVENT_TABLE_H
#define EVENT_TABLE_H

#include "base/text.h"
#include "store/columns.h"

/* Appends the titles, when standard output is a terminal; and the line of an
 * event. */
void event_table_add_titles(struct text *out);
void event_table_add(struct text *out, const struct event_row *event);

/* Print the same. */
void event_table_print_titles(void);
void event_table_print(const struct event_row *event);

#endif
