/*
 * The objects of a file's schema: whether each is one that may be there.  A
 * file may have been made by an enemy, so a trigger, a view in the place of a
 * table, or a table that is only called like ours is found here, and named.
 * It does not know what the tables are for.
 */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "base/error.h"
#include "store/database.h"

/*
 * Compares all objects of the file with the statements of `schema`, the text of
 * schema.sql.
 *
 * - A table of ours (ingest_…) or an index has exactly our text.
 * - `events`, `sessions` and `agents` have our text; or else each column that
 *   has a name of ours has our affinity too, none is computed, and nothing in
 *   the text swallows a row (ON CONFLICT), compares otherwise (COLLATE) or may
 *   take for ever (LIKE).  Their other indexes are not unique.
 * - Other tables, indexes and views are AgentLens's, but under none of our
 *   names.
 * - There is no trigger.
 *
 * What is missing is no fault.  Returns 0; 1 with a sentence in `found` that
 * names the first object that may not be there, all of it printable; or -1 when
 * the schema cannot be read.
 */
int objects_check(const struct database *database, const char *schema,
    struct error *found);

#endif
