#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#define FILE_NAME "agentlens-ingest.conf"
#define FILE_BYTES_MAX 65536
#define ID_BYTES_MAX 256
#define SECRET_BYTES_MAX 4096

enum kind {
	KIND_NUMBER,
	KIND_OCTAL,
	KIND_CHOICE,
	KIND_PATH,
	KIND_SECRET,
	KIND_TENANT
};

struct setting {
	const char *name;
	const char *alias;
	enum kind kind;
	size_t offset; /* of a long, or of a char * */
	const char *fallback;
	long min;
	long max;
	const char *const *choices; /* closed by NULL; the index is stored */
};

static const char *const journals[] = {
	[SETTINGS_JOURNAL_WAL] = "wal",
	[SETTINGS_JOURNAL_DELETE] = "delete",
	NULL
};

static const char *const synchronous_modes[] = {
	[SETTINGS_SYNCHRONOUS_FULL] = "full",
	[SETTINGS_SYNCHRONOUS_NORMAL] = "normal",
	[SETTINGS_SYNCHRONOUS_EXTRA] = "extra",
	NULL
};

static const char *const log_levels[] = { "error", "warn", "info", "debug",
	NULL };

static const char *const switches[] = { "off", "on", NULL };

#define AT(member) offsetof(struct settings, member)
#define SECRET(variable, source, which) \
	{ .name = variable, .kind = KIND_SECRET, \
	    .offset = AT(secrets[source][which]) }
#define TENANT(variable, source) \
	{ .name = variable, .kind = KIND_TENANT, \
	    .offset = AT(tenants[source]), .fallback = "default" }
#define NUMBER(variable, member, value, low, high) \
	{ .name = variable, .kind = KIND_NUMBER, .offset = AT(member), \
	    .fallback = value, .min = low, .max = high }
#define CHOICE(variable, member, value, names) \
	{ .name = variable, .kind = KIND_CHOICE, .offset = AT(member), \
	    .fallback = value, .choices = names }

static const struct setting table[] = {
	{ .name = "DB_PATH", .alias = "DATABASE_PATH", .kind = KIND_PATH,
	    .offset = AT(db_path),
	    .fallback = LOCALSTATEDIR "/lib/agentlens-ingest/agentlens.db" },
	SECRET("AGENTGATE_WEBHOOK_SECRET", SOURCE_AGENTGATE, 0),
	SECRET("AGENTGATE_WEBHOOK_SECRET_PREVIOUS", SOURCE_AGENTGATE, 1),
	SECRET("FORMBRIDGE_WEBHOOK_SECRET", SOURCE_FORMBRIDGE, 0),
	SECRET("FORMBRIDGE_WEBHOOK_SECRET_PREVIOUS", SOURCE_FORMBRIDGE, 1),
	SECRET("GENERIC_WEBHOOK_SECRET", SOURCE_GENERIC, 0),
	SECRET("GENERIC_WEBHOOK_SECRET_PREVIOUS", SOURCE_GENERIC, 1),
	TENANT("AGENTGATE_TENANT_ID", SOURCE_AGENTGATE),
	TENANT("FORMBRIDGE_TENANT_ID", SOURCE_FORMBRIDGE),
	TENANT("GENERIC_TENANT_ID", SOURCE_GENERIC),
	NUMBER("INGEST_MAX_BODY", max_body, "1048576", 1, 67108864),
	NUMBER("INGEST_MAX_WAL_MB", max_wal_mb, "1024", 1, 1048576),
	NUMBER("INGEST_THREADS", threads, "64", 1, 512),
	NUMBER("INGEST_BATCH", batch, "256", 1, 4096),
	CHOICE("INGEST_JOURNAL", journal, "wal", journals),
	CHOICE("INGEST_SYNCHRONOUS", synchronous, "full", synchronous_modes),
	{ .name = "INGEST_FILE_MODE", .kind = KIND_OCTAL,
	    .offset = AT(file_mode), .fallback = "0600", .min = 0600,
	    .max = 0666 },
	NUMBER("INGEST_BUSY_MS", busy_ms, "4000", 0, 60000),
	NUMBER("INGEST_READ_TIMEOUT_MS", read_timeout_ms, "10000", 1, 600000),
	CHOICE("INGEST_LOG", log_level, "warn", log_levels),
	CHOICE("INGEST_SANDBOX", sandbox, "on", switches),
};

#define SETTINGS_COUNT (sizeof(table) / sizeof(table[0]))

/* Raw values before they are read; of the file, or of the environment. */
struct values {
	char *value[SETTINGS_COUNT];
};

