/* The texts of all statements, in the order of the enum, for the files of this
 * folder only. */
#ifndef SQL_H
#define SQL_H

#include "store/statements.h"

extern const char *const sql[STATEMENTS];

#endif
