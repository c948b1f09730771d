#include "peer.h"

#include <stdbool.h>

enum record_type {
	BEGIN_REQUEST = 1,
	PARAMS = 4
};

static int
fail(struct peer *peer, const char *fault)
{
	peer->fault = fault;
	return -1;
}

/* The length that begins at this byte: 7 bits, or 31 bits of four bytes.
 * Returns how many bytes it takes; 0 when not all of them are there. */
static size_t
read_length(const unsigned char *bytes, size_t there, size_t *length)
{
	if (there < 1)
		return 0;
	*length = bytes[0];
	if ((bytes[0] & 0x80) == 0)
		return 1;
	if (there < 4)
		return 0;
	*length = (size_t)(bytes[0] & 0x7f) << 24 | (size_t)bytes[1] << 16 |
	    (size_t)bytes[2] << 8 | bytes[3];
	return 4;
}

/* One byte of the parameters. */
static int
look_at_parameter(struct peer *peer, unsigned char byte)
{
	size_t name, value;

	if (peer->rest > 0) {
		peer->rest--;
		return 0;
	}
	peer->lengths[peer->lengths_len++] = byte;
	size_t first = read_length(peer->lengths, peer->lengths_len, &name);
	if (first == 0 || read_length(peer->lengths + first,
	    peer->lengths_len - first, &value) == 0)
		return 0;
	if (name > PEER_PARAMS_MAX || value > PEER_PARAMS_MAX)
		return fail(peer, "a parameter is too long");
	peer->rest = name + value;
	peer->lengths_len = 0;
	return 0;
}

static unsigned
record_id(const struct peer *peer)
{
	return (unsigned)peer->header[2] << 8 | peer->header[3];
}

/* A whole header. */
static int
look_at_header(struct peer *peer)
{
	const unsigned char *header = peer->header;

	peer->content = (size_t)header[4] << 8 | header[5];
	peer->padding = header[6];
	if (header[0] != 1)
		return fail(peer, "no FastCGI of version 1");
	if (record_id(peer) == 0)
		return fail(peer, "a management record");
	if (header[1] == BEGIN_REQUEST && peer->id == 0) {
		peer->id = record_id(peer);
		peer->params = 0;
		peer->lengths_len = 0;
		peer->rest = 0;
	}
	if (header[1] != PARAMS || record_id(peer) != peer->id)
		return 0;
	peer->params += peer->content;
	if (peer->params > PEER_PARAMS_MAX)
		return fail(peer, "the parameters are too long");
	if (peer->content == 0)
		peer->id = 0;
	return 0;
}

static int
look_at_byte(struct peer *peer, unsigned char byte)
{
	if (peer->header_len < sizeof(peer->header)) {
		peer->header[peer->header_len++] = byte;
		return peer->header_len < sizeof(peer->header) ? 0 :
		    look_at_header(peer);
	}
	/* Of content and padding there is some. */
	if (peer->content == 0) {
		peer->padding--;
		return 0;
	}
	peer->content--;
	return peer->header[1] == PARAMS && peer->id != 0 &&
	    record_id(peer) == peer->id ? look_at_parameter(peer, byte) : 0;
}

/* How many bytes from here on need no look: the inside of a record that is no
 * parameter's, and of names and values. */
static size_t
skip(struct peer *peer, size_t len)
{
	size_t n = peer->content;

	if (peer->header_len < sizeof(peer->header))
		return 0;
	bool parameter = peer->header[1] == PARAMS && peer->id != 0 &&
	    record_id(peer) == peer->id;
	if (parameter && n > peer->rest)
		n = peer->rest;
	if (n > len)
		n = len;
	peer->content -= n;
	if (parameter)
		peer->rest -= n;
	return n;
}

int
peer_look(struct peer *peer, const void *bytes, size_t len)
{
	const unsigned char *at = bytes, *end = at + len;

	if (peer->fault != NULL)
		return -1;
	while (at < end) {
		at += skip(peer, (size_t)(end - at));
		if (peer->header_len == sizeof(peer->header) &&
		    peer->content == 0 && peer->padding == 0)
			peer->header_len = 0;
		if (at < end && look_at_byte(peer, *at++) != 0)
			return -1;
	}
	return 0;
}
