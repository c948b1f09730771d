/* The log: each message is one line, written at once.  It does not know where
 * a sink sends it. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_LEVELS
};

/* Names of the levels, in the order of the enum ("error", "warn", …), closed
 * by NULL. */
extern const char *const log_level_names[LOG_LEVELS + 1];

/* Messages less severe than this are not written.  Call it before any thread
 * is started. */
void log_set_level(enum log_level level);

/* Is called with a whole line, its newline included. */
typedef void log_sink(void *context, const char *line, size_t len);

/*
 * Sends this thread's lines to a sink from now on; NULL is standard error.  A
 * web server's FastCGI error stream belongs to one request, so that each
 * worker sets its sink for the time of a request.
 */
void log_set_sink(log_sink *sink, void *context);

/*
 * Writes "agentlens-ingest[pid]: level: key=value …" from pairs of strings,
 * closed by NULL.  A pair whose value is NULL is left out.  Values are quoted
 * where needed, control characters escaped, and long ones cut, so that a line
 * stays one line and one record of the FastCGI error stream.
 */
void log_line(enum log_level level, ...) __attribute__((sentinel));

#endif
