#include "base/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

/* The table was checked for these machines. */
#if defined(HAVE_LIBSECCOMP) && !defined(NO_SANDBOX) && \
    ((defined(__x86_64__) && !defined(__ILP32__)) || \
    (defined(__aarch64__) && !defined(__ILP32__)))
#define HAVE_FILTER 1
#else
#define HAVE_FILTER 0
#endif

bool
syscalls_has_filter(void)
{
	return HAVE_FILTER;
}

#if HAVE_FILTER

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define CALLS(list) (sizeof(list) / sizeof((list)[0]))

/* Made by the programs and their libraries, with any arguments. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), SCMP_SYS(flock), SCMP_SYS(close), SCMP_SYS(dup),
	SCMP_SYS(dup3), SCMP_SYS(ppoll), SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2),

	/* The socket that the program was given. */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(shutdown), SCMP_SYS(recvfrom),

	/* Files; Landlock says which. */
	SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(fstat),
	SCMP_SYS(statx), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlinkat), SCMP_SYS(unlinkat), SCMP_SYS(fchmod),
	SCMP_SYS(fchown), SCMP_SYS(getcwd),

	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(mlock), SCMP_SYS(munlock),

	SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(gettid),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(membarrier), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),

	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(getpid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage),

	/* By their older names, which arm64 does not have. */
	SCMP_SYS(open), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(access),
	SCMP_SYS(readlink), SCMP_SYS(unlink), SCMP_SYS(dup2), SCMP_SYS(poll),
	SCMP_SYS(select), SCMP_SYS(epoll_wait), SCMP_SYS(time),
};

/* The queue of the processes that write one file. */
static const int queueing[] = { SCMP_SYS(semop), SCMP_SYS(semtimedop) };

/* To follow a file. */
static const int watching[] = { SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_add_watch) };

/* Made neither by the programs nor by their libraries. */
static const int hostile[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
	SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(bpf), SCMP_SYS(mount),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(fork), SCMP_SYS(vfork),
};

/* A call that is allowed where one or two arguments, which are ANDed with a
 * mask, have these values. */
struct rule {
	int call;
	uint32_t action;
	unsigned count; /* of the arguments */
	struct {
		unsigned number;
		uint64_t mask, value;
	} arguments[2];
};

#define WHOLE UINT64_MAX
#define REFUSED SCMP_ACT_ERRNO(EPERM)
#define ALLOWED SCMP_ACT_ALLOW

static const struct rule rules[] = {
	/* No code is made. */
	{ SCMP_SYS(mmap), ALLOWED, 1, { { 2, PROT_EXEC, 0 } } },
	{ SCMP_SYS(mmap), REFUSED, 1, { { 2, PROT_EXEC, PROT_EXEC } } },
	{ SCMP_SYS(mprotect), ALLOWED, 1, { { 2, PROT_EXEC, 0 } } },
	{ SCMP_SYS(mprotect), REFUSED, 1, { { 2, PROT_EXEC, PROT_EXEC } } },

	/* Threads only.  A libc falls back on clone() where clone3(), whose
	 * flags a filter cannot see, is not known. */
	{ SCMP_SYS(clone), ALLOWED, 1, { { 0, CLONE_THREAD, CLONE_THREAD } } },
	{ SCMP_SYS(clone), REFUSED, 1, { { 0, CLONE_THREAD, 0 } } },

	/* No signal is sent to others: not by F_SETOWN, F_SETSIG, O_ASYNC. */
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_GETFD } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_SETFD } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_GETFL } } },
	{ SCMP_SYS(fcntl), ALLOWED, 2, { { 1, WHOLE, F_SETFL },
	    { 2, O_ASYNC, 0 } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_DUPFD } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_DUPFD_CLOEXEC } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_GETLK } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_SETLK } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_SETLKW } } },
	{ SCMP_SYS(fcntl), ALLOWED, 1, { { 1, WHOLE, F_OFD_SETLK } } },

	/* As writer_lock makes a semaphore, asks about it and removes it.  What
	 * is done to it cannot be told from what is done to another program's
	 * semaphore of the same user, but nothing can be set, nor given away,
	 * nor found that has another mode. */
	{ SCMP_SYS(semget), ALLOWED, 2, { { 1, WHOLE, 1 },
	    { 2, WHOLE, IPC_CREAT | 0600 } } },
	{ SCMP_SYS(semctl), ALLOWED, 2, { { 1, WHOLE, 0 },
	    { 2, WHOLE, IPC_STAT } } },
	{ SCMP_SYS(semctl), ALLOWED, 2, { { 1, WHOLE, 0 },
	    { 2, WHOLE, GETVAL } } },
	{ SCMP_SYS(semctl), ALLOWED, 2, { { 1, WHOLE, 0 },
	    { 2, WHOLE, GETZCNT } } },
	{ SCMP_SYS(semctl), ALLOWED, 2, { { 1, WHOLE, 0 },
	    { 2, WHOLE, IPC_RMID } } },
};

