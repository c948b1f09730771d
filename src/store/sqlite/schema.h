/* The tables of a file: checks that they are those that this program knows, and
 * makes what is missing.  It does not know what is in them. */
#ifndef SQLITE_SCHEMA_H
#define SQLITE_SCHEMA_H

#include "store/database.h"
#include "webhook/refusal.h"

/* Whether this program knows files with this PRAGMA user_version. */
bool schema_is_known(int64_t version);

/* Returns REFUSAL_NONE; or REFUSAL_UNAVAILABLE, logged, for a file of a newer
 * schema, or one with an object that may not be there (objects_check()); or why the file cannot be read, logged. */
enum refusal_code schema_check(const struct database *database);

/* Makes the tables, or the columns that those of an older AgentLens lack, in a
 * transaction of its own.  Returns REFUSAL_NONE, or why not, logged. */
enum refusal_code schema_make(struct database *database);

/* Makes the tables of the schema that are missing.  Returns 0 or -1. */
int schema_complete(struct database *database);

/* Returns 0 when the file is AgentLens's, of a version that this program knows,
 * with no object that may not be there, or empty; else -1. */
int schema_check_kind(struct database *database);

/* The same, and also makes an empty temporary table for each that the file
 * lacks.  Returns 0 or -1. */
int schema_stand_in(struct database *database);

#endif
