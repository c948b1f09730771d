/*
 * For LD_PRELOAD: a layer over SQLite's access to files that makes its WAL-reset
 * bug likely, and tells when a checkpoint could meet it.  The bug needs a
 * checkpoint that begins on a log that is copied whole, and a commit of another
 * connection that begins the log anew between two steps of it: its look at the
 * index of the log, after which SQLite gives back what it has mapped of the file
 * (xUnfetch), and the copying.  There the layer waits for RESET_MS, and for a
 * time up to that before each checkpoint, as if the thread were late.
 *
 * Appends a line to the file RESET_LOG for each checkpoint that holds no write
 * lock: "begun"; "whole" when it began on a log that was copied whole; "met"
 * when another connection began the log anew while the layer waited; "stale"
 * when it left a mark of more pages than the log has.
 *
 * With RESET_VERSION alone, it only says that SQLite is of that version.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://sqlite.org/walformat.html: the index, in 32-bit numbers, and its
 * locks. */
#define INDEX_BYTES 32768
#define PAGES (16 / 4)
#define SALT (32 / 4)
#define COPIED (96 / 4)
#define WRITE_LOCK 0
#define CHECKPOINT_LOCK 1

struct file {
	sqlite3_file base;
	sqlite3_file *real;
	bool checkpoints;
	bool writes;
	bool whole;
};

static sqlite3_vfs *original;
static int log_fd = -1;
static int wait_us = 20000;

static sqlite3_file *
real(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

static const volatile uint32_t *
look(sqlite3_file *file)
{
	void volatile *index = NULL;

	real(file)->pMethods->xShmMap(real(file), 0, INDEX_BYTES, 0, &index);
	return index;
}

static void
tell(const char *line)
{
	ssize_t written = write(log_fd, line, strlen(line));
	(void)written;
}

static void
begin(struct file *f)
{
	const volatile uint32_t *index = look(&f->base);

	f->checkpoints = true;
	f->writes = false;
	f->whole = index != NULL && index[PAGES] > 0 &&
	    index[COPIED] >= index[PAGES];
}

static void
end(struct file *f)
{
	const volatile uint32_t *index = look(&f->base);

	f->checkpoints = false;
	if (f->writes)
		return;
	tell("begun\n");
	if (f->whole)
		tell("whole\n");
	if (index != NULL && index[COPIED] > index[PAGES])
		tell("stale\n");
}

static int
shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	struct file *f = (struct file *)file;
	bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0 && n == 1;
	bool locks = (flags & SQLITE_SHM_LOCK) != 0;

	if (exclusive && offset == CHECKPOINT_LOCK && !locks && f->checkpoints)
		end(f);
	if (exclusive && offset == CHECKPOINT_LOCK && locks)
		usleep((useconds_t)(random() % (wait_us + 1)));
	int code = f->real->pMethods->xShmLock(f->real, offset, n, flags);
	if (code == SQLITE_OK && exclusive && locks) {
		if (offset == CHECKPOINT_LOCK)
			begin(f);
		else if (offset == WRITE_LOCK)
			f->writes = true;
	}
	return code;
}

static int
unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
	struct file *f = (struct file *)file;
	const volatile uint32_t *index;

	if (f->checkpoints && !f->writes && page == NULL &&
	    (index = look(file)) != NULL) {
		uint32_t salt = index[SALT];
		usleep((useconds_t)wait_us);
		if (index[SALT] != salt)
			tell("met\n");
	}
	return f->real->pMethods->iVersion >= 3 ?
	    f->real->pMethods->xUnfetch(f->real, offset, page) : SQLITE_OK;
}

static int
fetch(sqlite3_file *file, sqlite3_int64 offset, int n, void **page)
{
	*page = NULL;
	return real(file)->pMethods->iVersion >= 3 ?
	    real(file)->pMethods->xFetch(real(file), offset, n, page) :
	    SQLITE_OK;
}

#define FORWARD(name, parameters, ...) \
	static int \
	name parameters \
	{ \
		return real(file)->pMethods->x_##name(__VA_ARGS__); \
	}
