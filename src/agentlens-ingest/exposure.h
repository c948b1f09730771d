/* Whether the web server would hand out the database or the settings file to
 * anybody who asks.  It only compares paths. */
#ifndef EXPOSURE_H
#define EXPOSURE_H

#include "agentlens-ingest/request.h"
#include "settings.h"
#include "webhook/refusal.h"

/* Refuses a request while the database or the settings file lies inside the
 * document root that the request names.  Returns REFUSAL_NONE; or
 * REFUSAL_EXPOSED, logged, with `refusal` set. */
enum refusal_code exposure_check(const struct request *request,
    const struct settings *settings, struct refusal *refusal);

#endif
