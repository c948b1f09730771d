#include "base/sandbox.h"

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

#include "base/log.h"

#if __has_include(<linux/landlock.h>) && !defined(NO_SANDBOX)
#include <linux/landlock.h>
#define HAVE_LANDLOCK 1
#else
#define HAVE_LANDLOCK 0
#endif

/* The numbers of system calls differ from machine to machine; the list was
 * checked for these. */
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
close_files(const char *database)
{
	(void)database;
	errno = ENOSYS;
	return -1;
}

#endif

#ifdef ARCH

/* How a system call is answered. */
enum verdict {
	/* As by a kernel that is too old for it: a libc that is newer than this
	 * table then falls back on an older call.  It does so for clone3(),
	 * whose flags a filter cannot see. */
	UNKNOWN,
	ALLOWED,
	NO_CODE,     /* third argument without PROT_EXEC */
	THREAD_ONLY, /* first argument with CLONE_THREAD */
	SELF_ONLY,   /* first argument is this process, or 0 for it */
	HOSTILE      /* made neither by the program nor by its libraries */
};

static const unsigned char verdicts[] = {
	[SYS_read] = ALLOWED, [SYS_write] = ALLOWED, [SYS_readv] = ALLOWED,
	[SYS_writev] = ALLOWED, [SYS_pread64] = ALLOWED,
	[SYS_pwrite64] = ALLOWED, [SYS_lseek] = ALLOWED,
	[SYS_fsync] = ALLOWED, [SYS_fdatasync] = ALLOWED,
	[SYS_ftruncate] = ALLOWED, [SYS_fallocate] = ALLOWED,
	[SYS_flock] = ALLOWED, [SYS_fcntl] = ALLOWED, [SYS_close] = ALLOWED,
	[SYS_dup] = ALLOWED, [SYS_dup3] = ALLOWED, [SYS_ppoll] = ALLOWED,
	[SYS_pselect6] = ALLOWED, [SYS_epoll_create1] = ALLOWED,
	[SYS_epoll_ctl] = ALLOWED, [SYS_epoll_pwait] = ALLOWED,
	[SYS_eventfd2] = ALLOWED,

	/* The socket that the program was given. */
	[SYS_accept] = ALLOWED, [SYS_accept4] = ALLOWED,
	[SYS_setsockopt] = ALLOWED, [SYS_getsockopt] = ALLOWED,
	[SYS_getsockname] = ALLOWED, [SYS_getpeername] = ALLOWED,
	[SYS_shutdown] = ALLOWED, [SYS_recvfrom] = ALLOWED,

	/* Files; Landlock says which. */
	[SYS_openat] = ALLOWED, [SYS_newfstatat] = ALLOWED,
	[SYS_fstat] = ALLOWED, [SYS_statx] = ALLOWED,
	[SYS_faccessat] = ALLOWED, [SYS_faccessat2] = ALLOWED,
	[SYS_readlinkat] = ALLOWED, [SYS_unlinkat] = ALLOWED,
	[SYS_fchmod] = ALLOWED, [SYS_fchown] = ALLOWED,
	[SYS_getcwd] = ALLOWED,

	[SYS_brk] = ALLOWED, [SYS_munmap] = ALLOWED, [SYS_mremap] = ALLOWED,
	[SYS_madvise] = ALLOWED, [SYS_mmap] = NO_CODE,
	[SYS_mprotect] = NO_CODE,

	[SYS_clone] = THREAD_ONLY, [SYS_futex] = ALLOWED,
	[SYS_exit] = ALLOWED, [SYS_exit_group] = ALLOWED,
	[SYS_set_robust_list] = ALLOWED, [SYS_rseq] = ALLOWED,
	[SYS_gettid] = ALLOWED, [SYS_sched_yield] = ALLOWED,
	[SYS_sched_getaffinity] = ALLOWED, [SYS_membarrier] = ALLOWED,
	[SYS_rt_sigaction] = ALLOWED, [SYS_rt_sigprocmask] = ALLOWED,
	[SYS_rt_sigreturn] = ALLOWED, [SYS_rt_sigtimedwait] = ALLOWED,
	[SYS_sigaltstack] = ALLOWED, [SYS_restart_syscall] = ALLOWED,
	[SYS_tgkill] = SELF_ONLY,

	[SYS_clock_gettime] = ALLOWED, [SYS_clock_getres] = ALLOWED,
	[SYS_gettimeofday] = ALLOWED, [SYS_nanosleep] = ALLOWED,
	[SYS_clock_nanosleep] = ALLOWED, [SYS_getrandom] = ALLOWED,
	[SYS_getpid] = ALLOWED, [SYS_getuid] = ALLOWED,
	[SYS_geteuid] = ALLOWED, [SYS_getgid] = ALLOWED,
	[SYS_getegid] = ALLOWED, [SYS_uname] = ALLOWED,
	[SYS_sysinfo] = ALLOWED, [SYS_getrusage] = ALLOWED,
	[SYS_prlimit64] = SELF_ONLY,

	/* The queue of the processes that write one file. */
	[SYS_semget] = ALLOWED, [SYS_semctl] = ALLOWED, [SYS_semop] = ALLOWED,
	[SYS_semtimedop] = ALLOWED,

#ifdef __x86_64__
	/* By their older names. */
	[SYS_open] = ALLOWED, [SYS_stat] = ALLOWED, [SYS_lstat] = ALLOWED,
	[SYS_access] = ALLOWED, [SYS_readlink] = ALLOWED,
	[SYS_unlink] = ALLOWED, [SYS_dup2] = ALLOWED, [SYS_poll] = ALLOWED,
	[SYS_select] = ALLOWED, [SYS_epoll_wait] = ALLOWED,
	[SYS_time] = ALLOWED, [SYS_fork] = HOSTILE, [SYS_vfork] = HOSTILE,
#endif
	[SYS_execve] = HOSTILE, [SYS_execveat] = HOSTILE,
	[SYS_ptrace] = HOSTILE, [SYS_process_vm_readv] = HOSTILE,
	[SYS_process_vm_writev] = HOSTILE, [SYS_socket] = HOSTILE,
	[SYS_socketpair] = HOSTILE, [SYS_connect] = HOSTILE,
	[SYS_bind] = HOSTILE, [SYS_listen] = HOSTILE, [SYS_bpf] = HOSTILE,
	[SYS_mount] = HOSTILE, [SYS_unshare] = HOSTILE, [SYS_setns] = HOSTILE,
};

