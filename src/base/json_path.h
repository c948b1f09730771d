/* Values deep inside JSON, by a path of names. */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include <stddef.h>

#include "base/json.h"

/* Bytes of one name in a path, and its NUL. */
#define JSON_PATH_NAME_SIZE 128

/*
 * The value at a path of `len` bytes: names joined by dots, the outermost
 * first.  "[]" behind a name means the only element of the array there, and
 * nothing when it has none or several; a name that is a number means that
 * element of an array, counted from 0.  Returns NULL when there is no such
 * value or it is null.  Borrowed.
 */
struct json_object *json_path_find(struct json_object *value,
    const char *path, size_t len);

/*
 * Appends a value as a piece of plain text: a string as it is, a number or a
 * boolean as JSON writes it.  Returns whether there was something to append;
 * objects, arrays, null and "" are nothing.
 */
bool json_path_add_text(struct text *out, struct json_object *value);

#endif
