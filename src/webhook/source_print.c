#include "webhook/source_print.h"

#include <string.h>

static const char *const algorithms[SOURCE_ALGORITHMS] = {
	[SOURCE_HMAC_SHA256] = "HMAC-SHA-256",
	[SOURCE_HMAC_SHA1] = "HMAC-SHA-1",
	[SOURCE_TOKEN] = "the secret itself",
};

static const char *const encodings[SOURCE_ENCODINGS] = {
	[SOURCE_HEX] = "hex",
	[SOURCE_BASE64] = "base64",
};

static const char *const keys[SOURCE_KEYS] = {
	[SOURCE_KEY_TEXT] = "text",
	[SOURCE_KEY_WHSEC] = "whsec",
};

/* Appends a cell; NULL is an empty one. */
static void
cell(struct text *out, const char *value)
{
	if (value == NULL)
		text_puts(out, " |");
	else if (strcmp(value, " ") == 0)
		text_puts(out, " space |");
	else
		text_printf(out, " `%s` |", value);
}

static void
print_signature(struct text *out, const struct source *s)
{
	bool token = s->algorithm == SOURCE_TOKEN;

	text_printf(out, "| %s | %s |", s->name, algorithms[s->algorithm]);
	cell(out, s->signature_headers[0]);
	cell(out, s->delimiter);
	cell(out, s->prefix);
	cell(out, token ? NULL : encodings[s->encoding]);
	cell(out, s->signed_text);
	cell(out, s->timestamp);
	if (s->timestamp != NULL)
		text_printf(out, " %ld |", s->window_s);
	else
		cell(out, NULL);
	cell(out, keys[s->key]);
}

void
source_print_row(struct text *out, const struct source *s)
{
	print_signature(out, s);
	cell(out, s->delivery_id);
	cell(out, s->event);
	if (s->session_of != NULL)
		text_puts(out, " as the object has it |");
	else
		cell(out, s->session);
	cell(out, s->metadata);
	cell(out, s->agent);
	cell(out, s->form_field);
	text_printf(out, " %s | %s |\n", s->handshake != NULL ? "yes" : "",
	    s->approval != NULL ? "yes" : "");
}

static void
print_list(struct text *out, const char *const *list)
{
	for (size_t i = 0; list[i] != NULL; i++)
		text_printf(out, "%s`%s`", i == 0 ? "" : ", ", list[i]);
	text_puts(out, "\n");
}

void
source_print(struct text *out)
{
	text_puts(out, "| sender | signs with | header | between several | "
	    "prefix | encoding | signed | time | window s | key | delivery id "
	    "| event | session | metadata | agent | form field | handshake | "
	    "approvals |\n"
	    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
	    "---|---|\n");
	for (int i = SOURCE_SENDER; i < SOURCES; i++)
		source_print_row(out, &sources[i]);
	text_puts(out, "\nKept in the payload:\n\n");
	for (int i = SOURCE_SENDER; i < SOURCES; i++) {
		text_printf(out, "- %s: ", sources[i].name);
		if (sources[i].keep != NULL)
			print_list(out, sources[i].keep);
		else
			text_puts(out, "all but the names below\n");
	}
	text_puts(out, "\nNever kept, at any depth: ");
	print_list(out, sources[SOURCE_SENDER].drop);
}
