/*
 * The Merkle vectors of github.com/transparency-dev/merkle (testdata/), one
 * file each argument: inclusion and consistency proofs, right and wrong ones.
 * Prints what is judged otherwise than there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/merkle.h"

struct vector {
	const char *text;
	uint64_t numbers[2];
	unsigned char hashes[2][DIGEST_BYTES];
	unsigned char path[MERKLE_PATH_MAX][DIGEST_BYTES];
	int count;
	bool malformed;
};

static char content[1 << 16];

/* The value after a name, or NULL. */
static const char *
find(const char *name)
{
	char quoted[32];

	snprintf(quoted, sizeof(quoted), "\"%s\":", name);
	const char *at = strstr(content, quoted);
	return at == NULL ? NULL : at + strlen(quoted) +
	    strspn(at + strlen(quoted), " \n");
}

static void
read_hash(struct vector *vector, const char *quoted,
    unsigned char hash[DIGEST_BYTES])
{
	if (quoted == NULL || *quoted != '"' ||
	    base64_read_exactly(quoted + 1, strcspn(quoted + 1, "\""), hash,
	    DIGEST_BYTES) != 0)
		vector->malformed = true;
}

static void
read_path(struct vector *vector)
{
	const char *at = find("proof");

	if (at == NULL || *at != '[')
		return;
	for (at += strcspn(at, "\"]"); *at == '"'; at += strcspn(at, "\"]")) {
		if (vector->count == MERKLE_PATH_MAX) {
			vector->malformed = true;
			return;
		}
		read_hash(vector, at, vector->path[vector->count++]);
		at = strchr(at + 1, '"') + 1;
	}
}

static bool
judge(struct vector *vector)
{
	bool inclusion = find("leafIdx") != NULL;
	const char *first = find(inclusion ? "leafIdx" : "size1");
	const char *second = find(inclusion ? "treeSize" : "size2");

	vector->numbers[0] = strtoull(first, NULL, 10);
	vector->numbers[1] = strtoull(second, NULL, 10);
	read_hash(vector, find(inclusion ? "leafHash" : "root1"),
	    vector->hashes[0]);
	read_hash(vector, find(inclusion ? "root" : "root2"),
	    vector->hashes[1]);
	read_path(vector);
	if (vector->malformed)
		return false;
	if (inclusion)
		return merkle_includes(vector->numbers[0], vector->numbers[1],
		    vector->hashes[0], vector->path, vector->count,
		    vector->hashes[1]);
	/* Of nothing everything is the continuation: that is not merkle.c's
	 * to say. */
	if (vector->numbers[0] == 0)
		return vector->count == 0;
	return merkle_continues(vector->numbers[0], vector->hashes[0],
	    vector->numbers[1], vector->hashes[1], vector->path,
	    vector->count);
}

int
main(int argc, char **argv)
{
	int wrong = 0, right = 0;

	if (digest_init() != 0)
		return 2;
	for (int i = 1; i < argc; i++) {
		struct vector vector = { 0 };
		FILE *file = fopen(argv[i], "r");
		if (file == NULL) {
			perror(argv[i]);
			return 2;
		}
		size_t len = fread(content, 1, sizeof(content) - 1, file);
		content[len] = '\0';
		fclose(file);
		const char *refused = find("wantErr");
		/* There are vectors of subtrees, which nobody makes here. */
		if (refused == NULL || find("start") != NULL ||
		    (find("size2") == NULL && find("treeSize") == NULL))
			continue;
		bool expected = strncmp(refused, "true", 4) != 0;
		bool judged = judge(&vector);
		/* One has roots of twelve bytes, which nothing here can be. */
		if (vector.malformed && expected)
			continue;
		if (judged == expected) {
			right++;
		} else {
			printf("%s: %s\n", argv[i],
			    expected ? "refused" : "accepted");
			wrong++;
		}
	}
	printf("%d right, %d wrong\n", right, wrong);
	return wrong != 0;
}