#define CALLS (sizeof(verdicts) / sizeof(verdicts[0]))

/* Twice as many as the table needs now; all jumps but the first reach less
 * than half of it, and none may reach more than 255. */
#define FILTER_MAX 500

struct filter {
	struct sock_filter code[FILTER_MAX];
	size_t len;
	bool too_long;
};

static void
add(struct filter *f, unsigned code, uint32_t value, size_t if_true,
    size_t if_false)
{
	if (f->len == FILTER_MAX || if_true > 255 || if_false > 255) {
		f->too_long = true;
		return;
	}
	f->code[f->len++] = (struct sock_filter)BPF_JUMP((uint16_t)code, value,
	    (uint8_t)if_true, (uint8_t)if_false);
}

static void
load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
answer(struct filter *f, uint32_t action)
{
	add(f, BPF_RET | BPF_K, action, 0, 0);
}

/* Allows what passes a comparison of the argument's lower half, which comes
 * first in memory on both machines. */
static void
answer_by(struct filter *f, int argument, unsigned comparison, uint32_t value,
    bool wanted)
{
	load(f, offsetof(struct seccomp_data, args) +
	    (size_t)argument * sizeof(uint64_t));
	add(f, BPF_JMP | comparison | BPF_K, value, !wanted, wanted);
	answer(f, SECCOMP_RET_ALLOW);
	answer(f, SECCOMP_RET_ERRNO | EPERM);
}

static void
judge(struct filter *f, enum verdict verdict)
{
	switch (verdict) {
	case UNKNOWN:
		answer(f, SECCOMP_RET_ERRNO | ENOSYS);
		break;
	case ALLOWED:
		answer(f, SECCOMP_RET_ALLOW);
		break;
	case NO_CODE:
		answer_by(f, 2, BPF_JSET, PROT_EXEC, false);
		break;
	case THREAD_ONLY:
		answer_by(f, 0, BPF_JSET, CLONE_THREAD, true);
		break;
	case SELF_ONLY:
		load(f, offsetof(struct seccomp_data, args));
		add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
		answer(f, SECCOMP_RET_ALLOW);
		answer(f, SECCOMP_RET_ERRNO | EPERM);
		break;
	case HOSTILE:
		answer(f, SECCOMP_RET_KILL_PROCESS);
		break;
	}
}

/* A binary search: when the kernel takes a filter it tries every call once,
 * which with one comparison after the other would cost more than all the rest
 * of the start. */
static void
search(struct filter *f, const uint32_t *starts, size_t count)
{
	size_t half = count / 2, here = f->len;

	if (count == 1) {
		judge(f, *starts < CALLS ? verdicts[*starts] : UNKNOWN);
		return;
	}
	add(f, BPF_JMP | BPF_JGE | BPF_K, starts[half], 0, 0);
	search(f, starts, half);
	if (f->too_long || f->len - here - 1 > 255)
		f->too_long = true;
	else
		f->code[here].jt = (uint8_t)(f->len - here - 1);
	search(f, starts + half, count - half);
}

static int
filter_calls(void)
{
	struct filter f = { .len = 0 };
	/* The numbers at which the verdict changes.  The last one is behind the
	 * table, where the calls of x32 are, too. */
	uint32_t starts[CALLS + 1] = { 0 };
	size_t count = 1;

	for (uint32_t i = 1; i <= CALLS; i++)
		if (i == CALLS || verdicts[i] != verdicts[i - 1])
			starts[count++] = i;
	load(&f, offsetof(struct seccomp_data, arch));
	add(&f, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	answer(&f, SECCOMP_RET_KILL_PROCESS);
	load(&f, offsetof(struct seccomp_data, nr));
	search(&f, starts, count);
	if (f.too_long) {
		errno = E2BIG;
		return -1;
	}
	const struct sock_fprog program = {
		.len = (unsigned short)f.len,
		.filter = f.code,
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
	/* Without this the kernel grants neither of the following to a program
	 * that does not run as root. */
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
