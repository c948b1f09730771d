/* prove and check-proof: that one event is among those that were sealed, or
 * that one seal goes on where another ended. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "consistency.h"
#include "database.h"
#include "evidence.h"
#include "merkle.h"
#include "output.h"
#include "seal.h"

#define TITLE "agentlens-log proof 1"
#define LINE_MAX_BYTES 65536

/* A proof that is being made: the hashes of the ranges, grown side by side. */
struct proof {
	uint64_t index;
	int count;
	struct merkle_range ranges[MERKLE_PATH_MAX];
	struct merkle trees[MERKLE_PATH_MAX];
	struct merkle whole;
	struct text event;
	struct text delivery;
	unsigned char leaf[SIGNATURE_BYTES];
	bool found;
	bool pruned;
};

static int
find_index(struct database *database, const char *id, uint64_t *index)
{
	struct query *query = query_open(database,
	    "WITH place AS (SELECT rowid AS position FROM events WHERE id = ?1"
	    " UNION ALL SELECT position FROM ingest_pruned"
	    " WHERE position IS NOT NULL AND event_id = ?1 LIMIT 1)"
	    " SELECT (SELECT count(*) FROM events WHERE rowid <"
	    " place.position) + (SELECT count(*) FROM ingest_pruned AS p"
	    " WHERE p.position < place.position) FROM place");
	int step = -1;

	if (query != NULL) {
		query_bind_text(query, 1, id);
		step = query_step(query);
	}
	if (step == 1)
		*index = (uint64_t)query_number(query, 0);
	query_close(query);
	return step;
}

static void
take(struct proof *p, const struct entry *entry)
{
	merkle_add(&p->whole, entry->leaf);
	for (int i = 0; i < p->count; i++)
		if (entry->index >= p->ranges[i].from &&
		    entry->index < p->ranges[i].to)
			merkle_add(&p->trees[i], entry->leaf);
	if (entry->index != p->index)
		return;
	p->found = true;
	p->pruned = entry->pruned;
	memcpy(p->leaf, entry->leaf, sizeof(p->leaf));
	if (entry->pruned)
		return;
	evidence_write_event(&p->event, &entry->event, entry->delivery);
	if (entry->delivery != NULL && entry->delivery->body_len > 0)
		evidence_write_delivery(&p->delivery, entry->delivery);
}

static int
grow(struct proof *p, struct database *database, const struct seal_tree *tree)
{
	unsigned char root[SIGNATURE_BYTES];
	struct evidence *evidence = evidence_open(database,
	    &(struct evidence_options){ .leaves = true });
	struct entry entry;
	int step = -1;

	p->count = merkle_inclusion(p->index, tree->size, p->ranges);
	while (evidence != NULL && (step = evidence_next(evidence, &entry)) ==
	    1 && entry.index < tree->size)
		take(p, &entry);
	evidence_close(evidence);
	if (step < 0)
		return COMMAND_FAILED;
	if (p->whole.size == tree->size && merkle_root(&p->whole, root) == 0 &&
	    signature_equal(root, tree->root) && p->found)
		return COMMAND_GOOD;
	complain("the file is not what was sealed, so nothing can be proved; "
	    "`agentlens-log verify --seal` says more");
	return COMMAND_FAULT;
}

static int
print(const struct proof *p, const struct seal *seal, const char *id)
{
	unsigned char hash[SIGNATURE_BYTES];
	char hex[SIGNATURE_HEX_SIZE];

	signature_hex(seal->events.root, hex);
	printf(TITLE "\nevent: %s\nsealed: %s\nindex: %" PRIu64 "\nsize: %"
	    PRIu64 "\nroot: %s\n", id, seal->time, p->index,
	    seal->events.size, hex);
	signature_hex(p->leaf, hex);
	printf("leaf: %s\n", hex);
	if (p->event.len > 0)
		printf("event-data: %s\n", text_string(&p->event));
	if (p->delivery.len > 0)
		printf("delivery-data: %s\n", text_string(&p->delivery));
	for (int i = 0; i < p->count; i++) {
		if (merkle_root(&p->trees[i], hash) != 0)
			return COMMAND_FAILED;
		signature_hex(hash, hex);
		printf("path: %s\n", hex);
	}
	return COMMAND_GOOD;
}

