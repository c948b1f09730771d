#include "webhook/own_sender.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webhook/locator.h"
#include "webhook/source_keep.h"

#define NAME_MAX_LEN 64
#define VALUE_MAX_LEN 4096
#define PATHS_MAX 200

static const char *const algorithms[] = {
	[SOURCE_HMAC_SHA256] = "HMAC-SHA-256",
	[SOURCE_HMAC_SHA1] = "HMAC-SHA-1",
	NULL
};
static const char *const encodings[] = {
	[SOURCE_HEX] = "hex", [SOURCE_BASE64] = "base64", NULL
};
static const char *const keys[] = {
	[SOURCE_KEY_TEXT] = "text", [SOURCE_KEY_WHSEC] = "whsec", NULL
};
static const char *const delimiters[] = { "space", ",", ";", NULL };
static const char *const delimiter_bytes[] = { " ", ",", ";" };

enum kind {
	KIND_TEXT,
	KIND_HEADER,
	KIND_SECRET,
	KIND_CHOICE,
	KIND_NUMBER,
	KIND_LOCATOR,
	KIND_PARTS,
	KIND_FILLED,
	KIND_PATHS,
	KIND_TEMPLATE
};

static const struct column {
	const char *name;
	enum kind kind;
	const char *const *choices;
	const char *fallback; /* of the manual; NULL: none */
	const char *meaning;
} columns[OWN_SENDER_COLUMNS] = {
	[OWN_SENDER_SIGNATURE_HEADER] = { "SIGNATURE_HEADER", KIND_HEADER,
	    NULL, NULL, "the header field with the signature" },
	[OWN_SENDER_SECRET] = { "SECRET", KIND_SECRET, NULL, NULL,
	    "the secret that both sides have" },
	[OWN_SENDER_SECRET_PREVIOUS] = { "SECRET_PREVIOUS", KIND_SECRET, NULL,
	    NULL, "the one before it, while it is changed" },
	[OWN_SENDER_ALGORITHM] = { "ALGORITHM", KIND_CHOICE, algorithms,
	    "HMAC-SHA-256", "with what it signs" },
	[OWN_SENDER_ENCODING] = { "ENCODING", KIND_CHOICE, encodings, "hex",
	    "how the signature is written" },
	[OWN_SENDER_KEY] = { "KEY", KIND_CHOICE, keys, "text",
	    "the secret's bytes, or base 64 after whsec_" },
	[OWN_SENDER_DELIMITER] = { "DELIMITER", KIND_CHOICE, delimiters, NULL,
	    "between several signatures in the header" },
	[OWN_SENDER_PREFIX_COLUMN] = { "PREFIX", KIND_TEXT, NULL, NULL,
	    "what stands before each signature" },
	[OWN_SENDER_SIGNED] = { "SIGNED", KIND_TEMPLATE, NULL, "{body}",
	    "what is signed, of {body}, {timestamp} and {id}" },
	[OWN_SENDER_TIMESTAMP] = { "TIMESTAMP", KIND_LOCATOR, NULL, NULL,
	    "where the signed time stands: h:NAME, s:t= or b:path, in "
	    "seconds, or with ms behind it" },
	[OWN_SENDER_WINDOW_S] = { "WINDOW_S", KIND_NUMBER, NULL, "300",
	    "how many seconds that time may lie from now" },
	[OWN_SENDER_ID] = { "ID", KIND_LOCATOR, NULL, NULL,
	    "where the delivery's id stands" },
	[OWN_SENDER_EVENT] = { "EVENT", KIND_PARTS, NULL, NULL,
	    "where the parts of the event's name stand" },
	[OWN_SENDER_SESSION] = { "SESSION", KIND_FILLED, NULL, NULL,
	    "where the session stands: b:path, or {path}#{path}" },
	[OWN_SENDER_AGENT] = { "AGENT", KIND_FILLED, NULL, NULL,
	    "where the agent's id stands" },
	[OWN_SENDER_METADATA] = { "METADATA", KIND_FILLED, NULL, NULL,
	    "the path of what may have agentlens_session_id" },
	[OWN_SENDER_KEEP] = { "KEEP", KIND_PATHS, NULL, NULL,
	    "the paths that the payload keeps; all when not set" },
	[OWN_SENDER_DROP] = { "DROP", KIND_PATHS, NULL, NULL,
	    "names that it never keeps" },
	[OWN_SENDER_FORM] = { "FORM", KIND_TEXT, NULL, NULL,
	    "of bodies that are forms, the field with the JSON; * is all "
	    "of them" },
	[OWN_SENDER_TENANT_ID] = { "TENANT_ID", KIND_TEXT, NULL, "default",
	    "the tenant of its events" },
};

