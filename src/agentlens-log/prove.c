/* agentlens-log prove: prints the proof that an event is among those that were
 * sealed, or that a later seal holds all that an older one held. */
#include <stdio.h>
#include <stdlib.h>

#include "agentlens-log/seals.h"
#include "agentlens-log/terminal.h"
#include "audit/consistency.h"

static struct seals_options given;

static const struct option_row options[] = {
	{ "seal", 's', "FILE", "the seal", OPTION_TEXT, &given.seal },
	{ "from", 0, "FILE", "prove that it goes on where this older seal "
	    "ended; without an event", OPTION_TEXT, &given.from },
	{ "key", 'k', "FILE", "check the seals' HMAC with the key of this "
	    "file", OPTION_TEXT, &given.key },
	{ 0 }
};

static struct seals seals; /* from prepare() to run() */

static int
prepare(struct context *context)
{
	if (context->count != (given.from == NULL) || given.seal == NULL)
		return options_refuse(context);
	return seals_read(context, &given, &seals);
}

/* Says why there is no proof.  Returns an exit code. */
static int
tell(const struct context *context, enum proof_result result)
{
	switch (result) {
	case PROOF_GOOD:
		return COMMAND_GOOD;
	case PROOF_WRONG:
		warn("the file is not what was sealed, so nothing can be "
		    "proved; `agentlens-log verify --seal` says more");
		return COMMAND_FAULT;
	case PROOF_NO_EVENT:
		warn("there is no event '%s'", context->arguments[0]);
		return COMMAND_FAULT;
	case PROOF_TOO_LATE:
		if (seals.from == NULL)
			warn("the event came after the seal of %s",
			    seals.seal->time);
		else
			warn("the seal of %s has more than that of %s, and so "
			    "cannot be the older one", seals.from->time,
			    seals.seal->time);
		return COMMAND_FAULT;
	case PROOF_UNREADABLE:
	case PROOF_FAILED:
		break;
	}
	return COMMAND_FAILED;
}

static int
run(struct context *context)
{
	struct text out = TEXT_EMPTY;
	enum proof_result result = seals.from != NULL ?
	    consistency_prove(context->database, seals.from, seals.seal,
	    &out) : proof_make(context->database, seals.seal,
	    context->arguments[0], &out);
	int code = tell(context, result);

	if (code == COMMAND_GOOD)
		fwrite(text_string(&out), 1, out.len, stdout);
	text_free(&out);
	seals_free(&seals);
	return code;
}

const struct command command_prove = {
	.name = "prove",
	.usage = "[ID]",
	.help = "print the proof that an event is sealed",
	.options = options,
	.arguments_max = 1,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
