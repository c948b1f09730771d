/* Why something failed, as a sentence for a person.  It is passed up to the
 * caller that can show it; nothing here prints or logs it. */
#ifndef ERROR_H
#define ERROR_H

#define ERROR_SIZE 1024

struct error {
	char text[ERROR_SIZE]; /* "" when nothing failed */
};

/* Replaces the sentence, cut to ERROR_SIZE - 1 bytes.  Always returns -1, so
 * that a failing function can return its result.  `error` may be NULL. */
int error_set(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
