#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#if __has_include(<linux/landlock.h>) && !defined(NO_SANDBOX)
#include <linux/landlock.h>
#define HAVE_LANDLOCK 1
#else
#define HAVE_LANDLOCK 0
#endif

/* The numbers of system calls differ; these are the machines whose list was
 * looked through. */
#if defined(NO_SANDBOX)
#undef ARCH
#elif defined(__x86_64__) && !defined(__ILP32__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && !defined(__ILP32__) && \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_AARCH64
#endif

static void
log_missing(const char *part, const char *reason)
{
	log_line(LOG_DEBUG, "sandbox", part, "error", reason, NULL);
}

#if HAVE_LANDLOCK

/* As the kernel has it by now; the header may be older than the kernel, which
 * takes a shorter one for one that ends in zeros. */
struct ruleset {
	uint64_t files;
	uint64_t network;
	uint64_t scoped;
};

/* Every right that a version of Landlock brought. */
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
#define FOLDER_RIGHTS (FILE_RIGHTS | LANDLOCK_ACCESS_FS_READ_DIR | \
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

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

/* Opens the folder of a file, or the nearest above it that there is: the
 * folder may come later, with another file system. */
static int
open_folder(int ruleset, const struct ruleset *handled, const char *file)
{
	char folder[PATH_MAX];
	int result = -1;

	if (strlen(file) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, file, strlen(file) + 1);
	for (char *slash; result != 0 && (slash = strrchr(folder, '/')) !=
	    NULL;) {
		slash[slash == folder] = '\0';
		result = open_rights(ruleset, handled, folder, FOLDER_RIGHTS);
		if (slash == folder)
			break;
	}
	return result;
}

static int
close_files(const char *database)
{
	struct ruleset handled = { 0 };
	char target[PATH_MAX];
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
	bool good = open_folder(ruleset, &handled, database) == 0;
	/* SQLite follows the link, and writes its log beside the target. */
	if (good && realpath(database, target) != NULL)
		good = open_folder(ruleset, &handled, target) == 0;
	/* A place without devices does without. */
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
close_files(const char *database)
{
	(void)database;
	errno = ENOSYS;
	return -1;
}

#endif

#ifdef ARCH

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
    (uint32_t)offsetof(struct seccomp_data, member))
/* The lower half of an argument, on machines that begin with it. */
#define LOAD_ARGUMENT(n) LOAD(args[n])
#define IF_EQUAL(value, then, otherwise) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), then, otherwise)
#define IF_BITS(bits, then, otherwise) \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), then, otherwise)
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(action))
#define ERROR(number) ANSWER(SECCOMP_RET_ERRNO | (number))
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS SECCOMP_RET_KILL
#endif

