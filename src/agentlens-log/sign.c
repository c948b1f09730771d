/* agentlens-log sign: prints the signature of a body as its sender would, with
 * the secret of the settings and the present time, for trying an
 * installation. */
#include <stdio.h>
#include <string.h>

#include "agentlens-log/command.h"
#include "agentlens-log/terminal.h"
#include "base/file.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "base/ulid.h"
#include "webhook/locator.h"
#include "webhook/scheme.h"
#include "webhook/sender.h"

static const char *source_name;
static const char *sender_name;
static const char *event_name;

static const struct option_row options[] = {
	{ "source", 'S', "NAME", SOURCE_NAMES "; else the body must tell", OPTION_TEXT, &source_name },
	{ "as", 'A', "SENDER", "a third-party sender, or one's own: prints all headers that it needs", OPTION_TEXT, &sender_name },
	{ "event", 'e', "NAME", "with --as, the event's name where a header has it", OPTION_TEXT, &event_name },
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
		if (source == NULL || source_has_path(source))
			error_set(&context->error, "there is no source '%s': "
			    SOURCE_NAMES, source_name);
		return source == NULL || source_has_path(source) ? NULL :
		    source;
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

/* Prints the header fields that a sender's signature is over, or that its
 * deliveries are known by. */
static void
print_others(const struct source *source, const char *id, const char *time)
{
	char name[SENDER_HEADER_SIZE];

	if (!source_has_path(source))
		return;
	if (locator_header_name(source->timestamp, name, sizeof(name)))
		printf("%s: %s\n", name, time);
	if (locator_header_name(source->delivery_id, name, sizeof(name)))
		printf("%s: %s\n", name, id);
	if (event_name != NULL &&
	    locator_header_name(source->event, name, sizeof(name)))
		printf("%s: %s\n", name, event_name);
}

/* Makes an id and the time, which are signed with the body of some. */
static void
make_values(const struct source *source, char id[ULID_SIZE], char time[24])
{
	int64_t now = timestamp_now(), unit = locator_read(
	    source->timestamp).unit_ms;

	ulid_mint(now, "", id);
	snprintf(time, 24, "%lld", (long long)(now / (unit > 0 ? unit :
	    1000)));
}

/* Prints the header fields, "Name: value".  Returns an exit code. */
static int
print_headers(struct context *context, const struct settings_source *sender,
    const struct text *body)
{
	const struct source *source = sender->row;
	struct text header = TEXT_EMPTY;
	char id[ULID_SIZE], time[24];
	int code = COMMAND_FAILED;

	if (sender->secrets[0] == NULL && !source->signature_required) {
		warn("no secret is set for %s events, so they need no "
		    "signature", source->name);
		return COMMAND_FAULT;
	}
	make_values(source, id, time);
	if (sender->secrets[0] == NULL)
		error_set(&context->error, "no secret is set for %s",
		    source->name);
	else if (scheme_sign(source, sender->secrets[0], id, time,
	    text_string(body), body->len, &header) != 0)
		error_set(&context->error, "libgcrypt computes no HMAC, or "
		    "the secret of %s is no key", source->name);
	else {
		printf("%s: %s\n", source->signature_headers[0],
		    text_string(&header));
		print_others(source, id, time);
		code = COMMAND_GOOD;
	}
	text_free(&header);
	return code;
}

/* Finds whose signature it is to be.  Returns 0 or -1. */
static int
find_signer(struct context *context, const struct settings *settings,
    const struct text *body, struct settings_source *sender)
{
	const struct source *source = NULL;
	const char *name = sender_name;

	if (name == NULL && (source = find_source(context, body)) == NULL)
		return -1;
	if (settings_find_source(settings, name != NULL ? name : source->name,
	    sender))
		return 0;
	return error_set(&context->error, "there is no sender '%s'; see "
	    "agentlens-ingest --print-mapping", name);
}

static int
run(struct context *context)
{
	const struct settings *settings = context_settings(context, true);
	struct text body = TEXT_EMPTY;
	struct settings_source sender;
	int code = COMMAND_FAILED;

	if (settings != NULL && file_read(context->arguments[0], 0, &body,
	    &context->error) == 0 &&
	    find_signer(context, settings, &body, &sender) == 0)
		code = print_headers(context, &sender, &body);
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
