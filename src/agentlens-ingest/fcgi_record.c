#include "agentlens-ingest/fcgi_record.h"

#include <string.h>

void
fcgi_record_head(unsigned char head[FCGI_RECORD_HEADER_BYTES], unsigned type,
    unsigned id, size_t len)
{
	head[0] = FCGI_RECORD_VERSION;
	head[1] = (unsigned char)type;
	head[2] = (unsigned char)(id >> 8);
	head[3] = (unsigned char)id;
	head[4] = (unsigned char)(len >> 8);
	head[5] = (unsigned char)len;
	head[6] = 0;
	head[7] = 0;
}

void
fcgi_record_add(struct text *out, unsigned type, unsigned id,
    const void *content, size_t len)
{
	unsigned char head[FCGI_RECORD_HEADER_BYTES];
	const char *at = content;

	do {
		size_t n = len < FCGI_RECORD_CONTENT_MAX ? len :
		    FCGI_RECORD_CONTENT_MAX;
		fcgi_record_head(head, type, id, n);
		text_add(out, head, sizeof(head));
		if (n > 0) {
			text_add(out, at, n);
			at += n;
		}
		len -= n;
	} while (len > 0);
}

static void
add_length(struct text *out, size_t len)
{
	const unsigned char bytes[] = { (unsigned char)(0x80 | len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8),
		(unsigned char)len };

	if (len < 0x80)
		text_add(out, bytes + 3, 1);
	else
		text_add(out, bytes, sizeof(bytes));
}

void
fcgi_record_add_pair(struct text *out, const struct fcgi_record_pair *pair)
{
	add_length(out, pair->name_len);
	add_length(out, pair->value_len);
	text_add(out, pair->name, pair->name_len);
	text_add(out, pair->value, pair->value_len);
}

void
fcgi_record_add_end(struct text *out, unsigned id, unsigned app_status,
    unsigned protocol_status)
{
	const unsigned char content[8] = { (unsigned char)(app_status >> 24),
		(unsigned char)(app_status >> 16),
		(unsigned char)(app_status >> 8), (unsigned char)app_status,
		(unsigned char)protocol_status };

	fcgi_record_add(out, FCGI_RECORD_END, id, content, sizeof(content));
}

/* The length that begins at *at: 7 bits, or 31 bits of four bytes. */
static int
take_length(const unsigned char **at, const unsigned char *end, size_t *len)
{
	const unsigned char *bytes = *at;
	size_t there = (size_t)(end - bytes);

	if (there < 1)
		return -1;
	if (bytes[0] < 0x80) {
		*len = bytes[0];
		*at += 1;
		return 0;
	}
	if (there < 4)
		return -1;
	*len = (size_t)(bytes[0] & 0x7f) << 24 | (size_t)bytes[1] << 16 |
	    (size_t)bytes[2] << 8 | bytes[3];
	*at += 4;
	return 0;
}

int
fcgi_record_next_pair(const char **at, const char *end,
    struct fcgi_record_pair *pair)
{
	const unsigned char *bytes = (const unsigned char *)*at;
	const unsigned char *stop = (const unsigned char *)end;

	if (bytes == stop)
		return 0;
	if (take_length(&bytes, stop, &pair->name_len) != 0 ||
	    take_length(&bytes, stop, &pair->value_len) != 0 ||
	    pair->name_len > (size_t)(stop - bytes) ||
	    pair->value_len > (size_t)(stop - bytes) - pair->name_len)
		return -1;
	pair->name = (const char *)bytes;
	pair->value = pair->name + pair->name_len;
	*at = pair->value + pair->value_len;
	return 1;
}

int
fcgi_record_is_named(const struct fcgi_record_pair *pair, const char *name)
{
	return pair->name_len == strlen(name) &&
	    memcmp(pair->name, name, pair->name_len) == 0;
}
