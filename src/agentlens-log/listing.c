#include "listing.h"

#include <stdio.h>
#include <string.h>

#include "output.h"
#include "story.h"
#include "words.h"

#define GAP 2
#define STORY_MIN 24
#define COLUMNS_MAX 7

enum column {
	ID,
	TIME,
	TYPE,
	SESSION,
	AGENT,
	SOURCE,
	STORY
};

/* In the order on the line, with their widths.  The story has the rest. */
static const struct {
	enum column column;
	const char *title;
	int width;
	int dropped; /* the higher, the sooner when there is no room; 0: never */
} columns[COLUMNS_MAX] = {
	{ ID, "EVENT", 26, 0 },
	{ TIME, "TIME (UTC)", 19, 0 },
	{ TYPE, "TYPE", 18, 4 },
	{ SESSION, "SESSION", 24, 1 },
	{ AGENT, "AGENT", 16, 2 },
	{ SOURCE, "SOURCE", 10, 3 },
	{ STORY, "WHAT", STORY_MIN, 0 },
};

/* Which columns there is room for, and what is left for the story. */
static int
lay_out(bool shown[COLUMNS_MAX])
{
	int width = output_width(), used = -GAP;

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
	return used > width ? STORY_MIN : STORY_MIN + width - used;
}

void
listing_add_titles(struct text *out)
{
	bool shown[COLUMNS_MAX];

	if (!output_is_terminal())
		return;
	lay_out(shown);
	text_puts(out, output_begin(OUTPUT_BOLD));
	for (int i = 0; i < COLUMNS_MAX; i++) {
		if (!shown[i])
			continue;
		output_add_cell(out, columns[i].title, columns[i].width,
		    i != COLUMNS_MAX - 1);
		if (i != COLUMNS_MAX - 1)
			text_puts(out, "  ");
	}
	text_puts(out, output_end());
	text_puts(out, "\n");
}

static void
add_story(struct text *out, const struct row *row, int width)
{
	struct json_object *payload = row_object(row->payload);
	struct text story = TEXT_EMPTY;

	story_add(&story, row, payload, -1);
	text_puts(out, output_begin(story_style(row)));
	output_add_cell(out, text_string(&story), width, false);
	if (story_style(row) != OUTPUT_PLAIN)
		text_puts(out, output_end());
	text_free(&story);
	json_object_put(payload);
}

void
listing_add(struct text *out, const struct row *row)
{
	struct text time = TEXT_EMPTY, source = TEXT_EMPTY;
	bool shown[COLUMNS_MAX];
	int rest = lay_out(shown);

	words_add_time(&time, row->timestamp);
	const char *values[COLUMNS_MAX] = {
		[ID] = row->id,
		[TIME] = text_string(&time),
		[TYPE] = row->type,
		[SESSION] = row->session,
		[AGENT] = row->agent,
		[SOURCE] = row_source(row, &source),
	};
	if (source.len == 0)
		values[SOURCE] = "-";
	for (int i = 0; i < COLUMNS_MAX; i++) {
		enum column column = columns[i].column;
		if (!shown[i])
			continue;
		if (column == STORY) {
			add_story(out, row, rest);
			continue;
		}
		/* Into a pipe nothing is cut. */
		int width = columns[i].width;
		struct text cell = TEXT_EMPTY;
		output_add_cell(&cell, values[column], output_width() == 0 ?
		    0 : width, false);
		int taken = output_columns(text_string(&cell));
		text_add(out, text_string(&cell), cell.len);
		for (; taken < width; taken++)
			text_puts(out, " ");
		text_puts(out, "  ");
		text_free(&cell);
	}
	text_puts(out, "\n");
	text_free(&time);
	text_free(&source);
}

void
listing_print(const struct row *row, bool json)
{
	struct text line = TEXT_EMPTY;

	if (json) {
		row_add_json(&line, row);
		output_json_end(&line);
		return;
	}
	listing_add(&line, row);
	fwrite(text_string(&line), 1, line.len, stdout);
	text_free(&line);
}
