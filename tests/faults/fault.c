/*
 * fault: a library for LD_PRELOAD that lets a chosen system call or allocation
 * fail, and that records what a program asks of the disk.
 *
 * FAULT_CONTROL names a file of struct control, which the test writes while
 * the program runs.  FAULT_RECORD names a file that is appended to, a struct
 * record with its name and data for each change to a file in FAULT_FOLDER,
 * and for each answer that leaves.  faults.mjs knows the one form, power.c the
 * other.
 *
 * The calls are made with syscall(2), so that nothing here depends on when
 * the real functions are found.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* What can fail; the order is that of `calls` in faults.mjs. */
enum call {
	CALL_WRITE,
	CALL_SYNC,
	CALL_OPEN,
	CALL_TRUNCATE,
	CALL_LOCK,
	CALL_MEMORY,
	CALL_MAP,
	CALL_QUEUE,
	CALL_EVENTS,
	CALL_READ,    /* of a file */
	CALL_RECEIVE, /* a read from a socket or a pipe */
	CALL_UNLINK,
	CALL_THREAD,
	CALL_RANDOM,
	CALL_SEND,    /* a write to a socket or a pipe */
	CALL_LOOK,    /* at a file: what it is, whether it is there */
	CALL_POLL,
	CALL_CLOSE
};

enum { SHORT = -1 /* as an error: half of what is to be written */ };

struct control {
	_Atomic int32_t armed; /* a call and 1; 0: none */
	_Atomic int32_t error; /* its errno, or SHORT */
	_Atomic int64_t number; /* of the call that fails, from 1; negative:
	                           all fail from there on */
	_Atomic int64_t count;  /* of such calls since it was armed */
	_Atomic int64_t fired;
	char function[24];
	char caller[104];
};

struct record {
	uint8_t kind;
	uint8_t unused;
	uint16_t name_len;
	uint32_t data_len;
	uint64_t offset;
};

enum { FDS = 1024, NAME_SIZE = 64 };

static struct control *control;
static int record_fd = -1;
static const char *folder;
static char names[FDS][NAME_SIZE]; /* of open files in the folder */
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

/* The process that looks at the settings file fails no calls, and its calls are
 * not counted: when it makes them is not settled. */
static void
forget(void)
{
	control = NULL;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	int (*configure)(int, ...) = (int (*)(int, ...))
	    dlsym(RTLD_DEFAULT, "sqlite3_config");
	const int lookaside = 13; /* SQLITE_CONFIG_LOOKASIDE */

	/* SQLite keeps small blocks of its own, in which none can fail. */
	if (configure != NULL)
		configure(lookaside, 0, 0);
	folder = getenv("FAULT_FOLDER");
	if (getenv("FAULT_RECORD") != NULL)
		record_fd = (int)syscall(SYS_openat, AT_FDCWD,
		    getenv("FAULT_RECORD"),
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (path == NULL)
		return;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	void *page = (void *)syscall(SYS_mmap, NULL, sizeof(*control),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		control = page;
	pthread_atfork(NULL, NULL, forget);
	syscall(SYS_close, fd);
}

static void
note(const char *function, void *caller)
{
	Dl_info where;
	const char *name = "";

	if (dladdr(caller, &where) != 0 && where.dli_fname != NULL)
		name = strrchr(where.dli_fname, '/') == NULL ?
		    where.dli_fname : strrchr(where.dli_fname, '/') + 1;
	strncpy(control->function, function, sizeof(control->function) - 1);
	strncpy(control->caller, name, sizeof(control->caller) - 1);
}

/* Whether this call is one that fails; then errno is set.  SHORT counts as one. */
static bool
fails_at(enum call call, const char *function, void *caller)
{
	if (control == NULL || control->armed != (int)call + 1)
		return false;
	int64_t at = atomic_fetch_add(&control->count, 1) + 1;
	if (control->number < 0 ? at < -control->number :
	    at != control->number)
		return false;
	note(function, caller);
	atomic_fetch_add(&control->fired, 1);
	errno = control->error == SHORT ? EIO : control->error;
	return true;
}

#define FAILS(call) fails_at(call, __func__, __builtin_return_address(0))

/* The record. */

static const char *
name_in_folder(const char *path)
{
	size_t len = folder == NULL ? 0 : strlen(folder);

	if (record_fd < 0 || path == NULL || len == 0 ||
	    strncmp(path, folder, len) != 0 || strlen(path) - len >= NAME_SIZE)
		return NULL;
	/* The folder itself is ".". */
	return path[len] == '\0' ? "." : path[len] == '/' ? path + len + 1 :
	    NULL;
}

/* fstat(), which can fail below. */
static int
look_at(int fd, struct stat *status)
{
	return (int)syscall(SYS_newfstatat, fd, "", status, AT_EMPTY_PATH);
}

/* The name of an open file whose changes count; not of one removed. */
static const char *
name_of(int fd)
{
	struct stat status;

	if (record_fd < 0 || fd < 0 || fd >= FDS || names[fd][0] == '\0' ||
	    look_at(fd, &status) != 0 || status.st_nlink == 0)
		return NULL;
	return names[fd];
}

static void
record(char kind, const char *name, uint64_t offset, const void *data,
    size_t len)
{
	struct record head = { .kind = (uint8_t)kind,
		.name_len = (uint16_t)strlen(name), .data_len = (uint32_t)len,
		.offset = offset };
	size_t size = sizeof(head) + head.name_len + len;
	char *bytes = __libc_malloc(size);

	if (bytes == NULL)
		abort();
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), name, head.name_len);
	if (len > 0)
		memcpy(bytes + sizeof(head) + head.name_len, data, len);
	if (syscall(SYS_write, record_fd, bytes, size) != (long)size)
		abort();
	free(bytes);
}

