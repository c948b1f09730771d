#include "audit/mark_delivery.h"

#include "webhook/scheme.h"

/* Whatever header is asked for, it is the one with the stored signature. */
static const char *
stored_signature(const void *context, const char *name)
{
	(void)name;
	return context;
}

static bool
has_secret(const char *const *secrets)
{
	for (int i = 0; i < SETTINGS_SECRETS; i++)
		if (secrets[i] != NULL)
			return true;
	return false;
}

enum mark
mark_delivery(const struct delivery_row *d, const struct settings *settings)
{
	static const char *const none[SETTINGS_SECRETS];
	const struct source *source = source_named(d->source);
	const char *const *secrets = settings == NULL || source == NULL ?
	    none : (const char *const *)settings->secrets[source->id];
	const struct scheme_delivery delivery = {
		.source = source != NULL ? source : &sources[SOURCE_GENERIC],
		.header = stored_signature,
		.context = d->signature,
		.body = (const char *)d->body.data,
		.body_len = d->body.len,
		.secrets = secrets,
	};
	struct scheme_result result;

	/* A sender's may be over headers, too, which are not kept; one's own
	 * sender has no row in the table. */
	if (source == NULL || source_has_path(source))
		return MARK_NOT_CHECKED;
	if (d->signature == NULL)
		return MARK_UNSIGNED;
	if (d->body.len == 0)
		return MARK_NOT_CHECKED;
	switch (scheme_verify(&delivery, &result)) {
	case SCHEME_GOOD:
		return MARK_GOOD;
	case SCHEME_MALFORMED:
		return MARK_WRONG;
	case SCHEME_MISMATCH:
		return has_secret(secrets) ? MARK_WRONG : MARK_NOT_CHECKED;
	default:
		return MARK_NOT_CHECKED;
	}
}
