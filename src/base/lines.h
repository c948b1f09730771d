/* Reads texts that begin with a title line and go on with lines of the form
 * "name: value".  It knows no titles and no names. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The part of such a text that is still to be read.  The text is cut into C
 * strings in place. */
struct lines {
	char *at;
	char *end;
	bool failed; /* the text has another form, or ends too early */
};

/* Begins to read a text, which must outlive the lines.  They have failed when
 * its title is another. */
void lines_begin(struct lines *lines, struct text *text, const char *title);

/* Takes the next line; name and value are borrowed from the text.  Returns
 * false at the end, and when the line has another form: then the lines have
 * failed. */
bool lines_next(struct lines *lines, const char **name, const char **value);

/* The value of the next line, which must have this name, borrowed from the
 * text.  Returns NULL when it has not; then the lines have failed. */
const char *lines_take(struct lines *lines, const char *name);

/* Reads a decimal number of at most 18 digits.  Returns whether it is one. */
bool lines_number(const char *text, uint64_t *number);

#endif