static void
lock_record(void)
{
	int saved = errno;
	if (record_fd >= 0)
		pthread_mutex_lock(&record_lock);
	errno = saved;
}

static void
unlock_record(void)
{
	int saved = errno;
	if (record_fd >= 0)
		pthread_mutex_unlock(&record_lock);
	errno = saved;
}

/* The calls. */

static bool
is_stream(int fd)
{
	struct stat status;
	int saved = errno;
	bool stream = look_at(fd, &status) == 0 &&
	    (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode));
	errno = saved;
	return stream;
}

static bool
is_of_disk(int fd)
{
	struct stat status;
	return look_at(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Whether to fail; or, when half is to be written, how much. */
static bool
write_fails(int fd, size_t *len, const char *function, void *caller)
{
	enum call call = is_stream(fd) ? CALL_SEND : CALL_WRITE;

	/* A disk that fails for good leaves an eventfd alone. */
	if (control != NULL && control->number < 0 && !is_of_disk(fd))
		return false;
	if (!fails_at(call, function, caller))
		return false;
	if (control->error != SHORT)
		return true;
	*len = *len > 1 ? *len / 2 : *len;
	return false;
}

EXPORT ssize_t
write(int fd, const void *data, size_t len)
{
	if (write_fails(fd, &len, __func__, __builtin_return_address(0)))
		return -1;
	lock_record();
	/* An answer counts from the moment at which it leaves. */
	if (record_fd >= 0 && is_stream(fd))
		record('A', "", 0, data, len);
	ssize_t n = syscall(SYS_write, fd, data, len);
	unlock_record();
	return n;
}

static ssize_t
write_at(int fd, const void *data, size_t len, off_t offset)
{
	lock_record();
	ssize_t n = syscall(SYS_pwrite64, fd, data, len, offset);
	if (n > 0 && name_of(fd) != NULL)
		record('W', name_of(fd), (uint64_t)offset, data, (size_t)n);
	unlock_record();
	return n;
}

EXPORT ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	if (write_fails(fd, &len, __func__, __builtin_return_address(0)))
		return -1;
	return write_at(fd, data, len, offset);
}

EXPORT ssize_t
pwrite64(int fd, const void *data, size_t len, off_t offset)
{
	if (write_fails(fd, &len, __func__, __builtin_return_address(0)))
		return -1;
	return write_at(fd, data, len, offset);
}

/* Says from where in the record on a change may not be on the disk yet: the
 * other threads go on meanwhile. */
static int
synchronise(long number, int fd)
{
	lock_record();
	const char *name = name_of(fd);
	uint64_t from = name == NULL ? 0 : (uint64_t)syscall(SYS_lseek,
	    record_fd, 0, SEEK_END);
	unlock_record();
	int result = (int)syscall(number, fd);
	lock_record();
	if (result == 0 && name != NULL)
		record(name[0] == '.' ? 'D' : 'S', name, from, NULL, 0);
	unlock_record();
	return result;
}

EXPORT int
fsync(int fd)
{
	return FAILS(CALL_SYNC) ? -1 : synchronise(SYS_fsync, fd);
}

EXPORT int
fdatasync(int fd)
{
	return FAILS(CALL_SYNC) ? -1 : synchronise(SYS_fdatasync, fd);
}

static int
open_at(int at, const char *path, int flags, mode_t mode)
{
	lock_record();
	const char *name = name_in_folder(path);
	bool made = name != NULL && (flags & O_CREAT) != 0 &&
	    syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
	int fd = (int)syscall(SYS_openat, at, path, flags, mode);

	if (fd >= 0 && fd < FDS)
		names[fd][0] = '\0';
	if (fd >= 0 && fd < FDS && name != NULL) {
		strcpy(names[fd], name);
		if (made)
			record('C', name, 0, NULL, 0);
		else if ((flags & O_TRUNC) != 0)
			record('T', name, 0, NULL, 0);
	}
	unlock_record();
	return fd;
}

static mode_t
mode_of(int flags, va_list arguments)
{
	return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPENING(function, at, ...) \
	EXPORT int \
	function(__VA_ARGS__, int flags, ...) \
	{ \
		va_list arguments; \
		va_start(arguments, flags); \
		mode_t mode = mode_of(flags, arguments); \
		va_end(arguments); \
		return FAILS(CALL_OPEN) ? -1 : \
		    open_at(at, path, flags, mode); \
	}
OPENING(open, AT_FDCWD, const char *path)
OPENING(open64, AT_FDCWD, const char *path)
OPENING(openat, at, int at, const char *path)
OPENING(openat64, at, int at, const char *path)

EXPORT FILE *
fopen(const char *path, const char *mode)
{
	static FILE *(*real)(const char *, const char *);

	if (FAILS(CALL_OPEN))
		return NULL;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fopen");
	return real(path, mode);
}

/* On Linux the descriptor is gone, whatever close() says. */
EXPORT int
close(int fd)
{
	if (fd >= 0 && fd < FDS)
		names[fd][0] = '\0';
	int result = (int)syscall(SYS_close, fd);
	return FAILS(CALL_CLOSE) ? -1 : result;
}

EXPORT int
stat(const char *restrict path, struct stat *restrict status)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD,
	    path, status, 0);
}

