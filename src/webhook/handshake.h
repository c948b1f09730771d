/* Deliveries that only ask whether somebody is there, before a sender sends
 * events.  The functions are of the column `handshake`; see source.h. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "base/json.h"

/* Slack's url_verification: the challenge comes back. */
bool handshake_slack(struct json_object *body, const char *secret,
    struct text *answer);

/* Zoom's endpoint.url_validation: the token and its HMAC-SHA-256. */
bool handshake_zoom(struct json_object *body, const char *secret,
    struct text *answer);

#endif
