#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/envfile.h"
#include "base/file.h"
#include "base/text.h"
#include "settings_rows.h"
#include "webhook/field.h"

#define FILE_NAME "agentlens-ingest.conf"
#define SECRET_BYTES_MAX 4096

enum kind {
	KIND_NUMBER,
	KIND_OCTAL,
	KIND_CHOICE,
	KIND_PATH,
	KIND_SECRET,
	KIND_TENANT,
	KIND_HEADER
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
	bool changes; /* while the program serves */
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

static const char *const checkpoints[] = {
	[SETTINGS_CHECKPOINT_INTERNAL] = "internal",
	[SETTINGS_CHECKPOINT_EXTERNAL] = "external",
	NULL
};

static const char *const switches[] = { "off", "on", NULL };

#define AT(member) offsetof(struct settings, member)
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
	NUMBER("INGEST_MAX_BODY", max_body, "1048576", 1, 67108864),
	CHOICE("INGEST_UNSIGNED", takes_unsigned, "on", switches),
	NUMBER("INGEST_UNSIGNED_MAX_BODY", unsigned_max_body, "67108864", 1,
	    67108864),
	NUMBER("INGEST_MAX_WAL_MB", max_wal_mb, "1024", 1, 1048576),
	NUMBER("INGEST_THREADS", threads, NULL, 1, 512),
	NUMBER("INGEST_BATCH", batch, "256", 1, 4096),
	CHOICE("INGEST_CHECKPOINT", checkpoint, "internal", checkpoints),
	CHOICE("INGEST_JOURNAL", journal, "wal", journals),
	CHOICE("INGEST_SYNCHRONOUS", synchronous, "full", synchronous_modes),
	{ .name = "INGEST_FILE_MODE", .kind = KIND_OCTAL,
	    .offset = AT(file_mode), .fallback = "0600", .min = 0600,
	    .max = 0666 },
	NUMBER("INGEST_BUSY_MS", busy_ms, "4000", 0, 60000),
	NUMBER("INGEST_READ_TIMEOUT_MS", read_timeout_ms, "10000", 1, 600000),
	{ .name = "INGEST_LOG", .kind = KIND_CHOICE, .offset = AT(log_level),
	    .fallback = "warn", .choices = log_level_names, .changes = true },
	CHOICE("INGEST_SANDBOX", sandbox, "on", switches),
};

#define FIXED (sizeof(table) / sizeof(table[0]))

static bool
signs_a_time(const struct source *source)
{
	return source->timestamp != NULL;
}

static bool
makes_approvals(const struct source *source)
{
	return source->approval != NULL;
}

static bool
has_its_headers_renamed(const struct source *source)
{
	return source->headers_are_settings;
}

/*
 * The settings that each source of the table has: its name in upper case, with
 * "_" for "-", and one of these ends.
 */
static const struct source_setting {
	struct setting setting; /* the offset is that of the first source */
	size_t size;            /* of the member of one source */
	bool (*has)(const struct source *source); /* NULL: all have it */
} source_settings[] = {
	{ { .name = "_WEBHOOK_SECRET", .kind = KIND_SECRET,
	    .offset = AT(secrets[0][0]), .changes = true }, SETTINGS_SECRETS * sizeof(char *),
	    NULL },
	{ { .name = "_WEBHOOK_SECRET_PREVIOUS", .kind = KIND_SECRET,
	    .offset = AT(secrets[0][1]), .changes = true }, SETTINGS_SECRETS * sizeof(char *),
	    NULL },
	{ { .name = "_TENANT_ID", .kind = KIND_TENANT,
	    .offset = AT(tenants[0]), .fallback = "default",
	    .changes = true }, sizeof(char *), NULL },
	{ { .name = "_WINDOW_S", .kind = KIND_NUMBER, .offset = AT(windows[0]),
	    .min = 1, .max = OWN_SENDER_WINDOW_MAX, .changes = true }, sizeof(long),
	    signs_a_time },
	{ { .name = "_APPROVALS", .kind = KIND_CHOICE,
	    .offset = AT(approvals[0]), .fallback = "off",
	    .choices = switches, .changes = true }, sizeof(long),
	    makes_approvals },
	{ { .name = "_SIGNATURE_HEADER", .kind = KIND_HEADER,
	    .offset = AT(signature_headers[0]), .changes = true }, sizeof(char *),
	    has_its_headers_renamed },
	{ { .name = "_TIMESTAMP_HEADER", .kind = KIND_HEADER,
	    .offset = AT(timestamp_headers[0]), .changes = true }, sizeof(char *),
	    has_its_headers_renamed },
};

#define OF_A_SOURCE (sizeof(source_settings) / sizeof(source_settings[0]))
#define SETTINGS_COUNT (FIXED + SOURCES * OF_A_SOURCE)
#define NAME_SIZE 128