EXPORT int
lstat(const char *restrict path, struct stat *restrict status)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD,
	    path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
fstat(int fd, struct stat *status)
{
	return FAILS(CALL_LOOK) ? -1 : look_at(fd, status);
}

/* On machines of 64 bits these are the same under another name. */
EXPORT int stat64(const char *, struct stat64 *)
    __attribute__((alias("stat")));
EXPORT int lstat64(const char *, struct stat64 *)
    __attribute__((alias("lstat")));
EXPORT int fstat64(int, struct stat64 *) __attribute__((alias("fstat")));

EXPORT int
access(const char *path, int wanted)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD,
	    path, wanted);
}

EXPORT int
faccessat(int at, const char *path, int wanted, int flags)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_faccessat2, at, path,
	    wanted, flags);
}

EXPORT ssize_t
readlink(const char *restrict path, char *restrict target, size_t size)
{
	return FAILS(CALL_LOOK) ? -1 : syscall(SYS_readlinkat, AT_FDCWD, path,
	    target, size);
}

EXPORT int
fchmod(int fd, mode_t mode)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

EXPORT int
fchown(int fd, uid_t owner, gid_t group)
{
	return FAILS(CALL_LOOK) ? -1 : (int)syscall(SYS_fchown, fd, owner,
	    group);
}

EXPORT int
poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000,
		timeout_ms % 1000 * 1000000L };

	return FAILS(CALL_POLL) ? -1 : (int)syscall(SYS_ppoll, fds, count,
	    timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}

static int
truncate_to(int fd, off_t size)
{
	lock_record();
	int result = (int)syscall(SYS_ftruncate, fd, size);
	if (result == 0 && name_of(fd) != NULL)
		record('T', name_of(fd), (uint64_t)size, NULL, 0);
	unlock_record();
	return result;
}

EXPORT int
ftruncate(int fd, off_t size)
{
	return FAILS(CALL_TRUNCATE) ? -1 : truncate_to(fd, size);
}

EXPORT int
ftruncate64(int fd, off_t size)
{
	return FAILS(CALL_TRUNCATE) ? -1 : truncate_to(fd, size);
}

EXPORT int
unlink(const char *path)
{
	if (FAILS(CALL_UNLINK))
		return -1;
	lock_record();
	int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (result == 0 && name_in_folder(path) != NULL)
		record('U', name_in_folder(path), 0, NULL, 0);
	unlock_record();
	return result;
}

EXPORT int
rename(const char *from, const char *to)
{
	lock_record();
	int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to,
	    0);
	/* Nothing here renames; one that does must be taught to the replay. */
	if (result == 0 && name_in_folder(from) != NULL)
		abort();
	unlock_record();
	return result;
}

