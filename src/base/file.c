#include "base/file.h"

#include <errno.h>
#include <string.h>

int
file_read_stream(FILE *stream, const char *path, size_t max,
    struct text *out, struct error *error)
{
	char piece[16384];
	size_t len;

	while ((max == 0 || out->len <= max) &&
	    (len = fread(piece, 1, sizeof(piece), stream)) > 0)
		text_add(out, piece, len);
	explicit_bzero(piece, sizeof(piece));
	if (ferror(stream))
		return error_set(error, "%s: %s", path, strerror(errno));
	if (max > 0 && out->len > max)
		return error_set(error, "%s is larger than %zu bytes", path,
		    max);
	return out->failed ? error_set(error, "out of memory") : 0;
}

int
file_read(const char *path, size_t max, struct text *out,
    struct error *error)
{
	if (strcmp(path, "-") == 0)
		return file_read_stream(stdin, path, max, out, error);
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		return error_set(error, "%s: %s", path, strerror(errno));
	int result = file_read_stream(stream, path, max, out, error);
	fclose(stream);
	return result;
}
