/* Who signed a body: found out from its bytes and the headers, before anything
 * in it is read.  It does not know what is done with the answer. */
#ifndef SIGNER_H
#define SIGNER_H

#include <stdbool.h>

#include "agentlens-ingest/request.h"
#include "settings.h"
#include "webhook/scheme.h"

struct signer {
	struct settings_source source; /* whose secrets were tried */
	struct scheme_result result;
};

/*
 * Checks a body with the secrets of signer->source.  Without a secret the
 * verdict is SCHEME_MISSING.  Fills in signer->result, whose verdict is
 * returned.
 */
enum scheme_verdict signer_check(struct signer *signer,
    const struct request *request, const struct text *body);

/*
 * Tries the secrets of all sources without a path, those first whose product
 * header is there.  Returns whether one signed, which is then the signer;
 * *failed tells that one may have, but libgcrypt could not compute it.
 */
bool signer_find(struct signer *signer, const struct settings *settings,
    const struct request *request, const struct text *body, bool *failed);

/* The first header field of the request in which some source would sign; NULL
 * when there is none.  For the log. */
const char *signer_seen_header(const struct request *request);

#endif