/* The values as they are written, in the file or in the environment. */
struct values {
	char *value[SETTINGS_COUNT];
};

/* What a setting's name has behind that of its source; NULL when it does not
 * begin with it. */
static const char *
behind_source(const char *name, const struct source *source)
{
	for (const char *c = source->name; *c != '\0'; c++, name++)
		if (*name != (*c == '-' ? '_' : toupper((unsigned char)*c)))
			return NULL;
	return name;
}

static bool
source_has_setting(const struct source *source, size_t which)
{
	return source_settings[which].has == NULL ||
	    source_settings[which].has(source);
}

/* Index of the setting with this name or alias, or -1. */
static int
find_setting(const char *name)
{
	for (size_t i = 0; i < FIXED; i++)
		if (strcmp(table[i].name, name) == 0 ||
		    (table[i].alias != NULL &&
		    strcmp(table[i].alias, name) == 0))
			return (int)i;
	for (size_t source = 0; source < SOURCES; source++) {
		const char *end = behind_source(name, &sources[source]);
		for (size_t i = 0; end != NULL && i < OF_A_SOURCE; i++)
			if (strcmp(source_settings[i].setting.name, end) == 0 &&
			    source_has_setting(&sources[source], i))
				return (int)(FIXED + source * OF_A_SOURCE + i);
	}
	return -1;
}

static void
write_name(const struct source *source, const char *end, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s%s", source->name, end);
	for (char *c = name; *c != '\0'; c++)
		*c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
}

void
settings_secret_name(const struct source *source, char *name, size_t size)
{
	char whole[NAME_SIZE];

	if (source->id >= SOURCES) {
		own_sender_secret_name(source, name, size);
		return;
	}
	write_name(source, source_settings[0].setting.name, whole);
	snprintf(name, size, "%s", whole);
}

/* The setting of an index; `name` is where that of a source has its name. */
static struct setting
setting_at(size_t index, char name[NAME_SIZE])
{
	if (index < FIXED)
		return table[index];
	const struct source *source = &sources[(index - FIXED) / OF_A_SOURCE];
	const struct source_setting *of =
	    &source_settings[(index - FIXED) % OF_A_SOURCE];
	struct setting setting = of->setting;

	write_name(source, setting.name, name);
	setting.name = name;
	setting.offset += (size_t)source->id * of->size;
	if (!source_has_setting(source, (index - FIXED) % OF_A_SOURCE))
		setting.fallback = NULL;
	return setting;
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
    struct error *error)
{
	int base = s->kind == KIND_OCTAL ? 8 : 10;
	char *end;

	errno = 0;
	*number = strtol(value, &end, base);
	if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0 ||
	    *number < s->min || *number > s->max) {
		if (base == 8)
			return error_set(error, "%s must be a file mode "
			    "from 0%lo to 0%lo", s->name,
			    (unsigned long)s->min, (unsigned long)s->max);
		return error_set(error, "%s must be a whole number from %ld "
		    "to %ld", s->name, s->min, s->max);
	}
	if (base == 8 && (*number & 0111) != 0)
		return error_set(error, "%s must not have execute bits",
		    s->name);
	return 0;
}

static int
parse_choice(const struct setting *s, const char *value, long *index,
    struct error *error)
{
	struct text names = TEXT_EMPTY;

	for (*index = 0; s->choices[*index] != NULL; ++*index)
		if (strcasecmp(value, s->choices[*index]) == 0)
			return 0;
	for (int i = 0; s->choices[i] != NULL; i++)
		text_printf(&names, "%s%s", i == 0 ? "" : ", ", s->choices[i]);
	error_set(error, "%s must be one of: %s", s->name, text_string(&names));
	text_free(&names);
	return -1;
}

static int
check_string(const struct setting *s, const char *value, struct error *error)
{
	size_t len = strlen(value);

	if (s->kind == KIND_PATH && value[0] != '/')
		return error_set(error, "%s must be an absolute path", s->name);
	if (s->kind == KIND_PATH && value[len - 1] == '/')
		return error_set(error, "%s must be a file, not a folder",
		    s->name);
	if (s->kind == KIND_HEADER && !text_is_token(value))
		return error_set(error, "%s must be the name of a header "
		    "field", s->name);
	if (s->kind == KIND_SECRET && len > SECRET_BYTES_MAX)
		return error_set(error, "%s is longer than %d bytes", s->name,
		    SECRET_BYTES_MAX);
	if (s->kind == KIND_TENANT) {
		if (len > FIELD_ID_BYTES_MAX)
			return error_set(error, "%s is longer than %d bytes",
			    s->name, FIELD_ID_BYTES_MAX);
		for (const char *c = value; *c != '\0'; c++)
			if (iscntrl((unsigned char)*c))
				return error_set(error, "%s has a control "
				    "character", s->name);
	}
	return 0;
}

