#include "consistency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "merkle.h"
#include "output.h"

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

/* One of the two trees, from the older seal to the later one. */
struct tree {
	const struct seal_tree *from;
	const struct seal_tree *to;
	int count;
	unsigned char path[MERKLE_PATH_MAX][SIGNATURE_BYTES];

	/* While it is grown: the ranges that the path is the hashes of. */
	uint64_t leaves;
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct merkle grown[MERKLE_PATH_MAX];
};

static struct tree *
open_trees(const struct seal *from, const struct seal *seal)
{
	struct tree *trees = calloc(TREES, sizeof(*trees));

	if (trees == NULL) {
		complain("out of memory");
		return NULL;
	}
	trees[EVENTS].from = &from->events;
	trees[EVENTS].to = &seal->events;
	trees[DELIVERIES].from = &from->deliveries;
	trees[DELIVERIES].to = &seal->deliveries;
	return trees;
}

/* Nothing is the beginning of anything, and has no proof. */
static bool
is_proved(struct tree *t)
{
	return t->from->size == 0 ? t->count == 0 :
	    merkle_continues(t->from->size, t->from->root, t->to->size,
	    t->to->root, t->path, t->count);
}

/* --- Proving -------------------------------------------------------------- */

static void
add(struct tree *t, const unsigned char leaf[SIGNATURE_BYTES])
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
	struct evidence *evidence;
	struct entry entry;
	int step = -1;

	for (int i = 0; i < TREES; i++)
		if (trees[i].from->size > 0)
			trees[i].count = merkle_consistency(
			    trees[i].from->size, trees[i].to->size,
			    trees[i].ranges);
	evidence = evidence_open(database, &(struct evidence_options){
	    .leaves = true, .on_delivery = add_delivery, .context = trees });
	while (evidence != NULL &&
	    (step = evidence_next(evidence, &entry)) == 1)
		add(&trees[EVENTS], entry.leaf);
	evidence_close(evidence);
	for (int i = 0; i < TREES && step == 0; i++)
		for (int n = 0; n < trees[i].count; n++)
			if (merkle_root(&trees[i].grown[n],
			    trees[i].path[n]) != 0)
				step = -1;
	return step;
}

static void
print(const struct tree *trees, const struct seal *from,
    const struct seal *seal)
{
	char hex[SIGNATURE_HEX_SIZE];

	printf(TITLE "\nfrom: %s\nsealed: %s\n", from->time, seal->time);
	for (int i = 0; i < TREES; i++)
		for (int n = 0; n < trees[i].count; n++) {
			signature_hex(trees[i].path[n], hex);
			printf("%s: %s\n", names[i], hex);
		}
}

int
consistency_prove(struct database *database, const struct seal *from,
    const struct seal *seal)
{
	struct tree *trees = open_trees(from, seal);
	int code = COMMAND_FAILED;

	if (trees == NULL)
		return COMMAND_FAILED;
	if (from->events.size > seal->events.size ||
	    from->deliveries.size > seal->deliveries.size) {
		complain("the seal of %s has more than that of %s, and so "
		    "cannot be the older one", from->time, seal->time);
		code = COMMAND_FAULT;
	} else if (grow(database, trees) == 0) {
		bool proved = is_proved(&trees[EVENTS]) &&
		    is_proved(&trees[DELIVERIES]);
		code = proved ? COMMAND_GOOD : COMMAND_FAULT;
		if (proved)
			print(trees, from, seal);
		else
			complain("the file is not what was sealed, so nothing "
			    "can be proved; `agentlens-log verify --seal` "
			    "says more");
	}
	free(trees);
	return code;
}

/* --- Checking ------------------------------------------------------------- */

/* One line after the title.  Returns whether it is one of a proof. */
static bool
read_line(struct tree *trees, const char *line)
{
	const char *value = strstr(line, ": ");

	if (value == NULL)
		return false;
	size_t len = (size_t)(value - line);
	value += 2;
	for (int i = 0; i < TREES; i++)
		if (strlen(names[i]) == len &&
		    memcmp(names[i], line, len) == 0)
			return trees[i].count < MERKLE_PATH_MAX &&
			    strlen(value) == SIGNATURE_HEX_SIZE - 1 &&
			    signature_decode(value,
			    trees[i].path[trees[i].count++]) == 0;
	return strncmp(line, "from: ", 6) == 0 ||
	    strncmp(line, "sealed: ", 8) == 0;
}

static int
read_proof(struct tree *trees, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[256];
	bool good = true, titled = false;

	if (file == NULL) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	while (good && fgets(line, sizeof(line), file) != NULL) {
		char *end = strchr(line, '\n');
		if ((good = end != NULL))
			*end = '\0';
		good = good && (titled ? read_line(trees, line) :
		    strcmp(line, TITLE) == 0);
		titled = true;
	}
	good = good && titled && !ferror(file);
	if (file != stdin)
		fclose(file);
	if (!good)
		complain("%s: it is no consistency proof of agentlens-log, or "
		    "not whole", path);
	return good ? 0 : -1;
}

int
consistency_check(struct context *context, const struct seal *from,
    const struct seal *seal, const char *path)
{
	struct tree *trees = open_trees(from, seal);
	struct text line = TEXT_EMPTY;

	if (trees == NULL || read_proof(trees, path) != 0) {
		free(trees);
		return COMMAND_FAILED;
	}
	bool proved = is_proved(&trees[EVENTS]) &&
	    is_proved(&trees[DELIVERIES]);
	free(trees);
	if (context->json) {
		output_json_bool(&line, "proved", proved);
		output_json_text(&line, "from", from->time);
		output_json_text(&line, "sealed", seal->time);
		output_json_end(&line);
	} else if (proved) {
		printf("PROVED  the %" PRIu64 " events sealed at %s are the "
		    "first of the %" PRIu64 " sealed at %s\n",
		    from->events.size, from->time, seal->events.size,
		    seal->time);
	} else {
		printf("NOT PROVED  the path does not lead from the one seal "
		    "to the other\n");
	}
	return proved ? COMMAND_GOOD : COMMAND_FAULT;
}
