/* Prints a delivery, for `show` and `refused`. */
#ifndef AGENTLENS_LOG_DELIVERY_H
#define AGENTLENS_LOG_DELIVERY_H

#include "agentlens-log/record.h"
#include "agentlens-log/terminal.h"
#include "store/columns.h"

/* A delivery, and what is said about its signature. */
struct shown_delivery {
	struct delivery_row row;
	const char *mark;   /* for a program: one of a few fixed names */
	const char *remark; /* for a person */
	enum terminal_style style; /* of the remark */
	const char *body; /* or NULL when prune removed it */
};

/* Fills `shown` from the row, which it borrows.  `settings` has the secrets,
 * and may be NULL. */
void delivery_show(struct shown_delivery *shown,
    const struct delivery_row *row, const struct settings *settings);

/* The type of a struct shown_delivery. */
extern const struct record_type record_delivery;

/* Prints "label       value", or the label alone. */
void delivery_print_pair(const char *label, const char *value);
void delivery_print_label(const char *label);

/* Prints the same, with a remark behind it. */
void delivery_print_remark(const char *label, const char *value,
    enum terminal_style style, const char *remark);

#endif
