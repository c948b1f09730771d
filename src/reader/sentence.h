/* Sentences with places for values in them. */
#ifndef SENTENCE_H
#define SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Bytes of one value in a sentence. */
#define SENTENCE_VALUE_MAX 240

/* Appends the value of this name, which is of `len` bytes, as it is to be
 * read.  Returns false when there is nothing. */
typedef bool sentence_value_fn(const void *context, const char *name,
    size_t len, struct text *out);

/*
 * Appends a sentence.  {name} is a value; of {name|other} the first that is
 * there.  What stands in brackets is left out when a value in it is missing; a
 * missing value elsewhere is a question mark.
 */
void sentence_add(struct text *out, const char *sentence,
    sentence_value_fn *value, const void *context);

/* Appends the first `len` bytes of a string, at most SENTENCE_VALUE_MAX of
 * them, cut between characters. */
void sentence_add_cut(struct text *out, const char *bytes, size_t len);

#endif
