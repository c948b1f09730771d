/* Events as lines: of list, and of tail. */
#ifndef LISTING_H
#define LISTING_H

#include "row.h"
#include "text.h"

/* Appends the titles of the columns, when standard output is a terminal. */
void listing_add_titles(struct text *out);

/* Appends a line, as wide as the terminal at most. */
void listing_add(struct text *out, const struct row *row);

/* Prints a line: JSON, or columns. */
void listing_print(const struct row *row, bool json);

#endif