static int
fail(char error[SETTINGS_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(char error[SETTINGS_ERROR_SIZE], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, SETTINGS_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

/* Index of the setting with this name or alias, or -1. */
static int
find_setting(const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(table[i].name, name) == 0 ||
		    (table[i].alias != NULL &&
		    strcmp(table[i].alias, name) == 0))
			return (int)i;
	return -1;
}

static void
wipe(char *string)
{
	if (string == NULL)
		return;
	explicit_bzero(string, strlen(string));
	free(string);
}

static int
parse_number(const struct setting *s, const char *value, long *number,
    char error[SETTINGS_ERROR_SIZE])
{
	int base = s->kind == KIND_OCTAL ? 8 : 10;
	char *end;

	errno = 0;
	*number = strtol(value, &end, base);
	if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0 ||
	    *number < s->min || *number > s->max) {
		if (base == 8)
			return fail(error, "%s must be a file mode from 0%lo "
			    "to 0%lo", s->name, (unsigned long)s->min,
			    (unsigned long)s->max);
		return fail(error, "%s must be a whole number from %ld to %ld",
		    s->name, s->min, s->max);
	}
	if (base == 8 && (*number & 0111) != 0)
		return fail(error, "%s must not have execute bits", s->name);
	return 0;
}

static int
parse_choice(const struct setting *s, const char *value, long *index,
    char error[SETTINGS_ERROR_SIZE])
{
	struct text names = TEXT_EMPTY;

	for (*index = 0; s->choices[*index] != NULL; ++*index) {
		if (strcasecmp(value, s->choices[*index]) == 0)
			return 0;
	}
	for (int i = 0; s->choices[i] != NULL; i++) {
		text_puts(&names, i == 0 ? "" : ", ");
		text_puts(&names, s->choices[i]);
	}
	fail(error, "%s must be one of: %s", s->name, text_string(&names));
	text_free(&names);
	return -1;
}

static int
check_string(const struct setting *s, const char *value,
    char error[SETTINGS_ERROR_SIZE])
{
	size_t len = strlen(value);

	if (s->kind == KIND_PATH && value[0] != '/')
		return fail(error, "%s must be an absolute path", s->name);
	if (s->kind == KIND_PATH && value[len - 1] == '/')
		return fail(error, "%s must be a file, not a folder", s->name);
	if (s->kind == KIND_SECRET && len > SECRET_BYTES_MAX)
		return fail(error, "%s is longer than %d bytes", s->name,
		    SECRET_BYTES_MAX);
	if (s->kind == KIND_TENANT) {
		if (len > ID_BYTES_MAX)
			return fail(error, "%s is longer than %d bytes",
			    s->name, ID_BYTES_MAX);
		for (const char *c = value; *c != '\0'; c++)
			if (iscntrl((unsigned char)*c))
				return fail(error, "%s has a control character",
				    s->name);
	}
	return 0;
}

static int
store_value(struct settings *settings, const struct setting *s,
    const char *value, char error[SETTINGS_ERROR_SIZE])
{
	char *at = (char *)settings + s->offset;

	if (s->kind == KIND_NUMBER || s->kind == KIND_OCTAL)
		return parse_number(s, value, (long *)(void *)at, error);
	if (s->kind == KIND_CHOICE)
		return parse_choice(s, value, (long *)(void *)at, error);

	if (check_string(s, value, error) != 0)
		return -1;
	char *copy = strdup(value);
	if (copy == NULL)
		return fail(error, "out of memory");
	*(char **)(void *)at = copy;
	return 0;
}

struct file {
	const char *at;
	const char *end;
	int line;
};

static int
next(struct file *f)
{
	if (f->at == f->end)
		return EOF;
	if (*f->at == '\n')
		f->line++;
	return (unsigned char)*f->at++;
}

static void
skip_line(struct file *f)
{
	int c;
	while ((c = next(f)) != EOF && c != '\n')
		;
}

/* In quotes everything is literal, but \" \\ \` \$ and a joined line inside
 * double quotes.  Returns -1 when the quote is not closed. */
static int
read_quoted(struct file *f, char quote, struct text *value)
{
	int c;

	while ((c = next(f)) != EOF && c != quote) {
		char byte = (char)c;
		if (quote == '"' && c == '\\') {
			c = next(f);
			if (c == '\n')
				continue;
			if (c == EOF)
				return -1;
			if (strchr("\"\\`$", c) == NULL)
				text_puts(value, "\\");
			byte = (char)c;
		}
		text_add(value, &byte, 1);
	}
	return c == EOF ? -1 : 0;
}

/* The rest of a line after "NAME=".  Unquoted space at its end is dropped. */
static int
read_value(struct file *f, struct text *value)
{
	size_t keep = 0;
	int c;

	while ((c = next(f)) != EOF && c != '\n') {
		char byte = (char)c;
		if (c == '"' || c == '\'') {
			if (read_quoted(f, byte, value) != 0)
				return -1;
			keep = value->len;
			continue;
		}
		if (c == '\\') {
			c = next(f);
			if (c == '\n' || c == EOF)
				continue;
			byte = (char)c;
			text_add(value, &byte, 1);
			keep = value->len;
			continue;
		}
		if (value->len == 0 && isspace(c))
			continue;
		text_add(value, &byte, 1);
		if (!isspace(c))
			keep = value->len;
	}
	if (value->len > keep) {
		value->len = keep;
		value->data[keep] = '\0';
	}
	return 0;
}

/* Reads one assignment into `values`; 1 when there are no more, else 0. */
static int
read_assignment(struct file *f, const char *path, struct values *values,
    char error[SETTINGS_ERROR_SIZE])
{
	char name[64];
	size_t len = 0;
	int c;

	do
		c = next(f);
	while (c != EOF && isspace(c));
	if (c == EOF)
		return 1;
	if (c == '#' || c == ';') {
		skip_line(f);
		return 0;
	}

	int line = f->line;
	for (; c != EOF && c != '=' && c != '\n'; c = next(f))
		if (len < sizeof(name) - 1)
			name[len++] = (char)c;
	while (len > 0 && isspace((unsigned char)name[len - 1]))
		len--;
	name[len] = '\0';
	if (c != '=')
		return fail(error, "%s:%d: a line must be NAME=value", path,
		    line);
	/* A name that goes on behind a NUL is not the one before it. */
	int index = strlen(name) == len ? find_setting(name) : -1;
	if (index < 0)
		return fail(error, "%s:%d: unknown setting %s", path, line,
		    name);

	struct text value = TEXT_EMPTY;
	if (read_value(f, &value) != 0) {
		text_free(&value);
		return fail(error, "%s:%d: a quote is not closed", path, line);
	}
	if (value.failed || memchr(text_string(&value), '\0', value.len) !=
	    NULL) {
		text_free(&value);
		return fail(error, "%s:%d: the value of %s has a NUL byte",
		    path, line, name);
	}
	wipe(values->value[index]);
	values->value[index] = strdup(text_string(&value));
	if (value.data != NULL)
		explicit_bzero(value.data, value.size);
	text_free(&value);
	return values->value[index] == NULL ? fail(error, "out of memory") : 0;
}

static int
parse_file(const char *path, const char *content, size_t len,
    struct values *values, char error[SETTINGS_ERROR_SIZE])
{
	static const char bom[] = "\xef\xbb\xbf";
	struct file f = { content, content + len, 1 };
	int result;

	/* Some editors of Windows begin a file so. */
	if (len >= sizeof(bom) - 1 && memcmp(content, bom, sizeof(bom) - 1) ==
	    0)
		f.at += sizeof(bom) - 1;
	do
		result = read_assignment(&f, path, values, error);
	while (result == 0);
	return result < 0 ? -1 : 0;
}

static int
read_file(const char *path, FILE *stream, struct values *values,
    char error[SETTINGS_ERROR_SIZE])
{
	struct stat status;
	int result = -1;

	if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode))
		return fail(error, "%s is not a file", path);
	if ((status.st_mode & S_IWOTH) != 0)
		return fail(error, "anybody can write to %s: chmod o-w it",
		    path);
	char *content = malloc(FILE_BYTES_MAX + 1);
	if (content == NULL)
		return fail(error, "out of memory");
	size_t len = fread(content, 1, FILE_BYTES_MAX + 1, stream);
	if (ferror(stream))
		fail(error, "%s cannot be read: %s", path, strerror(errno));
	else if (len > FILE_BYTES_MAX)
		fail(error, "%s is larger than %d bytes", path,
		    FILE_BYTES_MAX);
	else
		result = parse_file(path, content, len, values, error);
	explicit_bzero(content, FILE_BYTES_MAX + 1);
	free(content);
	return result;
}

