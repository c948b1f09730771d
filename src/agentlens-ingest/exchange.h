/* One request on its way to its answer: what the files of the steps share.  No
 * other file includes it. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "agentlens-ingest/ingest.h"
#include "agentlens-ingest/reply.h"
#include "agentlens-ingest/request.h"
#include "agentlens-ingest/signer.h"
#include "base/json.h"
#include "store/committer.h"
#include "webhook/delivery.h"

struct exchange {
	const struct ingest *ingest;
	const struct settings *settings; /* until it is answered; or NULL */
	struct request *request;
	struct reply reply;
	struct text response; /* has room for any from the beginning */

	struct text body;
	bool admitted;
	struct json_object *json;
	const struct source *source; /* who sends; NULL: nothing tells yet */
	struct signer signer;
	bool is_signed; /* by the signer */
	bool undecided; /* or not: libgcrypt computes nothing */
	struct text handshake; /* what is answered to one */
	struct conversion conversion;

	struct delivery delivery;
	struct text reason; /* of a refusal */
	struct job job;
};

/* Sets the reply's refusal, and returns its code. */
static inline enum refusal_code
exchange_refuse(struct exchange *x, enum refusal_code code)
{
	return refusal_set(&x->reply.refusal, code);
}

/*
 * The steps of a delivery to the endpoint itself, or to a sender's path, once
 * its body is read: both fill in x->delivery when it is to be recorded or kept,
 * and return the code that decides the answer.
 */
enum refusal_code product_steps(struct exchange *x);
enum refusal_code sender_steps(struct exchange *x);

/* Steps that both have: that of a signature which is not good, and the delivery
 * as far as it does not depend on who sends. */
enum refusal_code exchange_refuse_signature(struct exchange *x);
void exchange_begin_delivery(struct exchange *x);

/* Lets a body be read into JSON values, at most a few large ones at a time. */
void exchange_admit(struct exchange *x);

/* Refuses a body that is no JSON object. */
enum refusal_code exchange_refuse_json(struct exchange *x,
    const struct json_error *error);

#endif
