/* Fuzz targets: each takes any bytes and holds what is laid down about one
 * room of src/ against what that makes of them. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct fuzz_target {
	const char *name;
	void (*open)(void); /* once, before the first input; or NULL */
	void (*run)(const unsigned char *data, size_t size);
};

extern const struct fuzz_target fuzz_evidence;
extern const struct fuzz_target fuzz_fcgi;
extern const struct fuzz_target fuzz_gateway;
extern const struct fuzz_target fuzz_json;
extern const struct fuzz_target fuzz_mapping;
extern const struct fuzz_target fuzz_sender;
extern const struct fuzz_target fuzz_settings;
extern const struct fuzz_target fuzz_signature;
extern const struct fuzz_target fuzz_timestamp;

/* The target of this name, or NULL; name NULL prints all names. */
const struct fuzz_target *fuzz_find(const char *name);

/*
 * Where a target tells what it wrote, for a second judge; NULL: nowhere.  A
 * line is a word and a text, parted by a tab.
 */
extern FILE *fuzz_told;
void fuzz_tell(const char *word, const char *text, size_t len);

/* What an input must never make untrue. */
#define fuzz_require(condition) \
	((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* A copy of exactly `size` bytes and a NUL, so that a sanitizer sees the
 * first byte that is read behind it.  The caller frees it. */
char *fuzz_copy(const unsigned char *data, size_t size);

#endif
