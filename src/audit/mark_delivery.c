#include "audit/mark_delivery.h"

#include "webhook/scheme.h"

enum mark
mark_delivery(const struct delivery_row *d, const struct settings *settings)
{
	const struct source *source = source_named(d->source);
	unsigned char digest[DIGEST_BYTES];

	if (d->signature == NULL)
		return MARK_UNSIGNED;
	if (d->body.len == 0)
		return MARK_NOT_CHECKED;
	if (scheme_read(d->signature, digest) != 0)
		return MARK_WRONG;
	if (settings == NULL || source == NULL)
		return MARK_NOT_CHECKED;
	switch (scheme_check(settings->secrets[source->id], SETTINGS_SECRETS,
	    d->body.data, d->body.len, digest)) {
	case SCHEME_GOOD:
		return MARK_GOOD;
	case SCHEME_WRONG:
		return MARK_WRONG;
	case SCHEME_NO_SECRET:
	case SCHEME_FAILED:
		break;
	}
	return MARK_NOT_CHECKED;
}
