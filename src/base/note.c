#include "base/note.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/hex.h"

#define ID_DIGITS 8
#define ID_BYTES 4
#define TIME_BYTES 8
#define PRIVATE_PREFIX "PRIVATE+KEY+"

/* A dash (U+2014) and a space. */
#define LINE_PREFIX "\xe2\x80\x94 "

/* The type and the key. */
#define MATERIAL_BYTES (1 + ED25519_PUBLIC_BYTES)

/* The first three lines of tlog-cosignature, without its time. */
#define COSIGNATURE_PREFIX "cosignature/v1\ntime "

/* --- Names ---------------------------------------------------------------- */

/* The spaces of Unicode beyond ASCII, in UTF-8. */
static const char *const spaces[] = {
	"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80",
	"\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
	"\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
	"\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
	"\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

/* Whether this stands where a name stands; a line of an unknown key may have
 * one of any length. */
static bool
is_name(const char *name, size_t len)
{
	if (len == 0 || text_utf8(name, len) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c <= ' ' || c == '+')
			return false;
	}
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (memmem(name, len, spaces[i], strlen(spaces[i])) != NULL)
			return false;
	return true;
}

bool
note_is_name(const char *name, size_t len)
{
	return len <= NOTE_NAME_MAX && is_name(name, len) &&
	    memchr(name, 0x7f, len) == NULL;
}

/* --- Keys ----------------------------------------------------------------- */

