#include "webhook/locator.h"

#include <ctype.h>
#include <string.h>

#include "base/json_path.h"

#define OR ", else "
#define AND " + "

/* Bytes of a header field's name, and its NUL. */
#define HEADER_SIZE 128

/* A piece of a column's text. */
struct piece {
	const char *at;
	size_t len;
};

/* Takes the next piece, up to the separator, off *rest; false at the end. */
static bool
next_piece(struct piece *rest, const char *separator, struct piece *piece)
{
	if (rest->at == NULL)
		return false;
	const char *end = memmem(rest->at, rest->len, separator,
	    strlen(separator));
	*piece = *rest;
	if (end == NULL) {
		rest->at = NULL;
		return true;
	}
	piece->len = (size_t)(end - rest->at);
	rest->at = end + strlen(separator);
	rest->len -= piece->len + strlen(separator);
	return true;
}

static struct piece
whole(const char *text)
{
	return (struct piece){ text, text == NULL ? 0 : strlen(text) };
}

static bool
take_end(struct piece *piece, const char *end)
{
	size_t len = strlen(end);

	if (piece->len <= len ||
	    memcmp(piece->at + piece->len - len, end, len) != 0)
		return false;
	piece->len -= len;
	return true;
}

static struct locator
read_piece(struct piece piece)
{
	struct locator locator = { .unit_ms = 1000 };

	if (take_end(&piece, " ms"))
		locator.unit_ms = 1;
	else
		take_end(&piece, " s");
	if (piece.len < 3 || piece.at[1] != ':' ||
	    strchr("hbs", piece.at[0]) == NULL ||
	    memchr(piece.at, ' ', piece.len) != NULL)
		return locator;
	locator.place = (enum locator_place)piece.at[0];
	locator.name = piece.at + 2;
	locator.len = piece.len - 2;
	return locator;
}

struct locator
locator_read(const char *text)
{
	return text == NULL ? (struct locator){ 0 } : read_piece(whole(text));
}

static bool
copy_name(const struct locator *locator, char *name, size_t size)
{
	if (locator->len >= size)
		return false;
	memcpy(name, locator->name, locator->len);
	name[locator->len] = '\0';
	return true;
}

bool
locator_header_name(const char *text, char *name, size_t size)
{
	struct piece rest = whole(text), part, piece;

	while (next_piece(&rest, AND, &part))
		while (next_piece(&part, OR, &piece)) {
			struct locator locator = read_piece(piece);
			if (locator.place == LOCATOR_HEADER)
				return copy_name(&locator, name, size);
		}
	return false;
}

static bool
is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

static bool
add_located(struct text *out, const struct locator *locator,
    const struct locator_scope *scope)
{
	char name[HEADER_SIZE];

	if (locator->place == LOCATOR_BODY)
		return json_path_add_text(out, json_path_find(scope->body,
		    locator->name, locator->len));
	if (locator->place != LOCATOR_HEADER ||
	    !copy_name(locator, name, sizeof(name)))
		return false;
	const char *value = scope->header(scope->context, name);
	/* No sender has more than ASCII there, and nobody signs it. */
	if (value == NULL || *value == '\0' || !is_ascii(value))
		return false;
	text_puts(out, value);
	return true;
}

static bool
add_first(struct text *out, struct piece rest,
    const struct locator_scope *scope)
{
	struct piece piece;

	while (next_piece(&rest, OR, &piece)) {
		struct locator locator = read_piece(piece);
		if (add_located(out, &locator, scope))
			return true;
	}
	return false;
}

bool
locator_add(struct text *out, const char *text,
    const struct locator_scope *scope)
{
	return add_first(out, whole(text), scope);
}

bool
locator_add_parts(struct text *out, const char *text,
    const struct locator_scope *scope)
{
	struct piece rest = whole(text), part;
	size_t before = out->len;

	while (next_piece(&rest, AND, &part)) {
		bool is_first = out->len == before;
		if (!is_first)
			text_puts(out, ".");
		if (add_first(out, part, scope))
			continue;
		if (is_first)
			return false;
		text_truncate(out, out->len - 1);
	}
	return out->len > before;
}

static bool
in_path(char c)
{
	return isalnum((unsigned char)c) || strchr("_.-[]", c) != NULL;
}

/* The end of the value that begins at `at`, when braces do not say it. */
static size_t
value_len(const char *at, size_t len)
{
	size_t end = len > 2 && at[1] == ':' && strchr("hb", at[0]) != NULL ?
	    2 : 0;

	while (end < len && at[end] != '\0' && in_path(at[end]))
		end++;
	return end;
}

/* Appends a value of a text: its locator, or a path alone. */
static bool
add_value(struct text *out, const char *at, size_t len,
    const struct locator_scope *scope)
{
	struct locator locator = read_piece((struct piece){ at, len });

	if (locator.place == LOCATOR_NOWHERE)
		locator = (struct locator){ LOCATOR_BODY, at, len, 1000 };
	return add_located(out, &locator, scope);
}

/* Appends a text when all of its values are there. */
static bool
add_filled(struct text *out, struct piece piece,
    const struct locator_scope *scope)
{
	bool braces = memchr(piece.at, '{', piece.len) != NULL;
	const char *at = piece.at, *end = piece.at + piece.len;

	while (at < end) {
		size_t left = (size_t)(end - at);
		size_t skip = braces && *at == '{' ? 1 : 0;
		size_t len = braces ? skip * strcspn(at + skip, "}") :
		    value_len(at, left);
		if (len == 0) {
			text_add(out, at++, 1);
			continue;
		}
		if (!add_value(out, at + skip, len, scope))
			return false;
		at += len + 2 * skip;
	}
	return true;
}

bool
locator_add_filled(struct text *out, const char *text,
    const struct locator_scope *scope)
{
	struct piece rest = whole(text), piece;
	size_t before = out->len;

	while (next_piece(&rest, OR, &piece)) {
		if (add_filled(out, piece, scope))
			return true;
		text_truncate(out, before);
	}
	return false;
}

/* Braces are closed, and there is something in them. */
static bool
is_filled_valid(struct piece piece)
{
	bool open = false, any = false;

	for (size_t i = 0; i < piece.len; i++) {
		char c = piece.at[i];
		if ((c == '{' && open) || (c == '}' && (!open ||
		    piece.at[i - 1] == '{')) || iscntrl((unsigned char)c))
			return false;
		open = c == '{' || (open && c != '}');
		any |= in_path(c);
	}
	return any && !open;
}

bool
locator_is_valid(char kind, const char *text)
{
	struct piece rest = whole(text), part, piece;

	while (next_piece(&rest, kind == 'p' ? AND : OR, &part)) {
		if (kind == 'f' && !is_filled_valid(part))
			return false;
		while (kind != 'f' && next_piece(&part, OR, &piece))
			if (read_piece(piece).place == LOCATOR_NOWHERE)
				return false;
	}
	return text != NULL;
}
