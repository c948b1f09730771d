#include "audit/consistency.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/lines.h"
#include "base/merkle.h"
#include "reader/entries.h"

#define TITLE "agentlens-log consistency 1"

enum {
	EVENTS,
	DELIVERIES,
	TREES
};

static const char *const names[TREES] = {
	[EVENTS] = "events",
	[DELIVERIES] = "deliveries",
};

/* The proof for one of the two trees. */
struct tree {
	const struct seal_tree *from;
	const struct seal_tree *to;
	int count; /* of the path */
	unsigned char path[MERKLE_PATH_MAX][DIGEST_BYTES];

	/* While the proof is made: each hash of the path is that of a range of
	 * leaves, grown leaf by leaf. */
	uint64_t leaves;
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct merkle grown[MERKLE_PATH_MAX];
};

static struct tree *
open_trees(const struct seal *from, const struct seal *seal)
{
	struct tree *trees = calloc(TREES, sizeof(*trees));

	if (trees == NULL)
		return NULL;
	trees[EVENTS].from = &from->events;
	trees[EVENTS].to = &seal->events;
	trees[DELIVERIES].from = &from->deliveries;
	trees[DELIVERIES].to = &seal->deliveries;
	return trees;
}

/* An empty tree is the beginning of every tree, and its proof is empty. */
static bool
is_proved(struct tree *t)
{
	return t->from->size == 0 ? t->count == 0 :
	    merkle_continues(t->from->size, t->from->root, t->to->size,
	    t->to->root, t->path, t->count);
}

static bool
all_proved(struct tree *trees)
{
	return is_proved(&trees[EVENTS]) && is_proved(&trees[DELIVERIES]);
}

/* --- Proving -------------------------------------------------------------- */

static void
add(struct tree *t, const unsigned char leaf[DIGEST_BYTES])
{
	uint64_t index = t->leaves++;

	for (int i = 0; i < t->count; i++)
		if (index >= t->ranges[i].from && index < t->ranges[i].to)
			merkle_add(&t->grown[i], leaf);
}

static int
add_delivery(void *context, const struct delivery_row *delivery)
{
	struct tree *trees = context;

	add(&trees[DELIVERIES], delivery->leaf);
	return 0;
}

static int
grow(struct database *database, struct tree *trees)
{
	struct entries *entries;
	struct entry entry;
	int step = -1;

	for (int i = 0; i < TREES; i++)
		if (trees[i].from->size > 0)
			trees[i].count = merkle_consistency(
			    trees[i].from->size, trees[i].to->size,
			    trees[i].ranges);
	entries = entries_open(database, &(struct entries_options){
	    .leaves = true, .on_delivery = add_delivery, .context = trees });
	while (entries != NULL &&
	    (step = entries_next(entries, &entry)) == 1)
		add(&trees[EVENTS], entry.leaf);
	entries_close(entries);
	for (int i = 0; i < TREES && step == 0; i++)
		for (int n = 0; n < trees[i].count; n++)
			if (merkle_root(&trees[i].grown[n],
			    trees[i].path[n]) != 0)
				step = -1;
	return step;
}

static void
write_proof(const struct tree *trees, const struct seal *from,
    const struct seal *seal, struct text *out)
{
	text_printf(out, TITLE "\nfrom: %s\nsealed: %s\n", from->time,
	    seal->time);
	for (int i = 0; i < TREES; i++)
		for (int n = 0; n < trees[i].count; n++) {
			text_printf(out, "%s: ", names[i]);
			hex_add(out, trees[i].path[n], DIGEST_BYTES);
			text_puts(out, "\n");
		}
}

enum proof_result
consistency_prove(struct database *database, const struct seal *from,
    const struct seal *seal, struct text *out)
{
	struct tree *trees = open_trees(from, seal);
	enum proof_result result = PROOF_FAILED;

	if (trees == NULL) {
		database_fail(database, "out of memory");
		return PROOF_FAILED;
	}
	if (from->events.size > seal->events.size ||
	    from->deliveries.size > seal->deliveries.size)
		result = PROOF_TOO_LATE;
	else if (grow(database, trees) == 0)
		result = all_proved(trees) ? PROOF_GOOD : PROOF_WRONG;
	if (result == PROOF_GOOD)
		write_proof(trees, from, seal, out);
	free(trees);
	return result;
}

/* --- Checking ------------------------------------------------------------- */

/* Takes a line.  Returns whether a proof may have it. */
static bool
take_line(struct tree *trees, const char *name, const char *value)
{
	for (int i = 0; i < TREES; i++)
		if (strcmp(names[i], name) == 0)
			return trees[i].count < MERKLE_PATH_MAX &&
			    strlen(value) == DIGEST_HEX_SIZE - 1 &&
			    hex_read(value, trees[i].path[trees[i].count++],
			    DIGEST_BYTES) == 0;
	return strcmp(name, "from") == 0 || strcmp(name, "sealed") == 0;
}

static bool
read_proof(struct tree *trees, struct text *proof)
{
	const char *name, *value;
	struct lines lines;

	lines_begin(&lines, proof, TITLE);
	while (lines_next(&lines, &name, &value))
		if (!take_line(trees, name, value))
			return false;
	return !lines.failed;
}

enum proof_result
consistency_check(const struct seal *from, const struct seal *seal,
    struct text *proof)
{
	struct tree *trees = open_trees(from, seal);
	enum proof_result result = PROOF_UNREADABLE;

	if (trees == NULL)
		return PROOF_FAILED;
	if (read_proof(trees, proof))
		result = all_proved(trees) ? PROOF_GOOD : PROOF_WRONG;
	free(trees);
	return result;
}