/* ~/.agentlens-ingest.conf, or NULL.  A static program cannot count on
 * getpwuid(), so without $HOME the home folder comes from /etc/passwd. */
static char *
home_file(void)
{
	const char *home = getenv("HOME");
	char *path = NULL;
	FILE *passwd = NULL;

	if (home == NULL || home[0] != '/') {
		struct passwd *entry;
		passwd = fopen("/etc/passwd", "re");
		home = NULL;
		while (passwd != NULL && home == NULL &&
		    (entry = fgetpwent(passwd)) != NULL)
			if (entry->pw_uid == geteuid())
				home = entry->pw_dir;
	}
	if (home != NULL && asprintf(&path, "%s/." FILE_NAME, home) < 0)
		path = NULL;
	if (passwd != NULL)
		fclose(passwd);
	return path;
}

/*
 * Opens the first settings file that exists.  Only $INGEST_CONFIG must.  A
 * file that exists and cannot be read is an error: going on without it would
 * write somewhere else, unsigned deliveries among it.
 */
static int
load_file(struct settings *settings, struct values *values,
    char error[SETTINGS_ERROR_SIZE])
{
	const char *named = getenv("INGEST_CONFIG");
	char *paths[2] = { NULL, NULL };
	int result = 0;

	if (named != NULL && *named != '\0') {
		paths[0] = strdup(named);
	} else {
		named = NULL;
		paths[0] = home_file();
		paths[1] = strdup(SYSCONFDIR "/" FILE_NAME);
	}
	for (int i = 0; i < 2 && settings->file == NULL && result == 0; i++) {
		/* A home that is not ours ($HOME of root, kept by a program
		 * that dropped its privileges) is as good as none. */
		if (paths[i] == NULL ||
		    (named == NULL && access(paths[i], F_OK) != 0))
			continue;
		FILE *stream = fopen(paths[i], "re");
		if (stream == NULL) {
			result = fail(error, "the settings file %s cannot be "
			    "read: %s", paths[i], strerror(errno));
			break;
		}
		settings->file = strdup(paths[i]);
		result = read_file(paths[i], stream, values, error);
		fclose(stream);
	}
	free(paths[0]);
	free(paths[1]);
	return result;
}

