#include "agentlens-log/seals.h"

#include <stdlib.h>

static int
read_one(struct context *context, const char *path,
    const struct seal_key *key, struct seal **seal)
{
	if (path == NULL)
		return 0;
	*seal = calloc(1, sizeof(**seal));
	return *seal == NULL ? error_set(&context->error, "out of memory") :
	    seal_read(*seal, path, key, &context->error);
}

int
seals_read(struct context *context, const struct seals_options *given,
    struct seals *seals)
{
	struct seal_key key;
	int result = seal_key_read(&key, given->key, &context->error);

	if (result == 0)
		result = read_one(context, given->seal, &key, &seals->seal);
	if (result == 0)
		result = read_one(context, given->from, &key, &seals->from);
	seal_key_free(&key);
	if (result == 0)
		return -1;
	seals_free(seals);
	return COMMAND_FAILED;
}

void
seals_free(struct seals *seals)
{
	free(seals->seal);
	free(seals->from);
	*seals = (struct seals){ 0 };
}