static int
store_value(struct settings *settings, const struct setting *s,
    const char *value, struct error *error)
{
	void *member = (char *)settings + s->offset;
	char **string = member;

	if (s->kind == KIND_NUMBER || s->kind == KIND_OCTAL)
		return parse_number(s, value, member, error);
	if (s->kind == KIND_CHOICE)
		return parse_choice(s, value, member, error);

	if (check_string(s, value, error) != 0)
		return -1;
	*string = strdup(value);
	return *string != NULL ? 0 : error_set(error, "out of memory");
}

/* Takes a setting of a sender of one's own.  An empty one is as good as none;
 * of two the first counts. */
static int
take_own(struct settings *settings, const char *name, const char *value,
    struct error *error)
{
	char sentence[OWN_SENDER_ERROR_SIZE];

	return *value == '\0' || own_senders_add(&settings->own, name, value,
	    sentence) == 0 ? 0 : error_set(error, "%s", sentence);
}

/* What the settings file is read into. */
struct reading {
	struct settings *settings;
	struct values *values;
	struct error *error;
};

static int
take_assignment(void *context, const char *path, int line, const char *name,
    const char *value)
{
	struct reading *reading = context;
	int index = find_setting(name);

	if (own_sender_is_setting(name))
		return take_own(reading->settings, name, value,
		    reading->error);
	if (index < 0)
		return error_set(reading->error, "%s:%d: unknown setting %s",
		    path, line, name);
	wipe(reading->values->value[index]);
	reading->values->value[index] = strdup(value);
	return reading->values->value[index] != NULL ? 0 :
	    error_set(reading->error, "out of memory");
}

static int
read_stream(const char *path, FILE *stream, struct text *content,
    struct error *error)
{
	struct stat status;

	if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(error, "%s is not a file", path);
	if ((status.st_mode & S_IWOTH) != 0)
		return error_set(error, "anybody can write to %s: chmod o-w it",
		    path);
	/* All room is taken at once: a text that grows would leave copies of
	 * secrets behind. */
	return text_reserve(content, SETTINGS_FILE_MAX + 1) != 0 ?
	    error_set(error, "out of memory") :
	    file_read_stream(stream, path, SETTINGS_FILE_MAX, content, error);
}

/* Opening never waits, not even for somebody who writes to a FIFO. */
int
settings_read_file(const char *path, struct text *content,
    struct error *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (stream == NULL) {
		int saved_errno = errno;
		if (fd >= 0)
			close(fd);
		return error_set(error, "the settings file %s cannot be read: "
		    "%s", path, strerror(saved_errno));
	}
	int result = read_stream(path, stream, content, error);
	fclose(stream);
	return result;
}

void
settings_wipe_text(struct text *content)
{
	if (content->data != NULL)
		explicit_bzero(content->data, content->size);
	text_free(content);
}

static int
read_content(struct settings *settings, const char *path,
    const struct text *content, struct values *values, struct error *error)
{
	struct reading reading = { settings, values, error };

	return envfile_read(path, text_string(content), content->len,
	    take_assignment, &reading, error);
}

/* The path of ~/.agentlens-ingest.conf, which the caller frees, or NULL.
 * Without $HOME the folder comes from /etc/passwd itself, since getpwuid() may
 * not work in a program that is linked statically. */
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
 * Reads the first settings file that exists.  The one that $INGEST_CONFIG names
 * must exist.  A file that exists and cannot be read is an error: without it
 * the program would accept unsigned deliveries, and write another database.
 */
static int
load_file(struct settings *settings, struct values *values,
    struct error *error)
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
		/* A home folder that may not be searched counts as one without
		 * the file: a program that dropped its privileges still has
		 * root's $HOME. */
		if (paths[i] == NULL ||
		    (named == NULL && access(paths[i], F_OK) != 0))
			continue;
		struct text content = TEXT_EMPTY;
		result = settings_read_file(paths[i], &content, error);
		if (result == 0 &&
		    (settings->file = strdup(paths[i])) == NULL)
			result = error_set(error, "out of memory");
		if (result == 0)
			result = read_content(settings, paths[i], &content,
			    values, error);
		settings_wipe_text(&content);
	}
	free(paths[0]);
	free(paths[1]);
	return result;
}

extern char **environ;

