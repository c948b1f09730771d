/* What the payload of a sender's event keeps of the body: all that its row
 * names, in the nesting and order of the body, as long as there is room. */
#ifndef KEEP_H
#define KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

/*
 * Takes out of a body, which is an object, all that the paths of `keep` do not
 * name (NULL names all), and all members whose names are in `drop` (NULL: none
 * are); source_keep.h says how both are read.  Objects and arrays of which
 * nothing is left go too.  Returns 0, or -1 when memory runs out.
 */
int keep_prune(struct json_object *body, const char *const *keep,
    const char *const *drop);

/*
 * Takes further values out of an object until its JSON and the list of what
 * was taken out have together at most `max` bytes: values that are long first,
 * the longest of them first, then whole arrays and objects.  *omitted becomes
 * a new array of the paths taken out, "commits.3.message", or NULL when
 * everything fits; the path of all that there was is "*".  Returns 0, or -1
 * when memory runs out.
 */
int keep_shorten(struct json_object *object, size_t max,
    struct json_object **omitted);

#endif
