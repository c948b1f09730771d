#include "agentlens-ingest/signer.h"

#include "base/timestamp.h"

enum scheme_verdict
signer_check(struct signer *signer, const struct request *request,
    const struct text *body)
{
	const struct scheme_delivery delivery = {
		.source = signer->source.row,
		.header = request_header,
		.context = request,
		.body = text_string(body),
		.body_len = body->len,
		.secrets = signer->source.secrets,
		.window_s = signer->source.window_s,
		.now = timestamp_now(),
	};

	signer->result = (struct scheme_result){ .verdict = SCHEME_MISSING };
	if (signer->source.secrets[0] == NULL)
		return signer->result.verdict;
	return scheme_verify(&delivery, &signer->result);
}

bool
signer_find(struct signer *signer, const struct settings *settings,
    const struct request *request, const struct text *body, bool *failed)
{
	const struct source *first = source_find(NULL, NULL, request_header,
	    request);

	*failed = false;
	for (int i = first == NULL ? 0 : -1; i < SOURCE_SENDER; i++) {
		const struct source *source = i < 0 ? first : &sources[i];
		if (i >= 0 && source == first)
			continue;
		settings_find_source(settings, source->name, &signer->source);
		switch (signer_check(signer, request, body)) {
		case SCHEME_GOOD:
			return true;
		case SCHEME_FAILED:
			*failed = true;
			break;
		default:
			break;
		}
	}
	return false;
}

const char *
signer_seen_header(const struct request *request)
{
	for (int i = 0; i < SOURCES; i++)
		for (int n = 0; n < SOURCE_HEADERS_MAX; n++) {
			const char *name = sources[i].signature_headers[n];
			if (name != NULL &&
			    request_header(request, name) != NULL)
				return name;
		}
	return NULL;
}
