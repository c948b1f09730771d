#include "store/leaf.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/merkle.h"

static void
add_text(struct text *out, const char *name, const char *value)
{
	text_puts(out, name);
	if (value == NULL)
		text_puts(out, "null");
	else
		json_write_string(out, value, strlen(value));
}

static void
add_number(struct text *out, const char *name, int64_t value)
{
	text_printf(out, "%s%lld", name, (long long)value);
}

static void
add_bytes(struct text *out, const char *name, struct column_bytes bytes)
{
	text_puts(out, name);
	if (bytes.data == NULL) {
		text_puts(out, "null");
		return;
	}
	text_puts(out, "\"");
	hex_add(out, bytes.data, bytes.len);
	text_puts(out, "\"");
}

void
leaf_write_delivery(struct text *out, const struct delivery_row *d)
{
	const struct iovec body = { (void *)d->body.data, d->body.len };
	unsigned char digest[DIGEST_BYTES];

	if (digest_sha256(&body, 1, digest) != 0)
		out->failed = true;
	add_number(out, "{\"v\":1,\"delivery\":", d->id);
	add_number(out, ",\"sentAt\":", d->sent_at);
	add_bytes(out, ",\"key\":", d->key);
	add_text(out, ",\"source\":", d->source);
	add_text(out, ",\"receivedAt\":", d->received_at);
	add_text(out, ",\"remoteAddr\":", d->remote_addr);
	add_text(out, ",\"signature\":", d->signature);
	add_bytes(out, ",\"bodySha256\":",
	    (struct column_bytes){ digest, sizeof(digest) });
	text_puts(out, "}");
}

static void
write_event(struct text *out, const struct event_row *event,
    const char *hash, const struct delivery_row *delivery)
{
	const struct column_bytes none = { NULL, 0 };

	add_text(out, "{\"v\":1,\"id\":", event->columns.id);
	add_text(out, ",\"hash\":", hash);
	add_text(out, ",\"tenantId\":", event->tenant_id);
	add_text(out, ",\"verifiedAgentId\":", event->verified_agent_id);
	add_text(out, ",\"pricingVersion\":", event->pricing_version);
	add_text(out, ",\"orgId\":", event->org_id);
	add_text(out, ",\"projectId\":", event->project_id);
	add_bytes(out, ",\"idempotencyKey\":", delivery == NULL ? none :
	    delivery->idempotency_key);
	add_bytes(out, ",\"delivery\":", delivery == NULL ? none :
	    (struct column_bytes){ delivery->leaf, DIGEST_BYTES });
	text_puts(out, "}");
}

int
leaf_write_event(struct text *out, const struct event_row *event,
    const struct delivery_row *delivery)
{
	char hash[DIGEST_HEX_SIZE];

	if (event_hash(&event->columns, hash) != 0)
		return -1;
	write_event(out, event, hash, delivery);
	return out->failed ? -1 : 0;
}

static int
hash_leaf(struct text *data, unsigned char leaf[DIGEST_BYTES])
{
	int result = data->failed ? -1 :
	    merkle_leaf(text_string(data), data->len, leaf);

	text_free(data);
	return result;
}

int
leaf_of_delivery(const struct delivery_row *delivery,
    unsigned char leaf[DIGEST_BYTES])
{
	struct text data = TEXT_EMPTY;

	leaf_write_delivery(&data, delivery);
	return hash_leaf(&data, leaf);
}

int
leaf_of_event(const struct event_row *event,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES])
{
	struct text data = TEXT_EMPTY;

	if (leaf_write_event(&data, event, delivery) != 0)
		data.failed = true;
	return hash_leaf(&data, leaf);
}

int
leaf_of_kept(const char *id, const char *hash, const char *tenant_id,
    const struct delivery_row *delivery, unsigned char leaf[DIGEST_BYTES])
{
	const struct event_row event = { .columns.id = id,
		.tenant_id = tenant_id, .org_id = EVENT_ORG,
		.project_id = tenant_id };
	struct text data = TEXT_EMPTY;

	write_event(&data, &event, hash, delivery);
	return hash_leaf(&data, leaf);
}
