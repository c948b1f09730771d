/* agentlens-log check-proof: checks a proof that prove printed, without the
 * file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agentlens-log/record.h"
#include "agentlens-log/seals.h"
#include "agentlens-log/terminal.h"
#include "audit/consistency.h"
#include "base/file.h"
#include "base/hex.h"

static struct seals_options given;

static const struct option_row options[] = {
	{ "seal", 's', "FILE", "the seal that it is to be of", OPTION_TEXT,
	    &given.seal },
	{ "from", 0, "FILE", "the older seal that it is to go on from",
	    OPTION_TEXT, &given.from },
	{ "key", 'k', "FILE", "check the seals' HMAC with the key of this "
	    "file", OPTION_TEXT, &given.key },
	{ 0 }
};

/* Longer files are no proofs. */
#define PROOF_BYTES_MAX (4 * 1024 * 1024)

static struct seals seals; /* from prepare() to run() */

/* --- That an event is sealed --------------------------------------------- */

struct event_verdict {
	bool proved;
	const char *id;
	const char *fault; /* NULL: it is proved */
	char root[DIGEST_HEX_SIZE];
	int64_t size;
};

static const struct record_field event_fields[] = {
	RECORD_FIELD("proved", RECORD_BOOL, event_verdict, proved),
	RECORD_FIELD("eventId", RECORD_TEXT, event_verdict, id),
	RECORD_FIELD("fault", RECORD_TEXT, event_verdict, fault),
	RECORD_FIELD("root", RECORD_CHARS, event_verdict, root),
	RECORD_FIELD("size", RECORD_NUMBER, event_verdict, size),
	{ 0 }
};

static void
print_event(const struct context *context, const void *record)
{
	const struct event_verdict *v = record;

	(void)context;
	if (!v->proved) {
		printf("NOT PROVED  %s\n", v->fault);
		return;
	}
	printf("PROVED  event ");
	terminal_print(TERMINAL_BOLD, v->id);
	printf(" is one of the %" PRId64 " under the root\n  %s%s\n", v->size,
	    v->root, seals.seal != NULL ? ", which is the seal's" :
	    "\n  Compare it with the seal: events-root.");
}

static int
check_event(struct context *context, struct text *proof)
{
	static const struct record_type type = {
		.fields = event_fields,
		.print = print_event,
	};
	struct proof_claim *claim = calloc(1, sizeof(*claim));
	int code = COMMAND_FAILED;

	if (claim == NULL)
		return COMMAND_FAILED;
	if (proof_read(claim, proof) == PROOF_GOOD) {
		struct event_verdict verdict = {
			.id = claim->id,
			.fault = proof_check(claim, seals.seal),
			.size = (int64_t)claim->size,
		};
		verdict.proved = verdict.fault == NULL;
		hex_write(claim->root, DIGEST_BYTES, verdict.root);
		record_print(context, &type, &verdict);
		code = verdict.proved ? COMMAND_GOOD : COMMAND_FAULT;
	} else {
		error_set(&context->error, "%s: it is no proof of "
		    "agentlens-log, or not whole", context->arguments[0]);
	}
	proof_claim_free(claim);
	free(claim);
	return code;
}

/* --- That a later seal holds all of an older one -------------------------- */

struct seals_verdict {
	bool proved;
	const char *from;
	const char *sealed;
};

static const struct record_field seals_fields[] = {
	RECORD_FIELD("proved", RECORD_BOOL, seals_verdict, proved),
	RECORD_FIELD("from", RECORD_TEXT, seals_verdict, from),
	RECORD_FIELD("sealed", RECORD_TEXT, seals_verdict, sealed),
	{ 0 }
};

static void
print_seals(const struct context *context, const void *record)
{
	const struct seals_verdict *v = record;

	(void)context;
	if (v->proved)
		printf("PROVED  the %" PRIu64 " events sealed at %s are the "
		    "first of the %" PRIu64 " sealed at %s\n",
		    seals.from->events.size, v->from, seals.seal->events.size,
		    v->sealed);
	else
		printf("NOT PROVED  the path does not lead from the one seal "
		    "to the other\n");
}

static int
check_seals(struct context *context, struct text *proof)
{
	static const struct record_type type = {
		.fields = seals_fields,
		.print = print_seals,
	};
	enum proof_result result = consistency_check(seals.from, seals.seal,
	    proof);

	if (result == PROOF_UNREADABLE || result == PROOF_FAILED) {
		error_set(&context->error, "%s: it is no consistency proof of "
		    "agentlens-log, or not whole", context->arguments[0]);
		return COMMAND_FAILED;
	}
	const struct seals_verdict verdict = { result == PROOF_GOOD,
		seals.from->time, seals.seal->time };
	record_print(context, &type, &verdict);
	return verdict.proved ? COMMAND_GOOD : COMMAND_FAULT;
}

/* --- The command ---------------------------------------------------------- */

static int
prepare(struct context *context)
{
	if (given.from != NULL && given.seal == NULL)
		return options_refuse(context);
	return seals_read(context, &given, &seals);
}

static int
run(struct context *context)
{
	struct text proof = TEXT_EMPTY;
	int code = COMMAND_FAILED;

	if (file_read(context->arguments[0], PROOF_BYTES_MAX, &proof,
	    &context->error) == 0)
		code = seals.from != NULL ? check_seals(context, &proof) :
		    check_event(context, &proof);
	text_free(&proof);
	seals_free(&seals);
	return code;
}

const struct command command_check_proof = {
	.name = "check-proof",
	.usage = "PROOF",
	.help = "check such a proof, without the file",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 1,
	.access = COMMAND_NO_FILE,
	.prepare = prepare,
	.run = run,
};
