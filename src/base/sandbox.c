#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/syscalls.h"

#if __has_include(<linux/landlock.h>) && !defined(NO_SANDBOX)
#include <linux/landlock.h>
#define HAVE_LANDLOCK 1
#else
#define HAVE_LANDLOCK 0
#endif

static void
log_missing(const char *part, const char *reason)
{
	log_line(LOG_DEBUG, "sandbox", part, "error", reason, NULL);
}

#if HAVE_LANDLOCK

/* struct landlock_ruleset_attr as of the newest version here: the one in the
 * system's header may be older and shorter.  An older kernel accepts this one
 * as long as what it does not know is zero. */
struct ruleset {
	uint64_t files;
	uint64_t network;
	uint64_t scoped;
};

/* The rights that each version of Landlock added, from version 1 on. */
static const struct ruleset added_by_abi[] = {
	{ .files = (UINT64_C(1) << 13) - 1 },
	{ .files = UINT64_C(1) << 13 },   /* move between folders */
	{ .files = UINT64_C(1) << 14 },   /* truncate */
	{ .network = UINT64_C(3) },       /* bind and connect TCP */
	{ .files = UINT64_C(1) << 15 },   /* ioctl of devices */
	{ .scoped = UINT64_C(3) },        /* abstract sockets, signals */
};

#define ABIS ((int)(sizeof(added_by_abi) / sizeof(added_by_abi[0])))
#define TRUNCATE (UINT64_C(1) << 14)

#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | \
    LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
/* SQLite syncs the folder, for which it opens it to read. */
#define FOLDER_RIGHTS (TEMPORARY_RIGHTS | LANDLOCK_ACCESS_FS_READ_DIR)
#define TEMPORARY_RIGHTS (FILE_RIGHTS | LANDLOCK_ACCESS_FS_MAKE_REG | \
    LANDLOCK_ACCESS_FS_REMOVE_FILE)

static int
open_rights(int ruleset, const struct ruleset *handled, const char *path,
    uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights & handled->files,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	int result = rule.parent_fd < 0 ? -1 :
	    (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);

	if (rule.parent_fd >= 0)
		close(rule.parent_fd);
	return result;
}

/* Opens the folder of a file, or the nearest one above it that exists: the
 * folder may come later, when another file system is mounted.  But not "/" in
 * its place, which would open everything: then nothing is open. */
static int
open_folder(int ruleset, const struct ruleset *handled, const char *file)
{
	char folder[PATH_MAX];
	int result = -1;
	bool is_above = false;

	if (strlen(file) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, file, strlen(file) + 1);
	while (result != 0) {
		char *slash = strrchr(folder, '/');
		if (slash == NULL)
			break;
		if (slash == folder && is_above)
			return errno == ENOENT || errno == ENOTDIR ||
			    errno == EACCES ? 0 : -1;
		slash[slash == folder] = '\0';
		result = open_rights(ruleset, handled, folder, FOLDER_RIGHTS);
		if (slash == folder)
			break;
		is_above = true;
	}
	return result;
}

/* Opens the folders of a database. */
static bool
open_database(int ruleset, const struct ruleset *handled,
    const char *database)
{
	char target[PATH_MAX];

	if (database == NULL)
		return true;
	if (open_folder(ruleset, handled, database) != 0)
		return false;
	/* SQLite follows the link, and writes its log beside the target. */
	return realpath(database, target) == NULL ||
	    open_folder(ruleset, handled, target) == 0;
}

/* Opens a file, unless it is a folder, to be read. */
static void
open_file(int ruleset, const struct ruleset *handled, const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		open_rights(ruleset, handled, path,
		    LANDLOCK_ACCESS_FS_READ_FILE);
}

/* Opens the files that the words of a command line name. */
static void
open_words(int ruleset, const struct ruleset *handled, char *const *words)
{
	for (; words != NULL && *words != NULL; words++) {
		const char *word = *words, *value = strchr(word, '=');
		open_file(ruleset, handled, word);
		if (strncmp(word, "--", 2) == 0 && value != NULL)
			open_file(ruleset, handled, value + 1);
		else if (word[0] == '-' && word[1] != '\0')
			open_file(ruleset, handled, word + 2);
	}
}

static int
close_files(const struct sandbox_needs *needs)
{
	struct ruleset handled = { 0 };
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1)
		return -1;
	for (int i = 0; i < ABIS && i < abi; i++) {
		handled.files |= added_by_abi[i].files;
		handled.network |= added_by_abi[i].network;
		handled.scoped |= added_by_abi[i].scoped;
	}
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled,
	    sizeof(handled), 0);
	if (ruleset < 0)
		return -1;
	bool good = open_database(ruleset, &handled, needs->database);
	open_words(ruleset, &handled, needs->read);
	if (needs->temporary != NULL)
		open_rights(ruleset, &handled, needs->temporary,
		    TEMPORARY_RIGHTS);
	/* Where there are no devices, the libraries do without them. */
	open_rights(ruleset, &handled, "/dev/null", FILE_RIGHTS);
	open_rights(ruleset, &handled, "/dev/urandom",
	    LANDLOCK_ACCESS_FS_READ_FILE);
	good = good && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	int saved_errno = errno;
	close(ruleset);
	errno = saved_errno;
	return good ? 0 : -1;
}

#else

static int
close_files(const struct sandbox_needs *needs)
{
	(void)needs;
	errno = ENOSYS;
	return -1;
}

#endif

void
sandbox_enter(const struct sandbox_needs *needs, struct sandbox *entered)
{
	*entered = (struct sandbox){ .has_filter = syscalls_has_filter() };
#ifndef NO_SANDBOX
	prctl(PR_SET_DUMPABLE, 0);
#endif
	/* Without this the kernel grants neither of the following to a program
	 * that does not run as root. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_missing("no new privileges", strerror(errno));
		return;
	}
	entered->closes_files = close_files(needs) == 0;
	if (!entered->closes_files)
		log_missing("Landlock", strerror(errno));
	entered->filters_calls = syscalls_filter(needs->terminal) == 0;
	if (!entered->filters_calls)
		log_missing("seccomp", entered->has_filter ?
		    strerror(errno) : "built without libseccomp");
}