#define ALLOW(name) \
    IF_EQUAL(SYS_##name, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
#define KILL(name) \
    IF_EQUAL(SYS_##name, 0, 1), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* The number of the call is loaded on the way into each of these, and is gone
 * on no way out that goes on. */
#define ALLOW_WITH(name, n, bits) \
    IF_EQUAL(SYS_##name, 0, 4), LOAD_ARGUMENT(n), IF_BITS(bits, 0, 1), \
    ANSWER(SECCOMP_RET_ALLOW), ERROR(EPERM)
#define ALLOW_WITHOUT(name, n, bits) \
    IF_EQUAL(SYS_##name, 0, 4), LOAD_ARGUMENT(n), IF_BITS(bits, 1, 0), \
    ANSWER(SECCOMP_RET_ALLOW), ERROR(EPERM)
#define ALLOW_EQUAL(name, n, value) \
    IF_EQUAL(SYS_##name, 0, 4), LOAD_ARGUMENT(n), IF_EQUAL(value, 0, 1), \
    ANSWER(SECCOMP_RET_ALLOW), ERROR(EPERM)

/*
 * A call that is in no line is answered ENOSYS, as by a kernel that is too old
 * for it: a libc that is newer than this list has another way then, as for
 * clone3(), whose flags a filter cannot see.  The often used come first, for
 * kernels that do not remember the answers (before 5.11).
 */
static int
filter_calls(void)
{
	const uint32_t self = (uint32_t)getpid();
	struct sock_filter filter[] = {
		LOAD(arch), IF_EQUAL(ARCH, 1, 0),
		ANSWER(SECCOMP_RET_KILL_PROCESS), LOAD(nr),
#ifdef __x86_64__
		/* The calls of x32, which have numbers of their own. */
		IF_BITS(0x40000000, 0, 1), ANSWER(SECCOMP_RET_KILL_PROCESS),
#endif
		ALLOW(read), ALLOW(write), ALLOW(futex), ALLOW(fcntl),
		ALLOW(pread64), ALLOW(pwrite64), ALLOW(newfstatat),
		ALLOW(fstat), ALLOW(fdatasync), ALLOW(semtimedop),
		ALLOW(accept4), ALLOW(epoll_pwait), ALLOW(setsockopt),
		ALLOW(shutdown), ALLOW(close), ALLOW(getrandom),
		ALLOW(clock_gettime), ALLOW(gettimeofday), ALLOW(getpid),
#ifdef __x86_64__
		ALLOW(poll), ALLOW(epoll_wait), ALLOW(select), ALLOW(dup2),
		ALLOW(open), ALLOW(stat), ALLOW(lstat), ALLOW(access),
		ALLOW(readlink), ALLOW(unlink), ALLOW(time),
#endif

		/* More of reading and writing. */
		ALLOW(readv), ALLOW(writev), ALLOW(lseek), ALLOW(fsync),
		ALLOW(ftruncate), ALLOW(fallocate), ALLOW(flock),
		ALLOW(ppoll), ALLOW(pselect6), ALLOW(dup), ALLOW(dup3),
		ALLOW(epoll_create1), ALLOW(epoll_ctl), ALLOW(eventfd2),
		ALLOW(getsockopt), ALLOW(getpeername), ALLOW(getsockname),

		/* Files; Landlock says which. */
		ALLOW(openat), ALLOW(statx), ALLOW(faccessat),
		ALLOW(faccessat2), ALLOW(readlinkat), ALLOW(unlinkat),
		ALLOW(fchmod), ALLOW(fchown), ALLOW(getcwd),

		/* Memory, but no code. */
		ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise),
		ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
		ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),

		/* Threads, but no processes. */
		ALLOW_WITH(clone, 0, CLONE_THREAD), ALLOW(exit),
		ALLOW(exit_group), ALLOW(set_robust_list), ALLOW(rseq),
		ALLOW(gettid), ALLOW(sched_yield), ALLOW(sched_getaffinity),
		ALLOW(membarrier), ALLOW(restart_syscall),

		/* Signals, to itself only. */
		ALLOW(rt_sigaction), ALLOW(rt_sigprocmask),
		ALLOW(rt_sigreturn), ALLOW(rt_sigtimedwait),
		ALLOW(sigaltstack), ALLOW_EQUAL(tgkill, 0, self),

		/* Time, who one is, and how much there is. */
		ALLOW(nanosleep), ALLOW(clock_nanosleep), ALLOW(clock_getres),
		ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid),
		ALLOW(uname), ALLOW(sysinfo), ALLOW(getrusage),
		ALLOW_EQUAL(prlimit64, 0, 0),

		/* The queue of the processes that write one file. */
		ALLOW(semget), ALLOW(semctl), ALLOW(semop),

		/* Nothing in the program or its libraries does these. */
		KILL(execve), KILL(execveat), KILL(ptrace),
		KILL(process_vm_readv), KILL(process_vm_writev),
		KILL(socket), KILL(socketpair), KILL(connect), KILL(bind),
		KILL(listen), KILL(bpf), KILL(perf_event_open),
		KILL(init_module), KILL(finit_module), KILL(kexec_load),
		KILL(mount), KILL(unshare), KILL(setns), KILL(keyctl),
#ifdef __x86_64__
		KILL(fork), KILL(vfork),
#endif

		ERROR(ENOSYS),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#else

static int
filter_calls(void)
{
	errno = ENOSYS;
	return -1;
}

#endif

void
sandbox_enter(const char *database, struct sandbox *entered)
{
	*entered = (struct sandbox){ 0 };
#ifndef NO_SANDBOX
	prctl(PR_SET_DUMPABLE, 0);
#endif
	/* Without it neither of what follows is for a program that is not
	 * root's. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_missing("no new privileges", strerror(errno));
		return;
	}
	entered->closes_files = close_files(database) == 0;
	if (!entered->closes_files)
		log_missing("Landlock", strerror(errno));
	entered->filters_calls = filter_calls() == 0;
	if (!entered->filters_calls)
		log_missing("seccomp", strerror(errno));
}
