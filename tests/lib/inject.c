/*
 * Runs a program, and in its middle makes a system call in its place: what
 * somebody could do who had broken into it.
 *
 * usage: inject CALL PROGRAM [ARGUMENT...]
 *        inject -a PROGRAM [ARGUMENT...]
 *
 * Where the program first waits for its standard input with poll(), by when
 * it has read its settings, that call is made CALL of the table below instead.
 * Prints what it came to: "0" or another result, the name of an error, or
 * "killed by SIGSYS"; then the program is ended.  With -a it is let be, and dies
 * by SIGABRT: "core" or "no core".  Exit status 1: it could not be tried; 77:
 * not on this kind of machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/in.h>

#ifdef __x86_64__

/* An argument that is a path: where it is in the program's memory. */
#define PATH_HERE UINT64_MAX

struct call {
	const char *name;
	long number;
	uint64_t arguments[6];
	const char *path; /* NULL: $INJECT_PATH */
};

static const struct call calls[] = {
	{ "execve", SYS_execve, { PATH_HERE }, "/bin/true" },
	{ "fork", SYS_fork, { 0 }, "" },
	{ "clone", SYS_clone, { SIGCHLD }, "" },
	{ "read-passwd", SYS_openat, { (uint64_t)AT_FDCWD, PATH_HERE,
	    O_RDONLY }, "/etc/passwd" },
	{ "read", SYS_openat, { (uint64_t)AT_FDCWD, PATH_HERE, O_RDONLY },
	    NULL },
	{ "create", SYS_openat, { (uint64_t)AT_FDCWD, PATH_HERE,
	    O_WRONLY | O_CREAT, 0600 }, NULL },
	{ "list", SYS_openat, { (uint64_t)AT_FDCWD, PATH_HERE,
	    O_RDONLY | O_DIRECTORY }, NULL },
	{ "unlink", SYS_unlink, { PATH_HERE }, NULL },
	{ "truncate", SYS_truncate, { PATH_HERE, 0 }, NULL },
	{ "rename", SYS_rename, { PATH_HERE, PATH_HERE }, NULL },
	{ "chmod", SYS_chmod, { PATH_HERE, 0777 }, NULL },
	{ "mkdir", SYS_mkdir, { PATH_HERE, 0700 }, NULL },
	{ "inet-socket", SYS_socket, { AF_INET, SOCK_STREAM }, "" },
	{ "unix-socket", SYS_socket, { AF_UNIX, SOCK_STREAM }, "" },
	{ "connect", SYS_connect, { 0, PATH_HERE, 16 }, "" },
	{ "bind", SYS_bind, { 0, PATH_HERE, 16 }, "" },
	{ "executable-memory", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1 }, "" },
	{ "executable-page", SYS_mprotect, { 0, 0, PROT_READ | PROT_EXEC },
	    "" },
	{ "writable-page", SYS_mprotect, { 0, 0, PROT_READ | PROT_WRITE }, "" },
	{ "owner", SYS_fcntl, { 0, F_SETOWN, 1 }, "" },
	{ "signal", SYS_fcntl, { 0, F_SETSIG, SIGKILL }, "" },
	{ "asynchronous", SYS_fcntl, { 0, F_SETFL, O_ASYNC }, "" },
	{ "flags", SYS_fcntl, { 0, F_SETFL, 0 }, "" },
	{ "lease", SYS_fcntl, { 0, F_SETLEASE, F_UNLCK }, "" },
	{ "other-semaphore", SYS_semget, { 0x7ffffff1, 2, IPC_CREAT | 0600 },
	    "" },
	{ "open-semaphore", SYS_semget, { 0x7ffffff1, 1, IPC_CREAT | 0666 },
	    "" },
	{ "set-semaphore", SYS_semctl, { 0, 0, SETVAL, 1 }, "" },
	{ "give-semaphore", SYS_semctl, { 0, 0, IPC_SET, PATH_HERE }, "" },
	{ "signal-other", SYS_tgkill, { 1, 1, 0 }, "" },
	{ "limit-other", SYS_prlimit64, { 1, 7, 0, 0 }, "" },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 1 }, "" },
	{ "kill", SYS_kill, { 1, 0 }, "" },
	{ "ioctl", SYS_ioctl, { 0, 0x5401 }, "" },
	{ "unknown", 1023, { 0 }, "" },
	{ "getuid", SYS_getuid, { 0 }, "" },
};

