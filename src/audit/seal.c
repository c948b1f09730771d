#include "audit/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/lines.h"

#define TITLE "agentlens-log seal 1"
#define KEY_BYTES_MAX 4096
#define FILE_BYTES_MAX 131072

/* --- Keys ---------------------------------------------------------------- */

int
seal_key_read(struct seal_key *key, const char *path, struct error *error)
{
	const char *variable = getenv(SEAL_KEY_VARIABLE);
	struct text text = TEXT_EMPTY;

	*key = (struct seal_key){ 0 };
	if (path == NULL) {
		if (variable == NULL || *variable == '\0')
			return 0;
		key->bytes = strdup(variable);
		key->len = strlen(variable);
		return key->bytes == NULL ? error_set(error, "out of memory") :
		    0;
	}
	int result = file_read(path, KEY_BYTES_MAX, &text, error);
	if (result == 0 && text.len > 0 && text.data[text.len - 1] == '\n')
		text_truncate(&text, text.len - 1);
	if (result == 0 && text.len == 0)
		result = error_set(error, "%s: the key is empty", path);
	if (result != 0) {
		text_free(&text);
		return -1;
	}
	key->bytes = text.data;
	key->len = text.len;
	return 0;
}

void
seal_key_free(struct seal_key *key)
{
	if (key->bytes != NULL)
		explicit_bzero(key->bytes, key->len);
	free(key->bytes);
	*key = (struct seal_key){ 0 };
}

/* --- Writing ------------------------------------------------------------- */

static void
add_hash(struct text *out, const char *prefix, const char *name,
    const unsigned char hash[DIGEST_BYTES])
{
	text_printf(out, "%s%s: ", prefix, name);
	hex_add(out, hash, DIGEST_BYTES);
	text_puts(out, "\n");
}

static void
add_tree(struct text *out, const char *prefix, const struct seal_tree *tree)
{
	text_printf(out, "%s: %" PRIu64 "\n", prefix, tree->size);
	add_hash(out, prefix, "-root", tree->root);
	text_printf(out, "%s-part: %" PRIu64 "\n", prefix, tree->part);
	for (int i = 0; i < tree->parts; i++)
		add_hash(out, prefix, "-hash", tree->hashes[i]);
}

static void
write_unsigned(const struct seal *seal, struct text *out)
{
	text_printf(out, TITLE "\ntime: %s\nlast-event: %s\n", seal->time,
	    seal->last_event);
	add_tree(out, "events", &seal->events);
	add_tree(out, "deliveries", &seal->deliveries);
}

int
seal_write(const struct seal *seal, const struct seal_key *key,
    struct text *out)
{
	unsigned char mac[DIGEST_BYTES];

	write_unsigned(seal, out);
	if (key->bytes != NULL) {
		if (digest_hmac_sha256(key->bytes, key->len,
		    text_string(out), out->len, mac) != 0)
			return -1;
		add_hash(out, "", "hmac-sha256", mac);
	}
	return out->failed ? -1 : 0;
}

/* --- Reading -------------------------------------------------------------- */

static uint64_t
take_number(struct lines *lines, const char *name)
{
	const char *value = lines_take(lines, name);
	uint64_t number = 0;

	if (value == NULL || !lines_number(value, &number))
		lines->failed = true;
	return number;
}

static void
take_hash(struct lines *lines, const char *name,
    unsigned char hash[DIGEST_BYTES])
{
	const char *value = lines_take(lines, name);

	if (value == NULL || strlen(value) != DIGEST_HEX_SIZE - 1 ||
	    hex_read(value, hash, DIGEST_BYTES) != 0)
		lines->failed = true;
}

static void
take_text(struct lines *lines, const char *name, char *to, size_t size)
{
	const char *value = lines_take(lines, name);

	if (value == NULL || strlen(value) >= size)
		lines->failed = true;
	else
		snprintf(to, size, "%s", value);
}

/* The leaves in one part of a tree of this size. */
static uint64_t
part_of(uint64_t size)
{
	uint64_t part = 1;

	while (size / part > SEAL_PARTS ||
	    (size / part == SEAL_PARTS && size % part != 0))
		part *= 2;
	return part;
}

static void
take_tree(struct lines *lines, const char *prefix, struct seal_tree *tree)
{
	char name[32];

	tree->size = take_number(lines, prefix);
	snprintf(name, sizeof(name), "%s-root", prefix);
	take_hash(lines, name, tree->root);
	snprintf(name, sizeof(name), "%s-part", prefix);
	tree->part = take_number(lines, name);
	if (lines->failed || tree->part != part_of(tree->size)) {
		lines->failed = true;
		return;
	}
	tree->parts = (int)((tree->size + tree->part - 1) / tree->part);
	snprintf(name, sizeof(name), "%s-hash", prefix);
	for (int i = 0; i < tree->parts; i++)
		take_hash(lines, name, tree->hashes[i]);
}

/* Without a key the HMAC is not checked; with one it must be there and
 * right. */
static int
check_mac(const struct seal *seal, const char *path,
    const struct seal_key *key, const struct text *text, struct error *error)
{
	unsigned char mac[DIGEST_BYTES];

	if (key->bytes == NULL)
		return 0;
	if (!seal->has_mac)
		return error_set(error, "%s: a key was given, and the seal "
		    "has no HMAC", path);
	if (digest_hmac_sha256(key->bytes, key->len, text_string(text),
	    text->len, mac) != 0 ||
	    !digest_equal(mac, seal->mac))
		return error_set(error, "%s: its HMAC is not of this key: the "
		    "seal was changed, or it is another key", path);
	return 0;
}

