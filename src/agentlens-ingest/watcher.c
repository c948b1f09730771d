#include "agentlens-ingest/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "settings.h"

/* A message is the kind of news and the text. */
#define MESSAGE_MAX (SETTINGS_FILE_MAX + 1)

/* Times of files have a grain: a file that was written just now may be written
 * again with the same times. */
#define TIMES_TELL_AFTER_S 3

static const char kinds[] = {
	[WATCHER_CONTENT] = 'c',
	[WATCHER_ERROR] = 'e',
};

struct watching {
	const char *path;
	int fd;
	bool asked;
	struct stat status; /* at the last look */
	struct text told;   /* the message sent last */
	struct text seen;   /* the one of the last look, when not told yet */
	bool pending;       /* there is one */
};

/* --- The process --------------------------------------------------------- */

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_mode == b->st_mode && a->st_size == b->st_size &&
	    memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	    memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

/* Whether the file may have changed since the last look; *touched: it has, or
 * was written with the same content. */
static bool
may_have_changed(struct watching *w, bool *touched)
{
	struct stat status;

	if (stat(w->path, &status) != 0)
		memset(&status, 0, sizeof(status));
	*touched = !is_same_file(&status, &w->status);
	bool changed = *touched ||
	    status.st_ctim.tv_sec + TIMES_TELL_AFTER_S > time(NULL) ||
	    status.st_nlink == 0;
	w->status = status;
	return changed;
}

static void
make_message(const struct watching *w, struct text *message)
{
	struct error error = { "" };
	struct text content = TEXT_EMPTY;
	bool good = settings_read_file(w->path, &content, &error) == 0;

	text_reserve(message, MESSAGE_MAX + 1);
	text_add(message, &kinds[good ? WATCHER_CONTENT : WATCHER_ERROR], 1);
	if (good)
		text_add(message, text_string(&content), content.len);
	else
		text_puts(message, error.text);
	settings_wipe_text(&content);
}

static bool
is_equal(const struct text *a, const struct text *b)
{
	return a->len == b->len && memcmp(text_string(a), text_string(b),
	    a->len) == 0;
}

static void
move(struct text *to, struct text *from)
{
	settings_wipe_text(to);
	*to = *from;
	*from = TEXT_EMPTY;
}

/* Looks at the file, and tells what was the same at the last look.  Returns -1
 * when nobody listens any more. */
static int
look(struct watching *w)
{
	struct text message = TEXT_EMPTY;
	int result = 0;
	bool touched;

	if (!may_have_changed(w, &touched) && !w->pending && !w->asked)
		return 0;
	make_message(w, &message);
	if (message.failed || (!w->asked && is_equal(&message, &w->told))) {
		w->pending = false;
		settings_wipe_text(&w->seen);
	} else if (w->pending && !touched && is_equal(&message, &w->seen)) {
		if (write(w->fd, message.data, message.len) < 0)
			result = -1;
		w->pending = w->asked = false;
		settings_wipe_text(&w->seen);
		move(&w->told, &message);
	} else {
		w->pending = true;
		move(&w->seen, &message);
	}
	settings_wipe_text(&message);
	return result;
}

static void
watch(struct watching *w)
{
	struct pollfd poller = { .fd = w->fd, .events = POLLIN };
	char request;

	for (;;) {
		int ready = poll(&poller, 1, WATCHER_LOOK_MS);
		if (ready > 0) {
			if (read(w->fd, &request, 1) != 1)
				return;
			w->asked = true;
		}
		if (look(w) != 0)
			return;
	}
}

/* Lets go of all that the responder has, above all the socket on which it
 * listens. */
static void
close_all_but(int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
		dup2(null, i);
	for (int i = STDERR_FILENO + 1; i < 256; i++)
		if (i != fd)
			close(i);
}

static void
run(const char *path, bool sandbox, int fd)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP };
	struct watching w = { .path = path, .fd = fd };
	struct sandbox entered;
	bool touched;

	/* It ends when the responder does, and not before: a service manager
	 * sends its signals to both. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	close_all_but(fd);
	prctl(PR_SET_NAME, "ingest-settings");
	prctl(PR_SET_DUMPABLE, 0);
	if (sandbox && path[0] == '/')
		sandbox_enter(&(struct sandbox_needs){ .database = path },
		    &entered);
	/* What it is now, the responder has read. */
	make_message(&w, &w.told);
	may_have_changed(&w, &touched);
	watch(&w);
	settings_wipe_text(&w.told);
	settings_wipe_text(&w.seen);
}

/* --- The responder ------------------------------------------------------- */

int
watcher_start(const char *path, bool sandbox)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	/* Nobody waits for it. */
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		run(path, sandbox, fds[1]);
		_exit(EXIT_SUCCESS);
	}
	int saved_errno = errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		errno = saved_errno;
		return -1;
	}
	return fds[0];
}

void
watcher_ask(int fd)
{
	ssize_t ignored = write(fd, "?", 1);

	/* Where nobody reads it, watcher_read() says so. */
	(void)ignored;
}

enum watcher_news
watcher_read(int fd, struct text *news)
{
	ssize_t got;

	if (text_reserve(news, MESSAGE_MAX) != 0)
		return WATCHER_ENDED;
	do
		got = read(fd, news->data, MESSAGE_MAX);
	while (got < 0 && errno == EINTR);
	if (got < 1)
		return WATCHER_ENDED;
	bool good = news->data[0] == kinds[WATCHER_CONTENT];
	news->len = (size_t)got - 1;
	memmove(news->data, news->data + 1, news->len);
	news->data[news->len] = '\0';
	return good ? WATCHER_CONTENT : WATCHER_ERROR;
}

void
watcher_stop(int fd)
{
	shutdown(fd, SHUT_RDWR);
}