static int
prove(struct database *database, const struct seal *seal, const char *id)
{
	struct proof *p = calloc(1, sizeof(*p));
	int code = COMMAND_FAILED, step;

	if (p == NULL)
		return COMMAND_FAILED;
	step = find_index(database, id, &p->index);
	if (step == 0) {
		complain("there is no event '%s'", id);
		code = COMMAND_FAULT;
	} else if (step == 1 && p->index >= seal->events.size) {
		complain("the event came after the seal of %s", seal->time);
		code = COMMAND_FAULT;
	} else if (step == 1) {
		code = grow(p, database, &seal->events);
	}
	if (code == COMMAND_GOOD)
		code = print(p, seal, id);
	text_free(&p->event);
	text_free(&p->delivery);
	free(p);
	return code;
}

/* Reads the seals that are given, both with the one key. */
static int
read_seals(struct seal seals[2], const char *const files[2],
    const char *key_file)
{
	struct seal_key key = { 0 };
	int result = seal_key_read(&key, key_file);

	for (int i = 0; i < 2 && result == 0; i++)
		if (files[i] != NULL)
			result = seal_read(&seals[i], files[i], &key);
	seal_key_free(&key);
	return result;
}

int
prove_run(struct context *context, int argc, char **argv)
{
	const char *files[2] = { NULL, NULL }, *key_file = NULL;
	const struct option_row options[] = {
		{ "seal", 's', "FILE", "the seal", OPTION_TEXT, &files[0] },
		{ "from", 0, "FILE", "prove that it goes on where this older "
		    "seal ended; without an event", OPTION_TEXT, &files[1] },
		{ "key", 'k', "FILE", "check the seals' HMAC with the key of "
		    "this file", OPTION_TEXT, &key_file },
		{ 0 }
	};
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count != (files[1] == NULL) || files[0] == NULL)
		return options_refuse(context);
	struct seal *seals = calloc(2, sizeof(*seals));
	struct database *database = NULL;
	code = COMMAND_FAILED;
	if (seals != NULL && read_seals(seals, files, key_file) == 0 &&
	    (database = database_open(context, DATABASE_READ)) != NULL)
		code = files[1] != NULL ? consistency_prove(database,
		    &seals[1], &seals[0]) : prove(database, &seals[0],
		    arguments[0]);
	database_close(database);
	free(seals);
	return code;
}

/* --- check-proof: arithmetic alone ----------------------------------------- */

struct claim {
	char id[128];
	uint64_t index;
	uint64_t size;
	unsigned char root[SIGNATURE_BYTES];
	unsigned char leaf[SIGNATURE_BYTES];
	unsigned char path[MERKLE_PATH_MAX][SIGNATURE_BYTES];
	int count;
	char *event;
	char *delivery;
};

static bool
read_hash(const char *value, unsigned char hash[SIGNATURE_BYTES])
{
	return strlen(value) == SIGNATURE_HEX_SIZE - 1 &&
	    signature_decode(value, hash) == 0;
}

static bool
read_size(const char *value, uint64_t *size)
{
	char *end;

	*size = strtoull(value, &end, 10);
	return *value >= '0' && *value <= '9' && *end == '\0' &&
	    end - value <= 18;
}

/* One line, its newline gone.  Returns whether it is one of a proof. */
static bool
read_line(struct claim *c, char *line)
{
	char *value = strstr(line, ": ");

	if (value == NULL)
		return strcmp(line, TITLE) == 0;
	*value = '\0';
	value += 2;
	if (strcmp(line, "event") == 0)
		return snprintf(c->id, sizeof(c->id), "%s", value) <
		    (int)sizeof(c->id);
	if (strcmp(line, "sealed") == 0)
		return true;
	if (strcmp(line, "index") == 0)
		return read_size(value, &c->index);
	if (strcmp(line, "size") == 0)
		return read_size(value, &c->size);
	if (strcmp(line, "root") == 0)
		return read_hash(value, c->root);
	if (strcmp(line, "leaf") == 0)
		return read_hash(value, c->leaf);
	if (strcmp(line, "path") == 0)
		return c->count < MERKLE_PATH_MAX &&
		    read_hash(value, c->path[c->count++]);
	if (strcmp(line, "event-data") == 0)
		return c->event == NULL &&
		    (c->event = strdup(value)) != NULL;
	if (strcmp(line, "delivery-data") == 0)
		return c->delivery == NULL &&
		    (c->delivery = strdup(value)) != NULL;
	return false;
}

