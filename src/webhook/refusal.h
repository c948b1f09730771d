/* Why something is refused: codes that are stored, compared and logged.  It
 * does not know what a sender is told about each, nor with which HTTP status:
 * that is for the program that answers. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdbool.h>

#include "base/text.h"

/* REFUSAL_NONE is 0.  Each of the others has a name that files keep, so names
 * are added and never changed. */
enum refusal_code {
	REFUSAL_NONE,

	/* The request. */
	REFUSAL_NOT_FOUND,
	REFUSAL_NO_SENDER, /* subject: the path's sender's missing setting */
	REFUSAL_NOT_POST,
	REFUSAL_NOT_GET,
	REFUSAL_BAD_LENGTH,
	REFUSAL_WRONG_LENGTH,
	REFUSAL_TOO_LARGE, /* subject: the limit */
	REFUSAL_TOO_SLOW,  /* subject: the time limit */

	/* The delivery. */
	REFUSAL_BAD_JSON, /* subject: what is wrong, and at which byte */
	REFUSAL_NO_SOURCE,
	REFUSAL_NO_SECRET,
	REFUSAL_BAD_SIGNATURE,
	REFUSAL_UNSIGNED,        /* where only signed ones are taken */
	REFUSAL_STALE,           /* good, but outside the window; subject: it */
	REFUSAL_SOURCE_MISMATCH, /* signed by another than the body names */
	REFUSAL_UNSIGNED_TYPE,    /* subject: the event type */
	REFUSAL_UNSIGNED_EVENT,   /* subject: the event's name */
	REFUSAL_UNSIGNED_SESSION, /* subject: the session */
	REFUSAL_NO_EVENT,
	REFUSAL_NO_DATA,
	REFUSAL_UNKNOWN_EVENT, /* subject: the event's name */
	REFUSAL_BAD_FIELD,     /* subject: the field, and a rule */
	REFUSAL_KEY_REUSED,

	/* The fault is on this machine.  The sender may send the same again. */
	REFUSAL_EXPOSED, /* subject: what the web server could hand out */
	REFUSAL_MISCONFIGURED,
	REFUSAL_BUSY,
	REFUSAL_UNAVAILABLE,
	REFUSAL_NO_MEMORY,
	REFUSAL_NO_DIGEST, /* libgcrypt computes none */
	REFUSAL_INTERNAL,
	REFUSAL_CODES
};

/* The rule that a field of REFUSAL_BAD_FIELD breaks; these have names that
 * files keep, too. */
enum refusal_rule {
	REFUSAL_RULE_NONE,
	REFUSAL_RULE_STRING,
	REFUSAL_RULE_NUMBER,
	REFUSAL_RULE_OBJECT,
	REFUSAL_RULE_LIST,
	REFUSAL_RULE_TIME,
	REFUSAL_RULE_SECONDS,  /* milliseconds, not seconds */
	REFUSAL_RULE_HOUR,     /* a date with a time of day */
	REFUSAL_RULE_CALENDAR, /* a day and a time that there are */
	REFUSAL_RULE_YEAR,     /* 1970 to 9999 */
	REFUSAL_RULE_LENGTH,   /* at most FIELD_ID_BYTES_MAX bytes */
	REFUSAL_RULE_CONTROL,  /* without control characters */
	REFUSAL_RULE_FILLED,   /* not empty */
	REFUSAL_RULE_DECISION, /* approved or denied */
	REFUSAL_RULES
};

#define REFUSAL_SUBJECT_SIZE 256

struct refusal {
	enum refusal_code code;
	enum refusal_rule rule;
	char subject[REFUSAL_SUBJECT_SIZE]; /* UTF-8; "" for none */
};

/*
 * Each fills in a refusal and returns its code, so that a step can return the
 * result: with a code alone; with a subject, printed as by printf() and cut
 * between characters where it is too long; for a field that breaks a rule.
 */
enum refusal_code refusal_set(struct refusal *refusal,
    enum refusal_code code);
enum refusal_code refusal_set_subject(struct refusal *refusal,
    enum refusal_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum refusal_code refusal_set_field(struct refusal *refusal,
    const char *field, enum refusal_rule rule);

/* The stable name of a code, "unknown-event", as a static string. */
const char *refusal_name(enum refusal_code code);

/* Whether the fault is in the delivery, so that sending the same again is of
 * no use.  A signed delivery is then kept, with the reason. */
bool refusal_is_senders(enum refusal_code code);

/* Appends the reason as it is stored: the code's name, then subject and rule
 * where there are any, "bad-field: timestamp: not a time". */
void refusal_write(const struct refusal *refusal, struct text *out);

/* The code of a stored reason; REFUSAL_NONE when its name is not known. */
enum refusal_code refusal_code_of(const char *reason);

#endif