static const struct rule terminal_rules[] = {
	{ SCMP_SYS(ioctl), ALLOWED, 1, { { 1, WHOLE, TCGETS } } },
	{ SCMP_SYS(ioctl), ALLOWED, 1, { { 1, WHOLE, TIOCGWINSZ } } },
};

static int
add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls,
    size_t count)
{
	int result = 0;

	/* A call that the machine does not have has a number below 0. */
	for (size_t i = 0; i < count && result == 0; i++)
		if (calls[i] >= 0)
			result = seccomp_rule_add_array(filter, action,
			    calls[i], 0, NULL);
	return result;
}

static int
add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
	struct scmp_arg_cmp compared[2];

	for (unsigned i = 0; i < rule->count; i++)
		compared[i] = SCMP_CMP64(rule->arguments[i].number,
		    SCMP_CMP_MASKED_EQ, rule->arguments[i].mask,
		    rule->arguments[i].value);
	return seccomp_rule_add_array(filter, rule->action, rule->call,
	    rule->count, compared);
}

static int
add_rules(scmp_filter_ctx filter, const struct rule *list, size_t count)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++)
		result = add_rule(filter, &list[i]);
	return result;
}

/* Calls about a process, which may be about this one only. */
static int
add_self(scmp_filter_ctx filter)
{
	const uint64_t self = (uint64_t)getpid();
	const struct rule own[] = {
		{ SCMP_SYS(tgkill), ALLOWED, 1, { { 0, WHOLE, self } } },
		{ SCMP_SYS(prlimit64), ALLOWED, 1, { { 0, WHOLE, self } } },
		{ SCMP_SYS(prlimit64), ALLOWED, 1, { { 0, WHOLE, 0 } } },
	};

	return add_rules(filter, own, CALLS(own));
}

static int
fill(scmp_filter_ctx filter, bool terminal)
{
	int result;

	/* The caller has set it.  A filter that is a binary search is taken by
	 * the kernel, which tries every call once, in a third of the time. */
	if ((result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0)) != 0 ||
	    (result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS)) != 0 ||
	    (result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE,
	    2)) != 0)
		return result;
	if ((result = add_calls(filter, ALLOWED, allowed, CALLS(allowed))) !=
	    0 || (result = add_calls(filter, ALLOWED, queueing,
	    CALLS(queueing))) != 0 ||
	    (result = add_calls(filter, SCMP_ACT_KILL_PROCESS, hostile,
	    CALLS(hostile))) != 0 ||
	    (result = add_rules(filter, rules, CALLS(rules))) != 0 ||
	    (result = add_self(filter)) != 0)
		return result;
	if (!terminal)
		return 0;
	result = add_calls(filter, ALLOWED, watching, CALLS(watching));
	return result != 0 ? result : add_rules(filter, terminal_rules,
	    CALLS(terminal_rules));
}

int
syscalls_filter(bool terminal)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int result = filter == NULL ? -ENOMEM : fill(filter, terminal);

	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	errno = -result;
	return result == 0 ? 0 : -1;
}

#else

int
syscalls_filter(bool terminal)
{
	(void)terminal;
	errno = ENOSYS;
	return -1;
}

#endif
