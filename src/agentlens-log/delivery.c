#include "agentlens-log/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/mark_delivery.h"

/* Columns of a label. */
#define LABEL 12

void
delivery_print_label(const char *label)
{
	printf("%s%-*s%s", terminal_begin(TERMINAL_BOLD), LABEL, label,
	    terminal_end());
}

void
delivery_print_pair(const char *label, const char *value)
{
	delivery_print_label(label);
	terminal_print(TERMINAL_PLAIN, value);
	printf("\n");
}

void
delivery_print_remark(const char *label, const char *value,
    enum terminal_style style, const char *remark)
{
	delivery_print_label(label);
	terminal_print(TERMINAL_PLAIN, value);
	printf("  ");
	terminal_print(style, remark);
	printf("\n");
}

/* Prints the lines of a body; a NUL ends a line, too. */
static void
print_body(const char *body, size_t len)
{
	while (len > 0) {
		size_t line = 0;
		while (line < len && body[line] != '\n' && body[line] != '\0')
			line++;
		char *copy = strndup(body, line);
		printf("  ");
		if (copy != NULL)
			terminal_print(TERMINAL_PLAIN, copy);
		printf("\n");
		free(copy);
		line += line < len;
		body += line;
		len -= line;
	}
}

static void
print(const struct context *context, const void *record)
{
	const struct shown_delivery *shown = record;
	const struct delivery_row *row = &shown->row;

	(void)context;
	delivery_print_label("delivery");
	printf("%" PRId64 "\n", row->id);
	delivery_print_pair("source", row->source);
	delivery_print_pair("received", row->received_at);
	delivery_print_pair("from", row->remote_addr == NULL ? "unknown" :
	    row->remote_addr);
	if (row->reason != NULL)
		delivery_print_pair("refused", row->reason);
	if (row->signature == NULL)
		delivery_print_pair("signature", "none");
	else
		delivery_print_remark("signature", row->signature,
		    shown->style, shown->remark);
	delivery_print_label("body");
	if (row->body.len == 0)
		printf("pruned\n");
	else
		printf("%zu bytes\n", row->body.len);
	print_body((const char *)row->body.data, row->body.len);
}

static const struct record_field fields[] = {
	RECORD_FIELD("delivery", RECORD_NUMBER, shown_delivery, row.id),
	RECORD_FIELD("source", RECORD_TEXT, shown_delivery, row.source),
	RECORD_FIELD("receivedAt", RECORD_TEXT, shown_delivery,
	    row.received_at),
	RECORD_FIELD("remoteAddr", RECORD_TEXT, shown_delivery,
	    row.remote_addr),
	RECORD_FIELD("reason", RECORD_TEXT, shown_delivery, row.reason),
	RECORD_FIELD("signature", RECORD_TEXT, shown_delivery,
	    row.signature),
	RECORD_FIELD("signatureState", RECORD_TEXT, shown_delivery, mark),
	RECORD_FIELD("body", RECORD_TEXT, shown_delivery, body),
	{ 0 }
};

const struct record_type record_delivery = {
	.fields = fields,
	.print = print,
};

void
delivery_show(struct shown_delivery *shown, const struct delivery_row *row,
    const struct settings *settings)
{
	static const struct {
		const char *mark;
		const char *remark;
		enum terminal_style style;
	} marks[] = {
		[MARK_UNSIGNED] = { "unsigned", "unsigned", TERMINAL_DIM },
		[MARK_NOT_CHECKED] = { "unchecked",
		    "not checked, as no secret is set here", TERMINAL_DIM },
		[MARK_GOOD] = { "good", "good", TERMINAL_GOOD },
		[MARK_WRONG] = { "wrong",
		    "WRONG: no secret that is set here made it",
		    TERMINAL_BAD },
	};
	enum mark mark = mark_delivery(row, settings);

	*shown = (struct shown_delivery){
		.row = *row,
		.mark = marks[mark].mark,
		.remark = row->body.len > 0 ? marks[mark].remark :
		    "cannot be checked without the body",
		.style = marks[mark].style,
		.body = row->body.len > 0 ? (const char *)row->body.data :
		    NULL,
	};
}