/* Taking a lock can fail; giving one back cannot, on a local file system. */
static bool
is_locking(int command, const struct flock *lock)
{
	return (command == F_SETLK || command == F_SETLKW ||
	    command == F_OFD_SETLK || command == F_OFD_SETLKW) &&
	    lock->l_type != F_UNLCK;
}

#define CONTROLLING(function) \
	EXPORT int \
	function(int fd, int command, ...) \
	{ \
		va_list arguments; \
		va_start(arguments, command); \
		void *argument = va_arg(arguments, void *); \
		va_end(arguments); \
		if (is_locking(command, argument) && FAILS(CALL_LOCK)) \
			return -1; \
		return (int)syscall(SYS_fcntl, fd, command, argument); \
	}
CONTROLLING(fcntl)
CONTROLLING(fcntl64)

EXPORT int
flock(int fd, int operation)
{
	return FAILS(CALL_LOCK) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

EXPORT void *
malloc(size_t size)
{
	return FAILS(CALL_MEMORY) ? NULL : __libc_malloc(size);
}

EXPORT void *
calloc(size_t count, size_t size)
{
	return FAILS(CALL_MEMORY) ? NULL : __libc_calloc(count, size);
}

EXPORT void *
realloc(void *block, size_t size)
{
	return FAILS(CALL_MEMORY) ? NULL : __libc_realloc(block, size);
}

EXPORT void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	return FAILS(CALL_MAP) ? MAP_FAILED : (void *)syscall(SYS_mmap, at,
	    len, protection, flags, fd, offset);
}

EXPORT void *
mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	return FAILS(CALL_MAP) ? MAP_FAILED : (void *)syscall(SYS_mmap, at,
	    len, protection, flags, fd, offset);
}

EXPORT int
semget(key_t key, int count, int flags)
{
	return FAILS(CALL_QUEUE) ? -1 : (int)syscall(SYS_semget, key, count,
	    flags);
}

EXPORT int
semop(int id, struct sembuf *operations, size_t count)
{
	return FAILS(CALL_QUEUE) ? -1 : (int)syscall(SYS_semop, id, operations,
	    count);
}

EXPORT int
semtimedop(int id, struct sembuf *operations, size_t count,
    const struct timespec *timeout)
{
	return FAILS(CALL_QUEUE) ? -1 : (int)syscall(SYS_semtimedop, id,
	    operations, count, timeout);
}

EXPORT int
semctl(int id, int number, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return FAILS(CALL_QUEUE) ? -1 : (int)syscall(SYS_semctl, id, number,
	    command, argument);
}

EXPORT int
epoll_create1(int flags)
{
	return FAILS(CALL_EVENTS) ? -1 : (int)syscall(SYS_epoll_create1,
	    flags);
}

EXPORT int
epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return FAILS(CALL_EVENTS) ? -1 : (int)syscall(SYS_epoll_ctl, epoll,
	    operation, fd, event);
}

EXPORT int
epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
	return FAILS(CALL_EVENTS) ? -1 : (int)syscall(SYS_epoll_pwait, epoll,
	    events, count, timeout, NULL, sizeof(sigset_t));
}

EXPORT int
eventfd(unsigned value, int flags)
{
	return FAILS(CALL_EVENTS) ? -1 : (int)syscall(SYS_eventfd2, value,
	    flags);
}

EXPORT int
accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len,
    int flags)
{
	return FAILS(CALL_EVENTS) ? -1 : (int)syscall(SYS_accept4, fd, address,
	    len, flags);
}

EXPORT ssize_t
read(int fd, void *data, size_t len)
{
	if (FAILS(is_stream(fd) ? CALL_RECEIVE : CALL_READ))
		return -1;
	return syscall(SYS_read, fd, data, len);
}

EXPORT ssize_t
pread64(int fd, void *data, size_t len, off_t offset)
{
	return FAILS(CALL_READ) ? -1 : syscall(SYS_pread64, fd, data, len,
	    offset);
}

EXPORT ssize_t
getrandom(void *data, size_t len, unsigned flags)
{
	return FAILS(CALL_RANDOM) ? -1 : syscall(SYS_getrandom, data, len,
	    flags);
}

EXPORT int
pthread_create(pthread_t *restrict thread,
    const pthread_attr_t *restrict attributes, void *(*start)(void *),
    void *restrict argument)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
	    void *(*)(void *), void *);

	if (FAILS(CALL_THREAD))
		return errno;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attributes, start, argument);
}
