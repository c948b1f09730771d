/* The table of senders as text, for the manual and for --print-mapping. */
#ifndef SOURCE_PRINT_H
#define SOURCE_PRINT_H

#include "base/text.h"
#include "webhook/source.h"

/* Appends a Markdown table of the rows that have a path, a row a line, and
 * below it what each keeps of its bodies. */
void source_print(struct text *out);

/* Appends one row of it, as of a sender of one's own. */
void source_print_row(struct text *out, const struct source *source);

#endif