static uint32_t
read_u32(const unsigned char bytes[ID_BYTES])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	    (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The first bytes of SHA-256(name || newline || type || key). */
static int
compute_id(const struct note_key *key, uint32_t *id)
{
	unsigned char type = (unsigned char)key->type;
	unsigned char digest[DIGEST_BYTES];
	const struct iovec parts[] = {
		{ (void *)key->name, strlen(key->name) }, { (void *)"\n", 1 },
		{ &type, 1 }, { (void *)key->public, ED25519_PUBLIC_BYTES },
	};

	if (digest_sha256(parts, 4, digest) != 0)
		return -1;
	*id = read_u32(digest);
	return 0;
}

/* Reads "name+id+" and leaves the rest in *rest.  Returns 0 or -1. */
static int
read_head(struct note_key *key, const char *text, size_t len,
    const char **rest)
{
	const char *plus = memchr(text, '+', len);
	unsigned char id[ID_BYTES];

	if (plus == NULL || !note_is_name(text, (size_t)(plus - text)) ||
	    (size_t)(text + len - plus) < 2 + ID_DIGITS ||
	    plus[1 + ID_DIGITS] != '+' ||
	    hex_read_exactly(plus + 1, ID_DIGITS, id, sizeof(id)) != 0)
		return -1;
	memcpy(key->name, text, (size_t)(plus - text));
	key->name[plus - text] = '\0';
	key->id = read_u32(id);
	*rest = plus + 2 + ID_DIGITS;
	return 0;
}

static void
write_head(struct text *out, const struct note_key *key)
{
	text_printf(out, "%s+%08x+", key->name, (unsigned)key->id);
}

int
note_key_read(struct note_key *key, const char *text, size_t len)
{
	unsigned char material[MATERIAL_BYTES];
	const char *rest;
	uint32_t id;

	memset(key, 0, sizeof(*key));
	if (read_head(key, text, len, &rest) != 0 ||
	    base64_read_exactly(rest, (size_t)(text + len - rest), material,
	    sizeof(material)) != 0 ||
	    (material[0] != NOTE_ED25519 && material[0] != NOTE_COSIGNATURE))
		return -1;
	key->type = (enum note_type)material[0];
	memcpy(key->public, material + 1, ED25519_PUBLIC_BYTES);
	return ed25519_is_public(key->public) && compute_id(key, &id) == 0 &&
	    id == key->id ? 0 : -1;
}

void
note_key_write(struct text *out, const struct note_key *key)
{
	unsigned char material[MATERIAL_BYTES] = { (unsigned char)key->type };

	memcpy(material + 1, key->public, ED25519_PUBLIC_BYTES);
	write_head(out, key);
	base64_write(out, material, sizeof(material));
}

bool
note_key_equal(const struct note_key *a, const struct note_key *b)
{
	return a->id == b->id && a->type == b->type &&
	    strcmp(a->name, b->name) == 0 &&
	    memcmp(a->public, b->public, ED25519_PUBLIC_BYTES) == 0;
}

/* --- Private keys --------------------------------------------------------- */

static int
read_signer(struct note_signer *signer, const char *text, size_t len)
{
	unsigned char material[1 + ED25519_SEED_BYTES];
	const char *rest;
	uint32_t id;
	int result = -1;

	if (len < strlen(PRIVATE_PREFIX) ||
	    memcmp(text, PRIVATE_PREFIX, strlen(PRIVATE_PREFIX)) != 0)
		return -1;
	if (read_head(&signer->key, text + strlen(PRIVATE_PREFIX),
	    len - strlen(PRIVATE_PREFIX), &rest) == 0 &&
	    base64_read_exactly(rest, (size_t)(text + len - rest), material,
	    sizeof(material)) == 0 && material[0] == NOTE_ED25519) {
		signer->key.type = NOTE_ED25519;
		memcpy(signer->seed, material + 1, ED25519_SEED_BYTES);
		if (ed25519_public(signer->seed, signer->key.public) == 0 &&
		    compute_id(&signer->key, &id) == 0 &&
		    id == signer->key.id)
			result = 0;
	}
	explicit_bzero(material, sizeof(material));
	return result;
}

int
note_signer_read(struct note_signer *signer, const char *text, size_t len)
{
	memset(signer, 0, sizeof(*signer));
	if (read_signer(signer, text, len) == 0)
		return 0;
	explicit_bzero(signer, sizeof(*signer));
	return -1;
}

int
note_signer_generate(struct note_signer *signer, const char *name)
{
	size_t len = strlen(name);

	memset(signer, 0, sizeof(*signer));
	if (!note_is_name(name, len))
		return -1;
	memcpy(signer->key.name, name, len + 1);
	signer->key.type = NOTE_ED25519;
	if (ed25519_generate(signer->seed) == 0 &&
	    ed25519_public(signer->seed, signer->key.public) == 0 &&
	    compute_id(&signer->key, &signer->key.id) == 0)
		return 0;
	explicit_bzero(signer, sizeof(*signer));
	return -1;
}

void
note_signer_write(struct text *out, const struct note_signer *signer)
{
	unsigned char material[1 + ED25519_SEED_BYTES] = { NOTE_ED25519 };

	memcpy(material + 1, signer->seed, ED25519_SEED_BYTES);
	text_puts(out, PRIVATE_PREFIX);
	write_head(out, &signer->key);
	base64_write(out, material, sizeof(material));
	explicit_bzero(material, sizeof(material));
}

/* --- Signing -------------------------------------------------------------- */

/* Whether it is UTF-8 without control characters but newlines. */
static bool
is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\n')
			return false;
	return text_utf8(text, len) == len;
}

int
note_sign(struct text *out, const char *text, size_t len,
    const struct note_signer *signer)
{
	unsigned char bytes[ID_BYTES + ED25519_SIGNATURE_BYTES];
	size_t before = out->len;

	if (len == 0 || text[len - 1] != '\n' || !is_plain(text, len) ||
	    ed25519_sign(signer->seed, text, len, bytes + ID_BYTES) != 0)
		return -1;
	for (int i = 0; i < ID_BYTES; i++)
		bytes[i] = (unsigned char)(signer->key.id >> (24 - 8 * i));
	text_add(out, text, len);
	text_puts(out, "\n" LINE_PREFIX);
	text_puts(out, signer->key.name);
	text_puts(out, " ");
	base64_write(out, bytes, sizeof(bytes));
	text_puts(out, "\n");
	if (out->len - before > NOTE_BYTES_MAX || out->failed) {
		text_truncate(out, before);
		return -1;
	}
	return 0;
}

/* --- Opening -------------------------------------------------------------- */

/* A cosignature is over two lines more, with its time. */
static int
verify_cosignature(struct note_line *line, const struct note *note,
    const unsigned char *bytes)
{
	struct text message = TEXT_EMPTY;
	int result = -1;

	line->time = (uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4);
	if (line->time > INT64_MAX)
		return 0;
	text_printf(&message, COSIGNATURE_PREFIX "%llu\n",
	    (unsigned long long)line->time);
	text_add(&message, note->text, note->text_len);
	if (!message.failed)
		result = ed25519_verify(line->key->public, message.data,
		    message.len, bytes + TIME_BYTES);
	text_free(&message);
	return result;
}

