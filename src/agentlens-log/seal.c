#include "seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

#define TITLE "agentlens-log seal 1"
#define KEY_VARIABLE "AGENTLENS_SEAL_KEY"
#define KEY_BYTES_MAX 4096
#define FILE_BYTES_MAX 131072

/* --- Keys ---------------------------------------------------------------- */

/* Reads a whole small file.  Returns 0, or -1 having said why. */
static int
read_file(const char *path, size_t max, struct text *out)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int result = -1;

	if (file == NULL || text_reserve(out, max + 1) != 0) {
		complain("%s: %s", path, strerror(errno));
	} else {
		out->len = fread(out->data, 1, max + 1, file);
		out->data[out->len] = '\0';
		if (ferror(file))
			complain("%s: %s", path, strerror(errno));
		else if (out->len > max)
			complain("%s: it is too long", path);
		else
			result = 0;
	}
	if (file != NULL && file != stdin)
		fclose(file);
	return result;
}

int
seal_key_read(struct seal_key *key, const char *path)
{
	const char *variable = getenv(KEY_VARIABLE);
	struct text text = TEXT_EMPTY;

	*key = (struct seal_key){ 0 };
	if (path == NULL) {
		if (variable == NULL || *variable == '\0')
			return 0;
		key->bytes = strdup(variable);
		key->len = strlen(variable);
		return key->bytes == NULL ? -1 : 0;
	}
	if (read_file(path, KEY_BYTES_MAX, &text) != 0) {
		text_free(&text);
		return -1;
	}
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (text.len == 0) {
		complain("%s: the key is empty", path);
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
add_line(struct text *out, const char *name, const char *value)
{
	text_puts(out, name);
	text_puts(out, ": ");
	text_puts(out, value);
	text_puts(out, "\n");
}

static void
add_number(struct text *out, const char *prefix, const char *name, uint64_t n)
{
	char value[32], whole[64];

	snprintf(whole, sizeof(whole), "%s%s", prefix, name);
	snprintf(value, sizeof(value), "%" PRIu64, n);
	add_line(out, whole, value);
}

static void
add_hash(struct text *out, const char *prefix, const char *name,
    const unsigned char hash[SIGNATURE_BYTES])
{
	char hex[SIGNATURE_HEX_SIZE], whole[64];

	snprintf(whole, sizeof(whole), "%s%s", prefix, name);
	signature_hex(hash, hex);
	add_line(out, whole, hex);
}

static void
add_tree(struct text *out, const char *prefix, const struct seal_tree *tree)
{
	add_number(out, prefix, "", tree->size);
	add_hash(out, prefix, "-root", tree->root);
	add_number(out, prefix, "-part", tree->part);
	for (int i = 0; i < tree->parts; i++)
		add_hash(out, prefix, "-hash", tree->hashes[i]);
}

static void
write_unsigned(const struct seal *seal, struct text *out)
{
	text_puts(out, TITLE "\n");
	add_line(out, "time", seal->time);
	add_line(out, "last-event", seal->last_event);
	add_tree(out, "events", &seal->events);
	add_tree(out, "deliveries", &seal->deliveries);
}

int
seal_write(const struct seal *seal, const struct seal_key *key,
    struct text *out)
{
	unsigned char mac[SIGNATURE_BYTES];

	write_unsigned(seal, out);
	if (key->bytes != NULL) {
		if (signature_hmac_sha256(key->bytes, key->len,
		    text_string(out), out->len, mac) != 0)
			return -1;
		add_hash(out, "", "hmac-sha256", mac);
	}
	return out->failed ? -1 : 0;
}

/* --- Reading -------------------------------------------------------------- */

/* What is left of a seal that is being read. */
struct reader {
	char *at;
	bool failed;
};

/* The value of the next line, which must have this name; NULL when not. */
static char *
take(struct reader *r, const char *name)
{
	size_t len = strlen(name);
	char *end = strchr(r->at, '\n');

	if (r->failed || end == NULL || strncmp(r->at, name, len) != 0 ||
	    strncmp(r->at + len, ": ", 2) != 0) {
		r->failed = true;
		return NULL;
	}
	char *value = r->at + len + 2;
	*end = '\0';
	r->at = end + 1;
	return value;
}

static uint64_t
take_number(struct reader *r, const char *name)
{
	char *value = take(r, name), *end;

	if (value == NULL || *value < '0' || *value > '9' ||
	    strlen(value) > 18) {
		r->failed = true;
		return 0;
	}
	uint64_t number = strtoull(value, &end, 10);
	r->failed |= *end != '\0';
	return number;
}

static void
take_hash(struct reader *r, const char *name,
    unsigned char hash[SIGNATURE_BYTES])
{
	const char *value = take(r, name);

	if (value == NULL || strlen(value) != SIGNATURE_HEX_SIZE - 1 ||
	    signature_decode(value, hash) != 0)
		r->failed = true;
}

static void
take_text(struct reader *r, const char *name, char *to, size_t size)
{
	const char *value = take(r, name);

	if (value == NULL || strlen(value) >= size)
		r->failed = true;
	else
		snprintf(to, size, "%s", value);
}

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
take_tree(struct reader *r, const char *prefix, struct seal_tree *tree)
{
	char name[32];

	tree->size = take_number(r, prefix);
	snprintf(name, sizeof(name), "%s-root", prefix);
	take_hash(r, name, tree->root);
	snprintf(name, sizeof(name), "%s-part", prefix);
	tree->part = take_number(r, name);
	if (r->failed || tree->part != part_of(tree->size)) {
		r->failed = true;
		return;
	}
	tree->parts = (int)((tree->size + tree->part - 1) / tree->part);
	snprintf(name, sizeof(name), "%s-hash", prefix);
	for (int i = 0; i < tree->parts; i++)
		take_hash(r, name, tree->hashes[i]);
}

/* Whether a key is at hand for an HMAC, and it is the right one. */
static int
check_mac(const struct seal *seal, const char *path,
    const struct seal_key *key, const char *text, size_t len)
{
	unsigned char mac[SIGNATURE_BYTES];

	if (key->bytes == NULL)
		return 0;
	if (!seal->has_mac) {
		complain("%s: a key was given, and the seal has no HMAC",
		    path);
		return -1;
	}
	if (signature_hmac_sha256(key->bytes, key->len, text, len, mac) != 0 ||
	    !signature_equal(mac, seal->mac)) {
		complain("%s: its HMAC is not of this key: the seal was "
		    "changed, or it is another key", path);
		return -1;
	}
	return 0;
}

int
seal_read(struct seal *seal, const char *path, const struct seal_key *key)
{
	struct text text = TEXT_EMPTY, unsigned_part = TEXT_EMPTY;
	struct reader r = { 0 };
	int result = -1;

	*seal = (struct seal){ 0 };
	if (read_file(path, FILE_BYTES_MAX, &text) != 0) {
		text_free(&text);
		return -1;
	}
	r.at = text.data;
	if (strlen(text.data) != text.len ||
	    strncmp(r.at, TITLE "\n", strlen(TITLE "\n")) != 0)
		r.failed = true;
	else
		r.at += strlen(TITLE "\n");
	take_text(&r, "time", seal->time, sizeof(seal->time));
	take_text(&r, "last-event", seal->last_event,
	    sizeof(seal->last_event));
	take_tree(&r, "events", &seal->events);
	take_tree(&r, "deliveries", &seal->deliveries);
	seal->has_mac = !r.failed && *r.at != '\0';
	if (seal->has_mac)
		take_hash(&r, "hmac-sha256", seal->mac);
	if (r.failed || *r.at != '\0') {
		complain("%s: it is no seal of this agentlens-log, or not "
		    "whole", path);
	} else {
		write_unsigned(seal, &unsigned_part);
		result = check_mac(seal, path, key,
		    text_string(&unsigned_part), unsigned_part.len);
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

/* Makes room for more parts: each two become one of twice the size. */
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

/* Ends the part that is being grown. */
static bool
end_part(struct seal_growth *g)
{
	unsigned char hash[SIGNATURE_BYTES];
	int i = g->tree.parts;

	if (i >= SEAL_PARTS || merkle_root(&g->current, hash) != 0) {
		g->whole.failed = true;
		return false;
	}
	memcpy(g->tree.hashes[i], hash, SIGNATURE_BYTES);
	g->tree.parts++;
	bool wrong = g->sealed != NULL && g->wrong < 0 &&
	    !signature_equal(hash, g->sealed->hashes[i]);
	if (wrong) {
		g->wrong = i;
		g->wrong_to = g->whole.size;
		g->wrong_from = g->whole.size - g->current.size;
	}
	g->current = (struct merkle){ 0 };
	return wrong;
}

bool
seal_add(struct seal_growth *g, const unsigned char leaf[SIGNATURE_BYTES])
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

/* --- seal ---------------------------------------------------------------- */

static int
grow_delivery(void *context, const struct delivery_row *delivery)
{
	seal_add(context, delivery->leaf);
	return 0;
}

static int
grow_all(struct seal *seal, struct evidence *evidence,
    struct seal_growth trees[2])
{
	struct entry entry;
	int step;

	while ((step = evidence_next(evidence, &entry)) == 1) {
		seal_add(&trees[0], entry.leaf);
		snprintf(seal->last_event, sizeof(seal->last_event), "%s",
		    entry.event_id);
	}
	if (step != 0)
		return -1;
	if (seal_end(&trees[0]) != 0 || seal_end(&trees[1]) != 0) {
		complain("libgcrypt computes no SHA-256");
		return -1;
	}
	seal->events = trees[0].tree;
	seal->deliveries = trees[1].tree;
	return 0;
}

static int
grow(struct database *database, struct seal *seal)
{
	struct seal_growth *trees = calloc(2, sizeof(*trees));
	struct evidence *evidence;
	int result = -1;

	if (trees == NULL)
		return -1;
	seal_begin(&trees[0], NULL);
	seal_begin(&trees[1], NULL);
	evidence = evidence_open(database, &(struct evidence_options){
	    .leaves = true, .on_delivery = grow_delivery,
	    .context = &trees[1] });
	if (evidence != NULL)
		result = grow_all(seal, evidence, trees);
	evidence_close(evidence);
	free(trees);
	timestamp_format(timestamp_now(), seal->time);
	return result;
}

int
seal_run(struct context *context, int argc, char **argv)
{
	const char *key_file = NULL;
	const struct option_row options[] = {
		{ "key", 'k', "FILE", "add an HMAC with the key of this file, "
		    "or of " KEY_VARIABLE, OPTION_TEXT, &key_file },
		{ 0 }
	};
	struct seal *seal = NULL;
	struct seal_key key = { 0 };
	struct text out = TEXT_EMPTY;
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count > 0)
		return options_refuse(context);
	if (seal_key_read(&key, key_file) != 0)
		return COMMAND_FAILED;
	struct database *database = database_open(context, DATABASE_READ);
	seal = calloc(1, sizeof(*seal));
	code = COMMAND_FAILED;
	if (database != NULL && seal != NULL && grow(database, seal) == 0 &&
	    seal_write(seal, &key, &out) == 0) {
		fwrite(text_string(&out), 1, out.len, stdout);
		code = COMMAND_GOOD;
	}
	text_free(&out);
	free(seal);
	database_close(database);
	seal_key_free(&key);
	return code;
}
