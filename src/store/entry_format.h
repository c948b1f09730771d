/* The format of an entry's text: the one table that its writer and its reader
 * walk.  For entry.c and entry_read.c only. */
#ifndef ENTRY_FORMAT_H
#define ENTRY_FORMAT_H

#include "store/entry.h"

enum entry_field_type {
	FIELD_NUMBER,   /* int64_t, 0 to ENTRY_NUMBER_MAX */
	FIELD_NUMBER_1, /* the same from 1 on */
	FIELD_TIME,     /* the same, below 0 is null */
	FIELD_CODE,     /* const char *, a code */
	FIELD_CODE_0,   /* the same, NULL is null */
	FIELD_STRING,   /* const char *, UTF-8 */
	FIELD_STRING_0,
	FIELD_HASH, /* const unsigned char *, as hex digits */
	FIELD_HASH_0,
	FIELD_WRITER, /* uint64_t, as hex digits */
	FIELD_NOTES,  /* unsigned, as an array of names */
	FIELD_LOST,   /* int64_t twice, as an array; the first 0 is null */
	FIELD_NULL    /* null always: another kind has a value there */
};

struct entry_field {
	const char *name; /* NULL ends the list */
	enum entry_field_type type;
	size_t offset; /* into struct entry */
};

struct entry_format {
	const char *name;
	const struct entry_field *fields; /* behind those of every kind */
};

extern const struct entry_format entry_formats[ENTRY_KINDS];

/* Whether it is a code. */
bool entry_is_code(const char *code);

#endif