static bool
take_seal(struct seal *seal, struct text *text)
{
	struct lines lines;

	lines_begin(&lines, text, TITLE);
	take_text(&lines, "time", seal->time, sizeof(seal->time));
	take_text(&lines, "last-event", seal->last_event,
	    sizeof(seal->last_event));
	take_tree(&lines, "events", &seal->events);
	take_tree(&lines, "deliveries", &seal->deliveries);
	seal->has_mac = !lines.failed && lines.at != lines.end;
	if (seal->has_mac)
		take_hash(&lines, "hmac-sha256", seal->mac);
	return !lines.failed && lines.at == lines.end;
}

int
seal_read(struct seal *seal, const char *path, const struct seal_key *key,
    struct error *error)
{
	struct text text = TEXT_EMPTY, unsigned_part = TEXT_EMPTY;
	int result = file_read(path, FILE_BYTES_MAX, &text, error);

	*seal = (struct seal){ 0 };
	if (result == 0 && !take_seal(seal, &text))
		result = error_set(error, "%s: it is no seal of this "
		    "agentlens-log, or not whole", path);
	if (result == 0) {
		write_unsigned(seal, &unsigned_part);
		result = check_mac(seal, path, key, &unsigned_part, error);
	}
	text_free(&unsigned_part);
	text_free(&text);
	return result;
}

/* --- Growing ------------------------------------------------------------- */

void
seal_begin(struct seal_growth *g, const struct seal_tree *sealed)
{
	*g = (struct seal_growth){ .sealed = sealed, .wrong = -1 };
	g->part = sealed != NULL ? sealed->part : 1;
}

/* Makes room for more parts: two neighbours become one of twice the size. */
static void
join_parts(struct seal_growth *g)
{
	for (int i = 0; i < SEAL_PARTS / 2; i++)
		if (merkle_node(g->tree.hashes[2 * i],
		    g->tree.hashes[2 * i + 1], g->tree.hashes[i]) != 0)
			g->whole.failed = true;
	g->tree.parts = SEAL_PARTS / 2;
	g->part *= 2;
}

/* Ends the part that is being grown.  Returns whether it is the first that is
 * not as sealed. */
static bool
end_part(struct seal_growth *g)
{
	unsigned char hash[DIGEST_BYTES];
	int i = g->tree.parts;

	if (i >= SEAL_PARTS || merkle_root(&g->current, hash) != 0) {
		g->whole.failed = true;
		return false;
	}
	memcpy(g->tree.hashes[i], hash, DIGEST_BYTES);
	g->tree.parts++;
	bool wrong = g->sealed != NULL && g->wrong < 0 &&
	    !digest_equal(hash, g->sealed->hashes[i]);
	if (wrong) {
		g->wrong = i;
		g->wrong_to = g->whole.size;
		g->wrong_from = g->whole.size - g->current.size;
	}
	g->current = (struct merkle){ 0 };
	return wrong;
}

bool
seal_add(struct seal_growth *g, const unsigned char leaf[DIGEST_BYTES])
{
	if (g->sealed != NULL && g->whole.size == g->sealed->size)
		return false;
	if (g->tree.parts == SEAL_PARTS && g->sealed == NULL)
		join_parts(g);
	merkle_add(&g->whole, leaf);
	merkle_add(&g->current, leaf);
	return (g->current.size == g->part ||
	    (g->sealed != NULL && g->whole.size == g->sealed->size)) &&
	    end_part(g);
}

int
seal_end(struct seal_growth *g)
{
	if (g->current.size > 0)
		end_part(g);
	g->tree.size = g->whole.size;
	g->tree.part = g->part;
	return merkle_root(&g->whole, g->tree.root);
}

static int
grow_delivery(void *context, const struct delivery_row *delivery)
{
	seal_add(context, delivery->leaf);
	return 0;
}

static int
grow_all(struct seal *seal, struct entries *entries,
    struct seal_growth trees[2])
{
	struct entry entry;
	int step;

	while ((step = entries_next(entries, &entry)) == 1) {
		seal_add(&trees[0], entry.leaf);
		snprintf(seal->last_event, sizeof(seal->last_event), "%s",
		    entry.event_id);
	}
	if (step != 0)
		return -1;
	if (seal_end(&trees[0]) != 0 || seal_end(&trees[1]) != 0)
		return -1;
	seal->events = trees[0].tree;
	seal->deliveries = trees[1].tree;
	return 0;
}

int
seal_make(struct database *database, struct seal *seal)
{
	struct seal_growth *trees = calloc(2, sizeof(*trees));
	struct entries *entries;
	int result = -1;

	if (trees == NULL)
		return database_fail(database, "out of memory");
	seal_begin(&trees[0], NULL);
	seal_begin(&trees[1], NULL);
	entries = entries_open(database, &(struct entries_options){
	    .leaves = true, .on_delivery = grow_delivery,
	    .context = &trees[1] });
	if (entries != NULL)
		result = grow_all(seal, entries, trees);
	entries_close(entries);
	free(trees);
	timestamp_format(timestamp_now(), seal->time);
	return result;
}
