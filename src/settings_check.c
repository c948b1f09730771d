#include "settings.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "webhook/scheme.h"

#define NAME_SIZE 128

/* A secret as it is written: its setting, and the value or NULL. */
struct secret {
	char name[NAME_SIZE + sizeof("_PREVIOUS")];
	const char *value;
};

/* The secrets of the table's sources come first, then those of one's own. */
static size_t
count_secrets(const struct settings *settings)
{
	return (SOURCES + settings->own.count) * SETTINGS_SECRETS;
}

static const struct source *
secret_at(const struct settings *settings, size_t index, struct secret *secret)
{
	static const char *const ends[SETTINGS_SECRETS] = { "", "_PREVIOUS" };
	size_t i = index / SETTINGS_SECRETS, which = index % SETTINGS_SECRETS;
	const struct own_sender *own = i < SOURCES ? NULL :
	    &settings->own.list[i - SOURCES];
	const struct source *source = own != NULL ? &own->row : &sources[i];
	char name[NAME_SIZE];

	settings_secret_name(source, name, sizeof(name));
	snprintf(secret->name, sizeof(secret->name), "%s%s", name,
	    ends[which]);
	secret->value = own == NULL ? settings->secrets[i][which] :
	    own->values[which == 0 ? OWN_SENDER_SECRET :
	    OWN_SENDER_SECRET_PREVIOUS];
	return source;
}

/* Checks that each secret can be a key of its source. */
static int
check_keys(const struct settings *settings, struct error *error)
{
	for (size_t i = 0; i < SOURCES * SETTINGS_SECRETS; i++) {
		struct secret secret;
		const struct source *source = secret_at(settings, i, &secret);
		if (secret.value != NULL &&
		    !scheme_is_key(source, secret.value))
			return error_set(error, "%s must be base 64, after "
			    "whsec_, as the sender shows it", secret.name);
	}
	return 0;
}

/* The folder may have the sticky bit, as /tmp has: then others cannot remove
 * the file, but make one in its place before it is there. */
static int
check_folder(const char *file, struct error *error)
{
	char folder[PATH_MAX];
	struct stat status;

	if (snprintf(folder, sizeof(folder), "%s", file) >=
	    (int)sizeof(folder))
		return 0;
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	if (stat(folder, &status) == 0 && (status.st_mode & S_IWOTH) != 0)
		return error_set(error, "anybody can write to %s, the folder "
		    "of the database: chmod o-w it, or set DB_PATH to a file "
		    "in another", folder);
	return 0;
}

int
settings_check(const struct settings *settings, struct error *error)
{
	char target[PATH_MAX];
	struct stat status;

	if (check_keys(settings, error) != 0)
		return -1;
	if (settings->file != NULL && stat(settings->file, &status) == 0 &&
	    (status.st_mode & S_IROTH) != 0)
		return error_set(error, "anybody can read the secrets in %s: "
		    "chmod 600 it", settings->file);
	if (check_folder(settings->db_path, error) != 0)
		return -1;
	return realpath(settings->db_path, target) == NULL ? 0 :
	    check_folder(target, error);
}

/* --- What is doubtful about a secret ------------------------------------- */

/* Shorter ones can be guessed. */
#define SECRET_BYTES_FEW 16

static bool
begins_with_space(const char *s)
{
	return isspace((unsigned char)*s) || strncmp(s, "\xc2\xa0", 2) == 0;
}

static bool
ends_with_space(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && (isspace((unsigned char)s[len - 1]) ||
	    (len > 1 && strcmp(s + len - 2, "\xc2\xa0") == 0));
}

static void
doubt(const char *name, const char *secret, struct text *doubts)
{
	if (ends_with_space(secret) || begins_with_space(secret))
		text_printf(doubts, "%s begins or ends with white space or a "
		    "line end, which is a part of it\n", name);
	if (strstr(secret, " #") != NULL || strstr(secret, "\t#") != NULL)
		text_printf(doubts, "%s has a # behind a blank: a comment on "
		    "the same line is a part of the secret\n", name);
	if (strlen(secret) < SECRET_BYTES_FEW)
		text_printf(doubts, "%s is shorter than %d bytes and could be "
		    "guessed: `openssl rand -hex 32` makes a good one\n",
		    name, SECRET_BYTES_FEW);
	if (strcasestr(secret, "your-secret") != NULL)
		text_printf(doubts, "%s is an example that everybody knows\n",
		    name);
}

void
settings_doubt(const struct settings *settings, struct text *doubts)
{
	struct secret secret, other;

	for (size_t i = 0; i < count_secrets(settings); i++) {
		secret_at(settings, i, &secret);
		if (secret.value == NULL)
			continue;
		doubt(secret.name, secret.value, doubts);
		for (size_t j = i + 1; j < count_secrets(settings); j++) {
			secret_at(settings, j, &other);
			if (other.value != NULL &&
			    strcmp(secret.value, other.value) == 0)
				text_printf(doubts, "%s is the same as %s\n",
				    other.name, secret.name);
		}
	}
	for (size_t i = 0; i < count_secrets(settings); i += SETTINGS_SECRETS) {
		const struct source *source = secret_at(settings, i, &secret);
		secret_at(settings, i + 1, &other);
		if (secret.value == NULL && other.value != NULL)
			text_printf(doubts, "%s has only a secret with "
			    "_PREVIOUS, which alone has no effect\n",
			    source->name);
	}
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
