#include "agentlens-log/event_table.h"

#include <stdio.h>
#include <string.h>

#include "agentlens-log/terminal.h"
#include "reader/describe.h"
#include "reader/humanize.h"

#define GAP 2
#define DESCRIPTION_MIN 24
#define COLUMNS_MAX 7

/* "2026-11-23 10:00:00" */
#define TIME_LEN 19

enum cell {
	ID,
	TIME,
	TYPE,
	SESSION,
	AGENT,
	SOURCE,
	DESCRIPTION
};

/* The columns in the order on the line.  The description gets what is left of
 * the width. */
static const struct {
	enum cell column;
	const char *title;
	int width;
	int dropped; /* left out for want of room, highest first; 0: never */
} columns[COLUMNS_MAX] = {
	{ ID, "EVENT", 26, 0 },
	{ TIME, "TIME (UTC)", 20, 0 },
	{ TYPE, "TYPE", 18, 4 },
	{ SESSION, "SESSION", 24, 1 },
	{ AGENT, "AGENT", 16, 2 },
	{ SOURCE, "SOURCE", 10, 3 },
	{ DESCRIPTION, "WHAT", DESCRIPTION_MIN, 0 },
};

/* Finds the columns that there is room for.  Returns the width of the
 * description, or 0 for no limit. */
static int
lay_out(bool shown[COLUMNS_MAX])
{
	int width = terminal_width(), used = -GAP;

	for (int i = 0; i < COLUMNS_MAX; i++) {
		shown[i] = true;
		used += columns[i].width + GAP;
	}
	for (int drop = COLUMNS_MAX; width > 0 && drop > 0; drop--)
		for (int i = 0; i < COLUMNS_MAX && used > width; i++)
			if (columns[i].dropped == drop) {
				shown[i] = false;
				used -= columns[i].width + GAP;
			}
	if (width == 0)
		return 0;
	return used > width ? DESCRIPTION_MIN : DESCRIPTION_MIN + width - used;
}

void
event_table_add_titles(struct text *out)
{
	bool shown[COLUMNS_MAX];

	if (!terminal_is_terminal())
		return;
	lay_out(shown);
	text_puts(out, terminal_begin(TERMINAL_BOLD));
	for (int i = 0; i < COLUMNS_MAX; i++) {
		if (!shown[i])
			continue;
		terminal_add_cell(out, columns[i].title, columns[i].width,
		    i != COLUMNS_MAX - 1);
		if (i != COLUMNS_MAX - 1)
			text_puts(out, "  ");
	}
	text_puts(out, terminal_end());
	text_puts(out, "\n");
}

static void
add_description(struct text *out, const struct event_row *row, int width)
{
	enum terminal_style style = terminal_tone(describe_tone(row));
	struct json_object *payload = event_object(row->columns.payload);
	struct text description = TEXT_EMPTY;

	describe_add(&description, row, payload, -1);
	text_puts(out, terminal_begin(style));
	terminal_add_cell(out, text_string(&description), width, false);
	if (style != TERMINAL_PLAIN)
		text_puts(out, terminal_end());
	text_free(&description);
	json_object_put(payload);
}

/* Appends a cell, filled up to its width; where there is no terminal it is not
 * cut to it. */
static void
add_cell(struct text *out, const char *value, int width)
{
	size_t before = out->len;

	terminal_add_cell(out, value, terminal_width() == 0 ? 0 : width, false);
	for (int taken = terminal_columns(text_string(out) + before);
	    taken < width; taken++)
		text_puts(out, " ");
	text_puts(out, "  ");
}

void
event_table_add(struct text *out, const struct event_row *row)
{
	struct text time = TEXT_EMPTY, source = TEXT_EMPTY;
	bool shown[COLUMNS_MAX];
	int rest = lay_out(shown);

	humanize_add_time(&time, row->columns.timestamp);
	if (time.len == TIME_LEN)
		text_puts(&time, "Z");
	const char *values[COLUMNS_MAX] = {
		[ID] = row->columns.id,
		[TIME] = text_string(&time),
		[TYPE] = row->columns.event_type,
		[SESSION] = row->columns.session_id,
		[AGENT] = row->columns.agent_id,
		[SOURCE] = event_source(row, &source),
	};
	if (source.len == 0)
		values[SOURCE] = "-";
	for (int i = 0; i < COLUMNS_MAX; i++) {
		enum cell column = columns[i].column;
		if (!shown[i])
			continue;
		if (column == DESCRIPTION) {
			add_description(out, row, rest);
			continue;
		}
		add_cell(out, values[column], columns[i].width);
	}
	text_puts(out, "\n");
	text_free(&time);
	text_free(&source);
}

static void
print(struct text *line)
{
	fwrite(text_string(line), 1, line->len, stdout);
	text_free(line);
}

void
event_table_print_titles(void)
{
	struct text line = TEXT_EMPTY;

	event_table_add_titles(&line);
	print(&line);
}

void
event_table_print(const struct event_row *event)
{
	struct text line = TEXT_EMPTY;

	event_table_add(&line, event);
	print(&line);
}