#define x_close_file xClose
#define x_read_at xRead
#define x_write_at xWrite
#define x_cut xTruncate
#define x_sync_file xSync
#define x_size xFileSize
#define x_lock xLock
#define x_unlock xUnlock
#define x_is_reserved xCheckReservedLock
#define x_control xFileControl
#define x_sector xSectorSize
#define x_traits xDeviceCharacteristics
#define x_shm_map xShmMap
#define x_shm_unmap xShmUnmap
FORWARD(close_file, (sqlite3_file *file), real(file))
FORWARD(read_at, (sqlite3_file *file, void *to, int n, sqlite3_int64 at),
    real(file), to, n, at)
FORWARD(write_at, (sqlite3_file *file, const void *from, int n,
    sqlite3_int64 at), real(file), from, n, at)
FORWARD(cut, (sqlite3_file *file, sqlite3_int64 size), real(file), size)
FORWARD(sync_file, (sqlite3_file *file, int flags), real(file), flags)
FORWARD(size, (sqlite3_file *file, sqlite3_int64 *size), real(file), size)
FORWARD(lock, (sqlite3_file *file, int level), real(file), level)
FORWARD(unlock, (sqlite3_file *file, int level), real(file), level)
FORWARD(is_reserved, (sqlite3_file *file, int *is), real(file), is)
FORWARD(control, (sqlite3_file *file, int what, void *with), real(file), what,
    with)
FORWARD(sector, (sqlite3_file *file), real(file))
FORWARD(traits, (sqlite3_file *file), real(file))
FORWARD(shm_map, (sqlite3_file *file, int region, int size, int extend,
    void volatile **at), real(file), region, size, extend, at)
FORWARD(shm_unmap, (sqlite3_file *file, int delete), real(file), delete)

static void
shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static const sqlite3_io_methods methods = {
	.iVersion = 3,
	.xClose = close_file,
	.xRead = read_at,
	.xWrite = write_at,
	.xTruncate = cut,
	.xSync = sync_file,
	.xFileSize = size,
	.xLock = lock,
	.xUnlock = unlock,
	.xCheckReservedLock = is_reserved,
	.xFileControl = control,
	.xSectorSize = sector,
	.xDeviceCharacteristics = traits,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
	.xFetch = fetch,
	.xUnfetch = unfetch,
};

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *given)
{
	struct file *f = (struct file *)file;

	(void)vfs;
	*f = (struct file){ .real = (sqlite3_file *)(f + 1) };
	memset(f->real, 0, (size_t)original->szOsFile);
	int code = original->xOpen(original, name, f->real, flags, given);
	if (f->real->pMethods != NULL)
		f->base.pMethods = &methods;
	return code;
}

int
sqlite3_libversion_number(void)
{
	const char *version = getenv("RESET_VERSION");
	int (*number)(void) = (int (*)(void))dlsym(RTLD_NEXT,
	    "sqlite3_libversion_number");

	return version != NULL ? (int)strtol(version, NULL, 10) : number();
}

__attribute__((constructor)) static void
install(void)
{
	static sqlite3_vfs layer;
	sqlite3_vfs *(*find)(const char *) =
	    (sqlite3_vfs *(*)(const char *))dlsym(RTLD_DEFAULT,
	    "sqlite3_vfs_find");
	int (*enroll)(sqlite3_vfs *, int) = (int (*)(sqlite3_vfs *, int))dlsym(
	    RTLD_DEFAULT, "sqlite3_vfs_register");
	const char *path = getenv("RESET_LOG"), *ms = getenv("RESET_MS");

	if (find == NULL || enroll == NULL || path == NULL ||
	    (original = find(NULL)) == NULL)
		return;
	if (ms != NULL)
		wait_us = (int)strtol(ms, NULL, 10) * 1000;
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	layer = *original;
	layer.zName = "reset";
	layer.pNext = NULL;
	layer.szOsFile = (int)sizeof(struct file) + original->szOsFile;
	layer.xOpen = open_file;
	enroll(&layer, 1);
}
