/* What an event of a third-party sender says, in a sentence: who did what, to
 * which object. */
#ifndef DESCRIBE_SENDER_H
#define DESCRIBE_SENDER_H

#include "base/json.h"
#include "base/text.h"

/*
 * Appends a sentence about the payload of a source's event of type custom:
 * "octo-user merged pull request 7 of octo/hello into main".  Returns false,
 * and appends nothing, when there are no sentences for this source, or the
 * payload is none of its events'.  The words of the sender are in it as they
 * came, so print it as safe text only.
 */
bool describe_sender_add(struct text *out, const char *source,
    struct json_object *payload);

#endif