extern char **environ;

static int
load_environment(struct values *values, char error[SETTINGS_ERROR_SIZE])
{
	/* What is replaced, wipe() has freed.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	for (char **entry = environ; *entry != NULL; entry++) {
		size_t len = strcspn(*entry, "=");
		char name[64];

		if ((*entry)[len] != '=' || len >= sizeof(name))
			continue;
		memcpy(name, *entry, len);
		name[len] = '\0';
		int index = find_setting(name);
		if (index < 0) {
			if (strncmp(name, "INGEST_", 7) == 0 &&
			    strcmp(name, "INGEST_CONFIG") != 0)
				return fail(error, "unknown setting %s in the "
				    "environment", name);
			continue;
		}
		/* DB_PATH wins over its alias. */
		if ((*entry)[len + 1] == '\0' ||
		    (values->value[index] != NULL &&
		    strcmp(name, table[index].name) != 0))
			continue;
		wipe(values->value[index]);
		values->value[index] = strdup(*entry + len + 1);
		if (values->value[index] == NULL)
			return fail(error, "out of memory");
	}
	return 0;
}

int
settings_load(struct settings *settings, char error[SETTINGS_ERROR_SIZE])
{
	struct values file = { { NULL } }, environment = { { NULL } };
	int result;

	*settings = (struct settings){ 0 };
	result = load_environment(&environment, error);
	if (result == 0)
		result = load_file(settings, &file, error);
	for (size_t i = 0; i < SETTINGS_COUNT && result == 0; i++) {
		const char *value = environment.value[i];
		if (value == NULL && file.value[i] != NULL &&
		    *file.value[i] != '\0')
			value = file.value[i];
		if (value == NULL)
			value = table[i].fallback;
		if (value != NULL)
			result = store_value(settings, &table[i], value,
			    error);
	}
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		wipe(environment.value[i]);
		wipe(file.value[i]);
	}
	return result;
}

int
settings_check(const struct settings *settings,
    char error[SETTINGS_ERROR_SIZE])
{
	struct stat status;

	if (settings->file != NULL && stat(settings->file, &status) == 0 &&
	    (status.st_mode & S_IROTH) != 0)
		return fail(error, "anybody can read the secrets in %s: "
		    "chmod 600 it", settings->file);
	return 0;
}

bool
settings_path_inside(const char *path, const char *root)
{
	char resolved_root[PATH_MAX], resolved[PATH_MAX], folder[PATH_MAX];

	if (realpath(root, resolved_root) == NULL)
		return false;
	if (realpath(path, resolved) == NULL) {
		const char *slash = strrchr(path, '/');
		size_t len = slash == NULL ? 0 : (size_t)(slash - path);
		if (len == 0 || len >= sizeof(folder))
			return false;
		memcpy(folder, path, len);
		folder[len] = '\0';
		if (realpath(folder, resolved) == NULL)
			return false;
	}
	size_t len = strlen(resolved_root);
	if (len == 1)
		return true;
	return strncmp(resolved, resolved_root, len) == 0 &&
	    (resolved[len] == '/' || resolved[len] == '\0');
}

void
settings_free(struct settings *settings)
{
	for (int i = 0; i < SOURCES; i++) {
		for (int j = 0; j < SETTINGS_SECRETS; j++)
			wipe(settings->secrets[i][j]);
		free(settings->tenants[i]);
	}
	free(settings->db_path);
	free(settings->file);
	*settings = (struct settings){ 0 };
}
