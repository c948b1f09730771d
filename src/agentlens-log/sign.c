/* agentlens-log sign: prints the signature of a body as its sender would, with
 * the secret of the settings, for trying an installation. */
#include <stdio.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"

static const char *source_name;

static const struct option_row options[] = {
	{ "source", 'S', "NAME", SOURCE_NAMES "; else the body must tell", OPTION_TEXT, &source_name },
	{ 0 }
};

static const char *
no_header(const void *context, const char *name)
{
	(void)context;
	(void)name;
	return NULL;
}

/* Finds the source by its name, or else by the body, as agentlens-ingest does.
 * Of bodies that do not tell, agentlens-ingest has the headers; there are none
 * here. */
static const struct source *
find_source(struct context *context, const struct text *body)
{
	const struct source *source = NULL;
	struct json_object *json = NULL;
	struct json_error error;

	if (source_name != NULL) {
		source = source_named(source_name);
		if (source == NULL)
			error_set(&context->error, "there is no source '%s': "
			    SOURCE_NAMES, source_name);
		return source;
	}
	if (json_read(text_string(body), body->len, &json, &error) == 0)
		source = source_find(json_get_string(json, "source"),
		    json_get_string(json, "event"), no_header, NULL);
	json_object_put(json);
	if (source == NULL)
		error_set(&context->error, "nothing in the body tells its "
		    "source; name it with --source");
	return source;
}

/* Prints "Name: value".  Returns an exit code. */
static int
print_header(struct context *context, const struct source *source,
    const struct text *body)
{
	const struct settings *settings = context_settings(context, true);
	unsigned char digest[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	if (settings == NULL)
		return COMMAND_FAILED;
	const char *secret = settings->secrets[source->id][0];
	if (secret == NULL && !source->signature_required) {
		warn("no secret is set for %s events, so they need no "
		    "signature", source->name);
		return COMMAND_FAULT;
	}
	if (secret == NULL)
		error_set(&context->error, "no secret is set for %s",
		    source->name);
	else if (digest_hmac_sha256(secret, strlen(secret),
	    text_string(body), body->len, digest) != 0)
		error_set(&context->error,
		    "libgcrypt computes no HMAC-SHA256");
	else {
		hex_write(digest, DIGEST_BYTES, hex);
		printf("%s: %s%s\n", source->signature_headers[0],
		    source->signature_prefix, hex);
		return COMMAND_GOOD;
	}
	return COMMAND_FAILED;
}

static int
run(struct context *context)
{
	struct text body = TEXT_EMPTY;
	const struct source *source = NULL;
	int code = COMMAND_FAILED;

	if (file_read(context->arguments[0], 0, &body, &context->error) == 0)
		source = find_source(context, &body);
	if (source != NULL)
		code = print_header(context, source, &body);
	text_free(&body);
	return code;
}

const struct command command_sign = {
	.name = "sign",
	.usage = "FILE",
	.help = "the signature of a body, as a header",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 1,
	.access = COMMAND_NO_FILE,
	.run = run,
};