/* Verifies the line's signature, if its key is known. */
static enum note_error
verify_line(struct note *note, struct note_line *line,
    const unsigned char *bytes, size_t len, const struct note_key *keys,
    size_t count)
{
	const struct note_key *key = NULL;
	int result = 0;

	for (size_t i = 0; i < count && key == NULL; i++)
		if (keys[i].id == line->id &&
		    strlen(keys[i].name) == line->name_len &&
		    memcmp(keys[i].name, line->name, line->name_len) == 0)
			key = &keys[i];
	line->key = key;
	if (key == NULL)
		return NOTE_OK;
	if (key->type == NOTE_ED25519 && len == ED25519_SIGNATURE_BYTES)
		result = ed25519_verify(key->public, note->text,
		    note->text_len, bytes);
	else if (key->type == NOTE_COSIGNATURE &&
	    len == TIME_BYTES + ED25519_SIGNATURE_BYTES)
		result = verify_cosignature(line, note, bytes);
	if (result == 1)
		note->verified++;
	return result == 1 ? NOTE_OK :
	    result == 0 ? NOTE_BAD_SIGNATURE : NOTE_FAILED;
}

/* Reads "- name base64", without its newline; `bytes` has room enough. */
static enum note_error
read_line(struct note *note, const char *start, size_t len,
    unsigned char *bytes, const struct note_key *keys, size_t count)
{
	size_t prefix = strlen(LINE_PREFIX), bytes_len;
	const char *end = start + len, *name = start + prefix, *space;

	if (note->count == NOTE_LINES_MAX || len < prefix ||
	    memcmp(start, LINE_PREFIX, prefix) != 0)
		return NOTE_MALFORMED;
	space = memchr(name, ' ', (size_t)(end - name));
	if (space == NULL || !is_name(name, (size_t)(space - name)) ||
	    base64_read(space + 1, (size_t)(end - space - 1), bytes, len,
	    &bytes_len) != 0 || bytes_len <= ID_BYTES)
		return NOTE_MALFORMED;

	struct note_line *line = &note->lines[note->count++];
	*line = (struct note_line){ start, len, name, (size_t)(space - name),
		read_u32(bytes), NULL, 0 };
	return verify_line(note, line, bytes + ID_BYTES, bytes_len - ID_BYTES,
	    keys, count);
}

/* The last empty line: where the signatures begin, or NULL. */
static const char *
find_lines(const char *bytes, size_t len)
{
	for (size_t i = len; i >= 2; i--)
		if (bytes[i - 1] == '\n' && bytes[i - 2] == '\n')
			return bytes + i;
	return NULL;
}

enum note_error
note_open(struct note *note, const char *bytes, size_t len,
    const struct note_key *keys, size_t count)
{
	enum note_error error = NOTE_OK;
	const char *end = bytes + len, *at;

	memset(note, 0, sizeof(*note));
	if (len == 0 || len > NOTE_BYTES_MAX || bytes[len - 1] != '\n' ||
	    !is_plain(bytes, len))
		return NOTE_MALFORMED;
	at = find_lines(bytes, len);
	if (at == NULL || at == end)
		return NOTE_MALFORMED;
	note->text = bytes;
	note->text_len = (size_t)(at - bytes) - 1;

	unsigned char *room = malloc(len);
	if (room == NULL)
		return NOTE_FAILED;
	while (at < end && error == NOTE_OK) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		error = read_line(note, at, (size_t)(newline - at), room,
		    keys, count);
		at = newline + 1;
	}
	free(room);
	if (error == NOTE_OK && note->verified == 0)
		error = NOTE_UNKNOWN_KEYS;
	return error;
}

bool
note_is_signed_by(const struct note *note, const struct note_key *key)
{
	for (int i = 0; i < note->count; i++)
		if (note->lines[i].key != NULL &&
		    note_key_equal(note->lines[i].key, key))
			return true;
	return false;
}