static int
read_claim(struct claim *c, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	bool good = true;

	if (file == NULL) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	while (good && (len = getline(&line, &size, file)) > 0) {
		good = line[len - 1] == '\n' && len < LINE_MAX_BYTES;
		line[len - 1] = '\0';
		good = good && read_line(c, line);
	}
	good = good && !ferror(file) && c->id[0] != '\0' && c->size > 0;
	free(line);
	if (file != stdin)
		fclose(file);
	if (!good)
		complain("%s: it is no proof of agentlens-log, or not whole",
		    path);
	return good ? 0 : -1;
}

/* What, if anything, the claim cannot stand on. */
static const char *
judge(const struct claim *c, const struct seal *seal)
{
	unsigned char hash[SIGNATURE_BYTES];
	char hex[SIGNATURE_HEX_SIZE], member[128];

	if (seal != NULL && (seal->events.size != c->size ||
	    !signature_equal(seal->events.root, c->root)))
		return "it is not a proof for this seal";
	if (c->event != NULL) {
		if (merkle_leaf(c->event, strlen(c->event), hash) != 0 ||
		    !signature_equal(hash, c->leaf))
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
		signature_hex(hash, hex);
		snprintf(member, sizeof(member), ",\"delivery\":\"%s\"}", hex);
		size_t len = strlen(member), all = strlen(c->event);
		if (all < len || strcmp(c->event + all - len, member) != 0)
			return "the delivery's data are not those of the "
			    "event";
	}
	return merkle_includes(c->index, c->size, c->leaf,
	    (unsigned char (*)[SIGNATURE_BYTES])c->path, c->count, c->root) ?
	    NULL : "the path does not lead from the leaf to the root";
}

static int
check_claim(struct context *context, struct claim *c, const struct seal *seal)
{
	const char *fault = judge(c, seal);
	struct text line = TEXT_EMPTY;
	char root[SIGNATURE_HEX_SIZE];

	signature_hex(c->root, root);
	if (context->json) {
		output_json_bool(&line, "proved", fault == NULL);
		output_json_text(&line, "eventId", c->id);
		output_json_text(&line, "fault", fault);
		output_json_text(&line, "root", root);
		output_json_number(&line, "size", (int64_t)c->size);
		output_json_end(&line);
	} else if (fault != NULL) {
		printf("NOT PROVED  %s\n", fault);
	} else {
		printf("PROVED  event ");
		output_print(OUTPUT_BOLD, c->id);
		printf(" is one of the %" PRIu64 " under the root\n  %s%s\n",
		    c->size, root, seal != NULL ? ", which is the seal's" :
		    "\n  Compare it with the seal: events-root.");
	}
	return fault == NULL ? COMMAND_GOOD : COMMAND_FAULT;
}

/* That one event is among those sealed. */
static int
check_event(struct context *context, const struct seal *seal,
    const char *path)
{
	struct claim *claim = calloc(1, sizeof(*claim));
	int code = COMMAND_FAILED;

	if (claim == NULL)
		return COMMAND_FAILED;
	if (read_claim(claim, path) == 0)
		code = check_claim(context, claim, seal);
	free(claim->event);
	free(claim->delivery);
	free(claim);
	return code;
}

int
check_proof_run(struct context *context, int argc, char **argv)
{
	const char *files[2] = { NULL, NULL }, *key_file = NULL;
	const struct option_row options[] = {
		{ "seal", 's', "FILE", "the seal that it is to be of",
		    OPTION_TEXT, &files[0] },
		{ "from", 0, "FILE", "the older seal that it is to go on from",
		    OPTION_TEXT, &files[1] },
		{ "key", 'k', "FILE", "check the seals' HMAC with the key of "
		    "this file", OPTION_TEXT, &key_file },
		{ 0 }
	};
	char **arguments;
	int count, code;

	code = options_read(context, options, argc, argv, &count, &arguments);
	if (code >= 0)
		return code;
	if (count != 1 || (files[1] != NULL && files[0] == NULL))
		return options_refuse(context);
	struct seal *seals = calloc(2, sizeof(*seals));
	code = COMMAND_FAILED;
	if (seals != NULL && read_seals(seals, files, key_file) == 0)
		code = files[1] != NULL ? consistency_check(context,
		    &seals[1], &seals[0], arguments[0]) : check_event(context,
		    files[0] == NULL ? NULL : &seals[0], arguments[0]);
	free(seals);
	return code;
}
