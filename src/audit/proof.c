#include "audit/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/lines.h"
#include "base/merkle.h"
#include "reader/entries.h"
#include "store/leaf.h"

#define TITLE "agentlens-log proof 1"

/* --- Making -------------------------------------------------------------- */

/* A proof that is being made.  Each hash of the path is that of a range of
 * leaves; all of them are grown side by side. */
struct making {
	uint64_t index;
	int count;
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct merkle trees[MERKLE_PATH_MAX];
	struct merkle whole;
	struct text event;
	struct text delivery;
	unsigned char leaf[DIGEST_BYTES];
	bool found;
};

static int
find_index(struct database *database, const char *id, uint64_t *index)
{
	struct query *query = query_open(database, EVENT_INDEX);

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, id);
	int step = query_step(query);
	if (step == 1)
		*index = (uint64_t)query_number(query, 0);
	query_close(query);
	return step;
}

static void
take(struct making *m, const struct entry *entry)
{
	merkle_add(&m->whole, entry->leaf);
	for (int i = 0; i < m->count; i++)
		if (entry->index >= m->ranges[i].from &&
		    entry->index < m->ranges[i].to)
			merkle_add(&m->trees[i], entry->leaf);
	if (entry->index != m->index)
		return;
	m->found = true;
	memcpy(m->leaf, entry->leaf, sizeof(m->leaf));
	if (entry->pruned)
		return;
	leaf_write_event(&m->event, &entry->event, entry->delivery);
	if (entry->delivery != NULL && entry->delivery->body.len > 0)
		leaf_write_delivery(&m->delivery, entry->delivery);
}

/* Grows the hashes of the path and the root, which tells whether the file is
 * still as it was sealed. */
static enum proof_result
grow(struct making *m, struct database *database,
    const struct seal_tree *tree)
{
	unsigned char root[DIGEST_BYTES];
	struct entries *entries = entries_open(database,
	    &(struct entries_options){ .leaves = true });
	struct entry entry;
	int step = -1;

	m->count = merkle_inclusion(m->index, tree->size, m->ranges);
	while (entries != NULL && (step = entries_next(entries, &entry)) ==
	    1 && entry.index < tree->size)
		take(m, &entry);
	entries_close(entries);
	if (step < 0)
		return PROOF_FAILED;
	return m->whole.size == tree->size &&
	    merkle_root(&m->whole, root) == 0 &&
	    digest_equal(root, tree->root) && m->found ? PROOF_GOOD :
	    PROOF_WRONG;
}

static void
add_hash(struct text *out, const char *name,
    const unsigned char hash[DIGEST_BYTES])
{
	text_printf(out, "%s: ", name);
	hex_add(out, hash, DIGEST_BYTES);
	text_puts(out, "\n");
}

static enum proof_result
write_proof(const struct making *m, const struct seal *seal, const char *id,
    struct text *out)
{
	unsigned char hash[DIGEST_BYTES];

	text_printf(out, TITLE "\nevent: %s\nsealed: %s\nindex: %" PRIu64
	    "\nsize: %" PRIu64 "\n", id, seal->time, m->index,
	    seal->events.size);
	add_hash(out, "root", seal->events.root);
	add_hash(out, "leaf", m->leaf);
	if (m->event.len > 0)
		text_printf(out, "event-data: %s\n", text_string(&m->event));
	if (m->delivery.len > 0)
		text_printf(out, "delivery-data: %s\n",
		    text_string(&m->delivery));
	for (int i = 0; i < m->count; i++) {
		if (merkle_root(&m->trees[i], hash) != 0)
			return PROOF_FAILED;
		add_hash(out, "path", hash);
	}
	return PROOF_GOOD;
}

