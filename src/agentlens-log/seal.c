/* agentlens-log seal: writes a short text that commits to everything that is
 * there now. */
#include <stdio.h>
#include <stdlib.h>

#include "agentlens-log/command.h"
#include "audit/seal.h"

static const char *key_file;

static const struct option_row options[] = {
	{ "key", 'k', "FILE", "add an HMAC with the key of this file, or of "
	    SEAL_KEY_VARIABLE, OPTION_TEXT, &key_file },
	{ 0 }
};

static struct seal_key key;

static int
prepare(struct context *context)
{
	return seal_key_read(&key, key_file, &context->error) == 0 ? -1 :
	    COMMAND_FAILED;
}

static int
run(struct context *context)
{
	struct seal *seal = calloc(1, sizeof(*seal));
	struct text out = TEXT_EMPTY;
	int code = COMMAND_FAILED;

	if (seal == NULL) {
		error_set(&context->error, "out of memory");
	} else if (seal_make(context->database, seal) == 0) {
		if (seal_write(seal, &key, &out) == 0)
			code = COMMAND_GOOD;
		else
			error_set(&context->error, "libgcrypt computes no "
			    "digest");
	}
	if (code == COMMAND_GOOD)
		fwrite(text_string(&out), 1, out.len, stdout);
	text_free(&out);
	free(seal);
	seal_key_free(&key);
	return code;
}

const struct command command_seal = {
	.name = "seal",
	.usage = "",
	.help = "write what commits to everything that is there now",
	.options = options,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
