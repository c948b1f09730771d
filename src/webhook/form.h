/* Bodies that are forms: application/x-www-form-urlencoded (WHATWG URL
 * standard, section 5.1). */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Whether a body is a form and no JSON object.  The bytes tell, since they are
 * what the signature covers and the content type is not.
 */
bool form_is_one(const char *body, size_t len);

/* Appends the decoded value of a form's first field of this name.  Returns
 * false when it has none or a percent sign is not followed by two digits. */
bool form_add_field(struct text *out, const char *body, size_t len,
    const char *name);

/* Appends a form as the text of a JSON object, each field a string; of fields
 * of one name JSON's readers take the last.  Whoever reads that text finds
 * out whether it is UTF-8.  Returns false as form_add_field() does. */
bool form_write_json(struct text *out, const char *body, size_t len);

#endif