static int
load_environment(struct settings *settings, struct values *values,
    struct error *error)
{
	for (char **entry = environ; *entry != NULL; entry++) {
		size_t len = strcspn(*entry, "=");
		char name[NAME_SIZE];

		if ((*entry)[len] != '=' || len >= sizeof(name))
			continue;
		memcpy(name, *entry, len);
		name[len] = '\0';
		if (own_sender_is_setting(name)) {
			if (take_own(settings, name, *entry + len + 1,
			    error) != 0)
				return -1;
			continue;
		}
		int index = find_setting(name);
		if (index < 0) {
			if (strncmp(name, "INGEST_", 7) == 0 &&
			    strcmp(name, "INGEST_CONFIG") != 0)
				return error_set(error, "unknown setting %s "
				    "in the environment", name);
			continue;
		}
		/* DB_PATH wins over its alias. */
		if ((*entry)[len + 1] == '\0' ||
		    (values->value[index] != NULL && index < (int)FIXED &&
		    strcmp(name, table[index].name) != 0))
			continue;
		wipe(values->value[index]);
		values->value[index] = strdup(*entry + len + 1);
		/* wipe() has freed each value that is replaced. */
		if (values->value[index] == NULL)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
			return error_set(error, "out of memory");
	}
	return 0;
}

/* Reads the settings: the file has the given content, or, where `content` is
 * NULL, is looked for. */
static int
load(struct settings *settings, const char *path, const struct text *content,
    struct error *error)
{
	struct values file = { { NULL } }, environment = { { NULL } };
	int result;

	*settings = (struct settings){ 0 };
	result = load_environment(settings, &environment, error);
	if (result == 0 && content == NULL)
		result = load_file(settings, &file, error);
	else if (result == 0)
		result = (settings->file = strdup(path)) == NULL ?
		    error_set(error, "out of memory") :
		    read_content(settings, path, content, &file, error);
	for (size_t i = 0; i < SETTINGS_COUNT && result == 0; i++) {
		char name[NAME_SIZE];
		const struct setting setting = setting_at(i, name);
		const char *value = environment.value[i];
		if (value == NULL && file.value[i] != NULL &&
		    *file.value[i] != '\0')
			value = file.value[i];
		if (value == NULL)
			value = setting.fallback;
		if (value != NULL)
			result = store_value(settings, &setting, value, error);
	}
	if (result == 0)
		result = settings_make_rows(settings, error);
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		wipe(environment.value[i]);
		wipe(file.value[i]);
	}
	return result;
}

int
settings_load(struct settings *settings, struct error *error)
{
	return load(settings, NULL, NULL, error);
}

/* Whether two settings have the same value of a kind that does not change. */
static bool
is_same(const struct setting *s, const void *one, const void *other)
{
	return s->kind == KIND_PATH ? strcmp(*(char *const *)one,
	    *(char *const *)other) == 0 :
	    *(const long *)one == *(const long *)other;
}

/* Gives a setting that does not change the value that it had. */
static int
keep_value(const struct setting *s, void *member, const void *old,
    struct error *error)
{
	if (s->kind != KIND_PATH) {
		*(long *)member = *(const long *)old;
		return 0;
	}
	free(*(char **)member);
	*(char **)member = strdup(*(char *const *)old);
	return *(char **)member != NULL ? 0 :
	    error_set(error, "out of memory");
}

static void
add_name(struct text *names, const char *name)
{
	if (names->len > 0)
		text_puts(names, " ");
	text_puts(names, name);
}

int
settings_reload(struct settings *settings, const struct settings *old,
    const struct text *content, struct text *later, struct error *error)
{
	int result = load(settings, old->file, content, error);

	for (size_t i = 0; i < SETTINGS_COUNT && result == 0; i++) {
		char name[NAME_SIZE];
		const struct setting s = setting_at(i, name);
		void *member = (char *)settings + s.offset;
		const void *before = (const char *)old + s.offset;
		if (s.changes || is_same(&s, member, before))
			continue;
		add_name(later, s.name);
		result = keep_value(&s, member, before, error);
	}
	return result;
}

void
settings_add_environment_secrets(struct text *names)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		char name[NAME_SIZE];
		const struct setting s = setting_at(i, name);
		const char *value = s.kind != KIND_SECRET ? NULL :
		    getenv(s.name);
		if (value != NULL && *value != '\0')
			add_name(names, s.name);
	}
}

void
settings_free(struct settings *settings)
{
	for (int i = 0; i < SOURCES; i++) {
		for (int j = 0; j < SETTINGS_SECRETS; j++)
			wipe(settings->secrets[i][j]);
		free(settings->tenants[i]);
		free(settings->signature_headers[i]);
		free(settings->timestamp_headers[i]);
		free(settings->timestamps[i]);
		free(settings->rows[i]);
	}
	own_senders_free(&settings->own);
	free(settings->db_path);
	free(settings->file);
	*settings = (struct settings){ 0 };
}