static const struct call *
find_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	return NULL;
}

static int
fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

/* Below what the program uses of its stack. */
static uint64_t
write_path(pid_t pid, const struct user_regs_struct *regs, const char *path)
{
	uint64_t at = (regs->rsp - 8192) & ~UINT64_C(7);
	size_t size = strlen(path) + 1;

	for (size_t i = 0; i < size; i += sizeof(long)) {
		long word = 0;
		size_t left = size - i;
		memcpy(&word, path + i, left < sizeof(word) ? left :
		    sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, at + i, word) != 0)
			return 0;
	}
	return at;
}

static int
replace_call(pid_t pid, struct user_regs_struct *regs, const struct call *call)
{
	const char *path = call->path != NULL ? call->path :
	    getenv("INJECT_PATH");
	uint64_t at = path == NULL ? 0 : write_path(pid, regs, path);
	uint64_t arguments[6];

	if (at == 0)
		return -1;
	for (int i = 0; i < 6; i++)
		arguments[i] = call->arguments[i] == PATH_HERE ? at :
		    call->arguments[i];
	regs->orig_rax = (uint64_t)call->number;
	regs->rdi = arguments[0];
	regs->rsi = arguments[1];
	regs->rdx = arguments[2];
	regs->r10 = arguments[3];
	regs->r8 = arguments[4];
	regs->r9 = arguments[5];
	return ptrace(PTRACE_SETREGS, pid, NULL, regs) == 0 ? 0 : -1;
}

/* Lets the program run to its next system call's beginning or end. */
static int
run_on(pid_t pid, int *status)
{
	int signal_number = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signal_number) != 0 ||
		    waitpid(pid, status, 0) != pid)
			return -1;
		if (!WIFSTOPPED(*status) ||
		    WSTOPSIG(*status) == (SIGTRAP | 0x80))
			return 0;
		/* An exec or a fork that was let through. */
		signal_number = WSTOPSIG(*status) == SIGTRAP ? 0 :
		    WSTOPSIG(*status);
	}
}

/* At the end of the call; whom it kills dies behind it. */
static int
report(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0 ||
	    run_on(pid, &status) != 0)
		return fail("the result");
	if (WIFSIGNALED(status)) {
		printf("killed by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
		return EXIT_SUCCESS;
	}
	long result = (long)regs.rax;
	if (result < 0 && result > -4096)
		printf("%s\n", strerrorname_np((int)-result));
	else
		printf("%s\n", result == 0 ? "0" : "done");
	return EXIT_SUCCESS;
}

/* The program stops at the end of exec; from there to its first poll(). */
static int
trace(pid_t pid, const struct call *call)
{
	struct user_regs_struct regs = { 0 };
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL |
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
	    PTRACE_O_TRACECLONE) != 0)
		return fail("starting the program");
	do
		if (run_on(pid, &status) != 0 || !WIFSTOPPED(status) ||
		    ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
			return fail("the program never waited");
	while (regs.orig_rax != SYS_poll);
	if (call == NULL) {
		if (ptrace(PTRACE_DETACH, pid, NULL, SIGABRT) != 0 ||
		    waitpid(pid, &status, 0) != pid)
			return fail("ending the program");
		printf("%s\n", !WIFSIGNALED(status) ? "ended" :
		    WCOREDUMP(status) ? "core" : "no core");
		return EXIT_SUCCESS;
	}
	if (replace_call(pid, &regs, call) != 0 ||
	    run_on(pid, &status) != 0 || !WIFSTOPPED(status))
		return fail("making the call");
	return report(pid);
}

int
main(int argc, char **argv)
{
	bool dies = argc > 2 && strcmp(argv[1], "-a") == 0;
	const struct call *call = argc > 2 ? find_call(argv[1]) : NULL;

	if (call == NULL && !dies) {
		fprintf(stderr, "usage: inject CALL|-a PROGRAM...\n");
		return EXIT_FAILURE;
	}
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	int result = pid < 0 ? fail("fork") : trace(pid, call);
	if (pid > 0)
		kill(pid, SIGKILL);
	return result;
}

#else

int
main(void)
{
	return 77;
}

#endif
