#include "agentlens-ingest/fcgi_guard.h"

#include <stdbool.h>

enum record_type {
	BEGIN_REQUEST = 1,
	PARAMS = 4
};

static int
fail(struct fcgi_guard *guard, const char *fault)
{
	guard->fault = fault;
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
look_at_parameter(struct fcgi_guard *guard, unsigned char byte)
{
	size_t name, value;

	if (guard->rest > 0) {
		guard->rest--;
		return 0;
	}
	guard->lengths[guard->lengths_len++] = byte;
	size_t first = read_length(guard->lengths, guard->lengths_len, &name);
	if (first == 0 || read_length(guard->lengths + first,
	    guard->lengths_len - first, &value) == 0)
		return 0;
	if (name > FCGI_GUARD_PARAMS_MAX || value > FCGI_GUARD_PARAMS_MAX)
		return fail(guard, "a parameter is too long");
	guard->rest = name + value;
	guard->lengths_len = 0;
	return 0;
}

static unsigned
record_id(const struct fcgi_guard *guard)
{
	return (unsigned)guard->header[2] << 8 | guard->header[3];
}

/* A whole header. */
static int
look_at_header(struct fcgi_guard *guard)
{
	const unsigned char *header = guard->header;

	guard->content = (size_t)header[4] << 8 | header[5];
	guard->padding = header[6];
	if (header[0] != 1)
		return fail(guard, "no FastCGI of version 1");
	if (record_id(guard) == 0)
		return fail(guard, "a management record");
	if (header[1] == BEGIN_REQUEST && guard->id == 0) {
		guard->id = record_id(guard);
		guard->params = 0;
		guard->lengths_len = 0;
		guard->rest = 0;
	}
	if (header[1] != PARAMS || record_id(guard) != guard->id)
		return 0;
	guard->params += guard->content;
	if (guard->params > FCGI_GUARD_PARAMS_MAX)
		return fail(guard, "the parameters are too long");
	if (guard->content == 0)
		guard->id = 0;
	return 0;
}

static int
look_at_byte(struct fcgi_guard *guard, unsigned char byte)
{
	if (guard->header_len < sizeof(guard->header)) {
		guard->header[guard->header_len++] = byte;
		return guard->header_len < sizeof(guard->header) ? 0 :
		    look_at_header(guard);
	}
	/* Of content and padding there is some. */
	if (guard->content == 0) {
		guard->padding--;
		return 0;
	}
	guard->content--;
	return guard->header[1] == PARAMS && guard->id != 0 &&
	    record_id(guard) == guard->id ? look_at_parameter(guard, byte) : 0;
}

/* How many bytes from here on need no look: the inside of a record that is no
 * parameter's, and of names and values. */
static size_t
skip(struct fcgi_guard *guard, size_t len)
{
	size_t n = guard->content;

	if (guard->header_len < sizeof(guard->header))
		return 0;
	bool parameter = guard->header[1] == PARAMS && guard->id != 0 &&
	    record_id(guard) == guard->id;
	if (parameter && n > guard->rest)
		n = guard->rest;
	if (n > len)
		n = len;
	guard->content -= n;
	if (parameter)
		guard->rest -= n;
	return n;
}

int
fcgi_guard_look(struct fcgi_guard *guard, const void *bytes, size_t len)
{
	const unsigned char *at = bytes, *end = at + len;

	if (guard->fault != NULL)
		return -1;
	while (at < end) {
		at += skip(guard, (size_t)(end - at));
		if (guard->header_len == sizeof(guard->header) &&
		    guard->content == 0 && guard->padding == 0)
			guard->header_len = 0;
		if (at < end && look_at_byte(guard, *at++) != 0)
			return -1;
	}
	return 0;
}
