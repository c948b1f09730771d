/* The lines that transparency logs write, each ended by a newline. */
#ifndef TLOG_LINES_H
#define TLOG_LINES_H

#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"

/* What is left of the text. */
struct tlog_lines {
	const char *at;
	const char *end;
};

/* The next line without its newline, borrowed; false at the end of the text,
 * or when its rest has no newline. */
static inline bool
tlog_next(struct tlog_lines *lines, const char **line, size_t *len)
{
	const char *newline = lines->at == lines->end ? NULL :
	    memchr(lines->at, '\n', (size_t)(lines->end - lines->at));

	if (newline == NULL)
		return false;
	*line = lines->at;
	*len = (size_t)(newline - lines->at);
	lines->at = newline + 1;
	return true;
}

/* Whether a line begins with this word and a space, which are skipped. */
static inline bool
tlog_skip(const char **line, size_t *len, const char *word)
{
	size_t skip = strlen(word);

	if (*len <= skip || memcmp(*line, word, skip) != 0 ||
	    (*line)[skip] != ' ')
		return false;
	*line += skip + 1;
	*len -= skip + 1;
	return true;
}

/*
 * Reads lines of one hash each in base 64, up to an empty line, which is
 * skipped.  Returns how many there are, or -1: more than `max`, a line that is
 * no hash, or no empty line.
 */
static inline int
tlog_hashes(struct tlog_lines *lines, unsigned char hashes[][DIGEST_BYTES],
    int max)
{
	const char *line;
	size_t len;
	int count = 0;

	while (tlog_next(lines, &line, &len)) {
		if (len == 0)
			return count;
		if (count == max || base64_read_exactly(line, len,
		    hashes[count++], DIGEST_BYTES) != 0)
			return -1;
	}
	return -1;
}

#endif
