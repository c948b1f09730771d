/* The log: one event, one line, one write. */
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

/* Names of the levels, in the order of the enum: "error", "warn", … */
extern const char *const log_level_names[LOG_LEVELS];

/* Lines less severe than this are not written.  Set once, before threads. */
void log_set_level(enum log_level level);

/*
 * Where this thread's lines go: a function that is handed a whole line with
 * its newline.  NULL: standard error.  A web server's FastCGI error stream
 * belongs to one request, so each worker sets it for the time of a request.
 */
typedef void log_sink(void *context, const char *line, size_t len);
void log_set_sink(log_sink *sink, void *context);

/*
 * Writes "agentlens-ingest[pid]: level: key=value …" from pairs of strings,
 * closed by NULL.  A pair whose value is NULL is left out.  Values are quoted
 * where needed, control characters escaped, and long ones cut, so that a line
 * stays one line and one record of the FastCGI error stream.
 */
void log_line(enum log_level level, ...) __attribute__((sentinel));

#endif
