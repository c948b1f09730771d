#include "webhook/source.h"

#include <stddef.h>
#include <string.h>

const struct source sources[SOURCES] = {
	[SOURCE_AGENTGATE] = {
		.id = SOURCE_AGENTGATE,
		.name = "agentgate",
		.signature_headers = { "X-AgentGate-Signature",
		    "X-Webhook-Signature" },
		.signature_prefix = "",
		.product_headers = { "X-AgentGate-Signature",
		    "X-AgentGate-Event", "X-AgentGate-EventId" },
		.event_prefix = "request.",
		.signature_required = true,
	},
	[SOURCE_FORMBRIDGE] = {
		.id = SOURCE_FORMBRIDGE,
		.name = "formbridge",
		.signature_headers = { "X-FormBridge-Signature",
		    "X-Webhook-Signature" },
		.signature_prefix = "sha256=",
		.product_headers = { "X-FormBridge-Signature",
		    "X-FormBridge-Timestamp" },
		.event_prefix = "submission.",
		.signature_required = true,
	},
	[SOURCE_GENERIC] = {
		.id = SOURCE_GENERIC,
		.name = "generic",
		.signature_headers = { "X-Webhook-Signature" },
		.signature_prefix = "",
	},
};

const char *const source_idempotency_headers[] = {
	"Idempotency-Key",
	"webhook-id",
	"X-AgentGate-EventId",
	NULL
};

const struct source *
source_named(const char *name)
{
	for (int i = 0; i < SOURCES; i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

static bool
sends_product_header(const struct source *source, source_header_fn *header,
    const void *context)
{
	for (int i = 0; i < SOURCE_HEADERS_MAX; i++) {
		const char *name = source->product_headers[i];
		if (name != NULL && header(context, name) != NULL)
			return true;
	}
	return false;
}

const struct source *
source_find(const char *body_source, const char *event,
    source_header_fn *header, const void *context)
{
	const struct source *named = body_source == NULL ? NULL :
	    source_named(body_source);

	if (named != NULL)
		return named;
	for (int i = 0; i < SOURCES; i++)
		if (sends_product_header(&sources[i], header, context))
			return &sources[i];
	if (event != NULL)
		for (int i = 0; i < SOURCES; i++) {
			const char *prefix = sources[i].event_prefix;
			if (prefix != NULL && strncmp(prefix, event,
			    strlen(prefix)) == 0)
				return &sources[i];
		}
	return NULL;
}
