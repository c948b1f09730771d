/* The gate that bounds memory: large bodies are converted a few at a time.  It
 * knows only how long they are. */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <stddef.h>

/*
 * Waits until a body of body_len bytes may be read into JSON values, which take
 * up to 70 times its memory.  Small ones never wait.  Each entry must be left,
 * with the same number, once the values are freed; the thread must not wait for
 * anything in between.
 */
void admission_enter(size_t body_len);
void admission_leave(size_t body_len);

#endif