static int
fail(char error[OWN_SENDER_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(char error[OWN_SENDER_ERROR_SIZE], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, OWN_SENDER_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

bool
own_sender_is_setting(const char *name)
{
	return strncmp(name, OWN_SENDER_PREFIX,
	    strlen(OWN_SENDER_PREFIX)) == 0;
}

/* The column whose name a setting ends with, the longest of several; *len
 * becomes what the setting has before "_COLUMN".  -1 for none. */
static int
find_column(const char *setting, size_t *len)
{
	size_t all = strlen(setting), longest = 0;
	int found = -1;

	for (int i = 0; i < OWN_SENDER_COLUMNS; i++) {
		size_t end = strlen(columns[i].name) + 1;
		if (end <= longest || end >= all ||
		    setting[all - end] != '_' ||
		    strcmp(setting + all - end + 1, columns[i].name) != 0)
			continue;
		longest = end;
		found = i;
	}
	*len = all - longest;
	return found;
}

/* Makes "acme-two" of ACME_TWO; returns -1 when it is no name. */
static int
make_name(const char *setting, size_t len, char name[NAME_MAX_LEN + 1])
{
	size_t skip = strlen(OWN_SENDER_PREFIX);

	if (len <= skip || len - skip > NAME_MAX_LEN)
		return -1;
	for (size_t i = skip; i < len; i++) {
		char c = setting[i];
		bool edge = i == skip || i + 1 == len;
		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c != '_' || edge))
			return -1;
		name[i - skip] = (char)(c == '_' ? '-' :
		    tolower((unsigned char)c));
	}
	name[len - skip] = '\0';
	return 0;
}

static bool
is_taken(const char *name)
{
	for (int i = 0; i < SOURCES; i++)
		if (strcmp(sources[i].name, name) == 0)
			return true;
	/* Words of the endpoint's own paths. */
	return strcmp(name, "health") == 0 || strcmp(name, "ingest") == 0;
}

static struct own_sender *
find(const struct own_senders *senders, const char *name)
{
	for (size_t i = 0; i < senders->count; i++)
		if (strcmp(senders->list[i].name, name) == 0)
			return &senders->list[i];
	return NULL;
}

const struct own_sender *
own_senders_find(const struct own_senders *senders, const char *name)
{
	return find(senders, name);
}

void
own_sender_secret_name(const struct source *row, char *name, size_t size)
{
	/* A row is a member of its sender. */
	const struct own_sender *own = (const struct own_sender *)
	    ((const char *)row - offsetof(struct own_sender, row));

	snprintf(name, size, "%s_%s", own->setting,
	    columns[OWN_SENDER_SECRET].name);
}

static struct own_sender *
add_sender(struct own_senders *senders, const char *name,
    const char *setting, size_t len)
{
	struct own_sender *list = realloc(senders->list,
	    (senders->count + 1) * sizeof(*list));

	if (list == NULL)
		return NULL;
	senders->list = list;
	struct own_sender *own = &list[senders->count];
	*own = (struct own_sender){
		.name = strdup(name),
		.setting = strndup(setting, len),
	};
	senders->count++;
	return own->name == NULL || own->setting == NULL ? NULL : own;
}

int
own_senders_add(struct own_senders *senders, const char *setting,
    const char *value, char error[OWN_SENDER_ERROR_SIZE])
{
	char name[NAME_MAX_LEN + 1];
	size_t len;
	int column = find_column(setting, &len);

	if (column < 0)
		return fail(error, "unknown setting %s: it ends with no "
		    "column of a sender", setting);
	if (make_name(setting, len, name) != 0)
		return fail(error, "%s names no sender: a name has the "
		    "characters A-Z, 0-9 and, between them, _", setting);
	if (is_taken(name))
		return fail(error, "%s: the name %s is taken", setting, name);
	struct own_sender *own = find(senders, name);
	if (own == NULL)
		own = add_sender(senders, name, setting, len);
	if (own == NULL)
		return fail(error, "out of memory");
	if (own->values[column] == NULL &&
	    (own->values[column] = strdup(value)) == NULL)
		return fail(error, "out of memory");
	return 0;
}

/* Whether two words differ in case and hyphens only. */
static bool
is_word(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "-");
		b += strspn(b, "-");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

static int
choose(const struct own_sender *own, int column, int *index,
    char error[OWN_SENDER_ERROR_SIZE])
{
	const char *value = own->values[column];
	struct text names = TEXT_EMPTY;

	*index = 0;
	if (value == NULL)
		return 0;
	for (; columns[column].choices[*index] != NULL; ++*index)
		if (is_word(columns[column].choices[*index], value))
			return 0;
	for (int i = 0; columns[column].choices[i] != NULL; i++)
		text_printf(&names, "%s%s", i == 0 ? "" : ", ",
		    columns[column].choices[i]);
	fail(error, "%s_%s must be one of: %s", own->setting,
	    columns[column].name, text_string(&names));
	text_free(&names);
	return -1;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return true;
	return false;
}

/* What a value is not, of its kind; NULL when it is right. */
static const char *
wrong_of_kind(enum kind kind, const char *value)
{
	if (strlen(value) > VALUE_MAX_LEN)
		return "is longer than 4096 bytes";
	if (*value == '\0')
		return "is empty";
	if (kind != KIND_SECRET && has_control(value))
		return "has a control character";
	switch (kind) {
	case KIND_HEADER:
		return text_is_token(value) ? NULL :
		    "must be the name of a header field";
	case KIND_LOCATOR:
		return locator_is_valid('l', value) ? NULL :
		    "must be h:NAME or b:path";
	case KIND_PARTS:
		return locator_is_valid('p', value) ? NULL :
		    "must be h:NAME or b:path, with \" + \" between parts";
	case KIND_FILLED:
		return locator_is_valid('f', value) ? NULL :
		    "must be a path, or paths in braces";
	default:
		return NULL;
	}
}

static int
check_values(const struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	for (int i = 0; i < OWN_SENDER_COLUMNS; i++) {
		const char *wrong = own->values[i] == NULL ? NULL :
		    wrong_of_kind(columns[i].kind, own->values[i]);
		if (wrong != NULL)
			return fail(error, "%s_%s %s", own->setting,
			    columns[i].name, wrong);
	}
	if (own->values[OWN_SENDER_SIGNATURE_HEADER] == NULL)
		return fail(error, "%s_SIGNATURE_HEADER is not set",
		    own->setting);
	if (own->values[OWN_SENDER_SECRET] == NULL)
		return fail(error, "%s_SECRET is not set", own->setting);
	return 0;
}

static int
read_window(struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	const char *value = own->values[OWN_SENDER_WINDOW_S];
	char *end;

	own->row.window_s = 300;
	if (value == NULL)
		return 0;
	errno = 0;
	own->row.window_s = strtol(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0 ||
	    own->row.window_s < 1 || own->row.window_s > OWN_SENDER_WINDOW_MAX)
		return fail(error, "%s_WINDOW_S must be a whole number from "
		    "1 to %d", own->setting, OWN_SENDER_WINDOW_MAX);
	return 0;
}

/* Each {name} of the template is one that can be filled in. */
static int
check_template(const struct own_sender *own, const char *text,
    char error[OWN_SENDER_ERROR_SIZE])
{
	static const char *const names[] = { "body", "timestamp", "id" };

	for (const char *at = text; *at != '\0'; at++) {
		size_t len = strcspn(at + 1, "{}");
		bool known = false;
		if (*at == '}' || strchr("[]", *at) != NULL)
			return fail(error, "%s_SIGNED has a stray %c",
			    own->setting, *at);
		if (*at != '{')
			continue;
		for (size_t i = 0; i < 3; i++)
			known |= strlen(names[i]) == len &&
			    memcmp(names[i], at + 1, len) == 0;
		if (!known || at[1 + len] != '}')
			return fail(error, "%s_SIGNED: {%.*s} is none of "
			    "{body}, {timestamp} and {id}", own->setting,
			    (int)len, at + 1);
		at += len + 1;
	}
	if (strstr(text, "{body}") == NULL)
		return fail(error, "%s_SIGNED must have {body} in it",
		    own->setting);
	return 0;
}

static bool
is_place(const char *text, const char *places)
{
	enum locator_place place = locator_read(text).place;

	return place != LOCATOR_NOWHERE && strchr(places, (int)place) != NULL;
}

/* What is signed is there to be looked up, and a time that nobody signs is
 * none to go by. */
static int
check_signed(const struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	const struct source *row = &own->row;
	bool time = strstr(row->signed_text, "{timestamp}") != NULL;

	if (check_template(own, row->signed_text, error) != 0)
		return -1;
	if (time && row->timestamp == NULL)
		return fail(error, "%s_TIMESTAMP is not set, but "
		    "%s_SIGNED has {timestamp}", own->setting, own->setting);
	if (row->timestamp != NULL && !is_place(row->timestamp,
	    time ? "hs" : "b"))
		return fail(error, time ?
		    "%s_TIMESTAMP must be h:NAME or s:NAME" :
		    "%s_TIMESTAMP names what SIGNED does not have: "
		    "write {timestamp} there", own->setting);
	if (row->timestamp != NULL && is_place(row->timestamp, "s") &&
	    row->delimiter == NULL)
		return fail(error, "%s_DELIMITER is not set, but the time "
		    "stands beside the signature", own->setting);
	if (strstr(row->signed_text, "{id}") != NULL &&
	    (row->delivery_id == NULL || !is_place(row->delivery_id, "h")))
		return fail(error, "%s_ID must be h:NAME, since "
		    "%s_SIGNED has {id}", own->setting, own->setting);
	return 0;
}

/* Cuts a copy of a value into a list; NULL for a value that is not set. */
static const char **
cut_list(const char *value, char **copy)
{
	const char **list;
	size_t count = 0;
	char *rest;

	if (value == NULL)
		return NULL;
	*copy = strdup(value);
	list = calloc(PATHS_MAX + 1, sizeof(*list));
	if (*copy == NULL || list == NULL) {
		free(list);
		return NULL;
	}
	for (char *word = strtok_r(*copy, ", ", &rest);
	    word != NULL && count < PATHS_MAX;
	    word = strtok_r(NULL, ", ", &rest))
		list[count++] = strncmp(word, "b:", 2) == 0 ? word + 2 : word;
	return list;
}

static int
make_lists(struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	own->keep = cut_list(own->values[OWN_SENDER_KEEP], &own->keep_text);
	own->drop = cut_list(own->values[OWN_SENDER_DROP], &own->drop_text);
	if ((own->values[OWN_SENDER_KEEP] != NULL && own->keep == NULL) ||
	    (own->values[OWN_SENDER_DROP] != NULL && own->drop == NULL))
		return fail(error, "out of memory");
	if (own->keep != NULL && own->keep[0] == NULL)
		return fail(error, "%s_KEEP has no path in it", own->setting);
	own->row.keep = own->keep;
	own->row.drop = own->drop;
	return 0;
}

static int
make_choices(struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	const char *form = own->values[OWN_SENDER_FORM];
	int algorithm, encoding, key, delimiter;

	if (choose(own, OWN_SENDER_ALGORITHM, &algorithm, error) != 0 ||
	    choose(own, OWN_SENDER_ENCODING, &encoding, error) != 0 ||
	    choose(own, OWN_SENDER_KEY, &key, error) != 0 ||
	    choose(own, OWN_SENDER_DELIMITER, &delimiter, error) != 0)
		return -1;
	own->row.algorithm = (enum source_algorithm)algorithm;
	own->row.encoding = (enum source_encoding)encoding;
	own->row.key = (enum source_key)key;
	own->row.form_is_data = form != NULL && strcmp(form, "*") == 0;
	if (!own->row.form_is_data)
		own->row.form_field = form;
	if (own->values[OWN_SENDER_DELIMITER] != NULL)
		own->row.delimiter = delimiter_bytes[delimiter];
	return 0;
}

static int
make_row(struct own_sender *own, char error[OWN_SENDER_ERROR_SIZE])
{
	char *const *values = own->values;

	if (check_values(own, error) != 0)
		return -1;
	own->row = (struct source){
		.id = SOURCES,
		.signature_required = true,
		.name = own->name,
		.signature_headers = { values[OWN_SENDER_SIGNATURE_HEADER] },
		.prefix = values[OWN_SENDER_PREFIX_COLUMN],
		.signed_text = values[OWN_SENDER_SIGNED] != NULL ?
		    values[OWN_SENDER_SIGNED] : "{body}",
		.timestamp = values[OWN_SENDER_TIMESTAMP],
		.delivery_id = values[OWN_SENDER_ID],
		.event = values[OWN_SENDER_EVENT],
		.session = values[OWN_SENDER_SESSION],
		.agent = values[OWN_SENDER_AGENT],
		.metadata = values[OWN_SENDER_METADATA],
	};
	if (make_choices(own, error) != 0 || read_window(own, error) != 0 ||
	    make_lists(own, error) != 0 || check_signed(own, error) != 0)
		return -1;
	if (!scheme_is_key(&own->row, values[OWN_SENDER_SECRET]))
		return fail(error, "%s_SECRET must be base 64, after whsec_",
		    own->setting);
	return 0;
}

int
own_senders_finish(struct own_senders *senders,
    char error[OWN_SENDER_ERROR_SIZE])
{
	for (size_t i = 0; i < senders->count; i++)
		if (make_row(&senders->list[i], error) != 0)
			return -1;
	return 0;
}

static void
wipe(char *string)
{
	if (string != NULL)
		explicit_bzero(string, strlen(string));
	free(string);
}

void
own_senders_free(struct own_senders *senders)
{
	for (size_t i = 0; i < senders->count; i++) {
		struct own_sender *own = &senders->list[i];
		for (int c = 0; c < OWN_SENDER_COLUMNS; c++)
			wipe(own->values[c]);
		free(own->name);
		free(own->setting);
		free(own->keep_text);
		free(own->drop_text);
		free(own->keep);
		free(own->drop);
	}
	free(senders->list);
	*senders = (struct own_senders){ 0 };
}

void
own_sender_print(struct text *out)
{
	text_puts(out, "| column | what it says | when not set |\n"
	    "|---|---|---|\n");
	for (int i = 0; i < OWN_SENDER_COLUMNS; i++) {
		const struct column *c = &columns[i];
		text_printf(out, "| `%s` | %s", c->name, c->meaning);
		for (int n = 0; c->choices != NULL && c->choices[n] != NULL;
		    n++)
			text_printf(out, "%s`%s`", n == 0 ? ": " : ", ",
			    c->choices[n]);
		text_puts(out, " | ");
		if (c->fallback != NULL)
			text_printf(out, "`%s`", c->fallback);
		text_puts(out, " |\n");
	}
}