enum proof_result
proof_make(struct database *database, const struct seal *seal,
    const char *id, struct text *out)
{
	struct making *m = calloc(1, sizeof(*m));
	enum proof_result result = PROOF_FAILED;

	if (m == NULL) {
		database_fail(database, "out of memory");
		return PROOF_FAILED;
	}
	int step = find_index(database, id, &m->index);
	if (step == 0)
		result = PROOF_NO_EVENT;
	else if (step == 1 && m->index >= seal->events.size)
		result = PROOF_TOO_LATE;
	else if (step == 1)
		result = grow(m, database, &seal->events);
	if (result == PROOF_GOOD)
		result = write_proof(m, seal, id, out);
	text_free(&m->event);
	text_free(&m->delivery);
	free(m);
	return result;
}

/* --- Checking, without the file ------------------------------------------- */

static bool
read_hash(const char *value, unsigned char hash[DIGEST_BYTES])
{
	return strlen(value) == DIGEST_HEX_SIZE - 1 &&
	    hex_read(value, hash, DIGEST_BYTES) == 0;
}

static bool
keep_text(char **text, const char *value)
{
	return *text == NULL && (*text = strdup(value)) != NULL;
}

/* Takes a line.  Returns whether a proof may have it. */
static bool
take_line(struct proof_claim *c, const char *name, const char *value)
{
	if (strcmp(name, "event") == 0)
		return snprintf(c->id, sizeof(c->id), "%s", value) <
		    (int)sizeof(c->id);
	if (strcmp(name, "sealed") == 0)
		return true;
	if (strcmp(name, "index") == 0)
		return lines_number(value, &c->index);
	if (strcmp(name, "size") == 0)
		return lines_number(value, &c->size);
	if (strcmp(name, "root") == 0)
		return read_hash(value, c->root);
	if (strcmp(name, "leaf") == 0)
		return read_hash(value, c->leaf);
	if (strcmp(name, "path") == 0)
		return c->count < MERKLE_PATH_MAX &&
		    read_hash(value, c->path[c->count++]);
	if (strcmp(name, "event-data") == 0)
		return keep_text(&c->event, value);
	if (strcmp(name, "delivery-data") == 0)
		return keep_text(&c->delivery, value);
	return false;
}

enum proof_result
proof_read(struct proof_claim *c, struct text *proof)
{
	const char *name, *value;
	struct lines lines;

	*c = (struct proof_claim){ 0 };
	lines_begin(&lines, proof, TITLE);
	while (lines_next(&lines, &name, &value))
		if (!take_line(c, name, value))
			return PROOF_UNREADABLE;
	return !lines.failed && c->id[0] != '\0' && c->size > 0 ?
	    PROOF_GOOD : PROOF_UNREADABLE;
}

void
proof_claim_free(struct proof_claim *c)
{
	free(c->event);
	free(c->delivery);
}

const char *
proof_check(const struct proof_claim *c, const struct seal *seal)
{
	unsigned char hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE], member[128];

	if (seal != NULL && (seal->events.size != c->size ||
	    !digest_equal(seal->events.root, c->root)))
		return "it is not a proof for this seal";
	if (c->event != NULL) {
		if (merkle_leaf(c->event, strlen(c->event), hash) != 0 ||
		    !digest_equal(hash, c->leaf))
			return "the event's data do not come to the leaf";
		snprintf(member, sizeof(member), "{\"v\":1,\"id\":\"%.64s\",",
		    c->id);
		if (strncmp(c->event, member, strlen(member)) != 0)
			return "the data are of another event";
	}
	if (c->delivery != NULL) {
		if (c->event == NULL || merkle_leaf(c->delivery,
		    strlen(c->delivery), hash) != 0)
			return "the delivery's data belong to no event";
		hex_write(hash, DIGEST_BYTES, hex);
		snprintf(member, sizeof(member), ",\"delivery\":\"%s\"}", hex);
		size_t len = strlen(member), all = strlen(c->event);
		if (all < len || strcmp(c->event + all - len, member) != 0)
			return "the delivery's data are not those of the "
			    "event";
	}
	return merkle_includes(c->index, c->size, c->leaf,
	    (unsigned char (*)[DIGEST_BYTES])c->path, c->count, c->root) ?
	    NULL : "the path does not lead from the leaf to the root";
}
