/*
 * fcgi-request: a small FastCGI client for the tests.
 *
 * It speaks the protocol itself (FastCGI Specification 1.0) over a unix
 * socket, so that a test can also send what no web server would send.  The
 * usage below is its manual.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: fcgi-request [options] SOCKET NAME=VALUE... < BODY\n"
	"       fcgi-request -b FILE [-c COUNT] [-k] SOCKET NAME=VALUE...\n"
	"       fcgi-request -l SOCKET PROGRAM [ARGUMENT...]\n"
	"\n"
	"One request: the variables are sent as parameters, standard input as\n"
	"the body; the answer goes to standard output, the responder's error\n"
	"stream to standard error.\n"
	"  -k          ask to keep the connection\n"
	"  -n COUNT    with -k: send the same request COUNT times over it\n"
	"  -p BYTES    send the body in pieces of BYTES ...\n"
	"  -d MS       ... with a pause of MS milliseconds between them\n"
	"  -s BYTES    stop after BYTES of the body, and then ...\n"
	"  -e WHAT     ... close the connection, abort the request, or wait for\n"
	"              the answer (close, abort, wait; default close)\n"
	"\n"
	"Many requests (-b): a line of FILE is one request: NAME=VALUE fields\n"
	"and at last the body, parted by tabs.  CONTENT_LENGTH is added.  They\n"
	"are sent over COUNT connections at a time.  Each gives a line: status,\n"
	"line number in FILE, body of the answer, parted by tabs; the status is\n"
	"000 where no whole answer came.  Exit status 0 all the same.\n"
	"\n"
	"Start (-l): PROGRAM takes the place of this process, with a listening\n"
	"socket as its standard input.  SOCKET appears when it can be used.\n";

enum {
	FCGI_VERSION = 1,
	FCGI_BEGIN = 1,
	FCGI_ABORT = 2,
	FCGI_END = 3,
	FCGI_PARAMS = 4,
	FCGI_STDIN = 5,
	FCGI_STDOUT = 6,
	FCGI_STDERR = 7,
	FCGI_RESPONDER = 1,
	FCGI_KEEP_CONN = 1,
	FCGI_HEADER_LEN = 8,
	/* A multiple of 8 needs no padding. */
	FCGI_CONTENT_MAX = 65528,

	REQUEST_ID = 1,
	/* Longer than any time limit a test sets, short enough for a hang. */
	ANSWER_TIMEOUT_S = 60,
};

struct buffer {
	char *bytes;
	size_t len;
	size_t size;
};

struct answer {
	struct buffer out;
	struct buffer err;
	int protocol_status;
};

enum ending { ENDING_WHOLE, ENDING_CLOSE, ENDING_ABORT, ENDING_WAIT };

struct options {
	const char *socket;
	char **variables;
	int variable_count;
	const char *bulk_file;
	int connections;
	bool keep;
	int repeat;
	size_t piece;
	int pause_ms;
	size_t stop_after;
	enum ending ending;
};

static void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("fcgi-request: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static void
buffer_add(struct buffer *b, const void *bytes, size_t len)
{
	if (b->size - b->len < len + 1) {
		b->size = (b->len + len + 1) * 2;
		b->bytes = realloc(b->bytes, b->size);
		if (b->bytes == NULL)
			die("out of memory");
	}
	if (len > 0)
		memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	/* Always a C string as well: handy for looking into the answer. */
	b->bytes[b->len] = '\0';
}

static void
buffer_free(struct buffer *b)
{
	free(b->bytes);
	memset(b, 0, sizeof *b);
}

static void
buffer_read(struct buffer *b, FILE *stream)
{
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, stream)) > 0)
		buffer_add(b, chunk, n);
	if (ferror(stream))
		die("cannot read: %s", strerror(errno));
	buffer_add(b, "", 0);
}

/* The protocol: records out. */

static void
add_record(struct buffer *b, int type, const void *content, size_t len)
{
	unsigned char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION, (unsigned char)type,
		0, REQUEST_ID,
		(unsigned char)(len >> 8), (unsigned char)len,
		0, 0,
	};

	buffer_add(b, header, sizeof header);
	buffer_add(b, content, len);
}

static void
add_stream(struct buffer *b, int type, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len < FCGI_CONTENT_MAX ? len : FCGI_CONTENT_MAX;

		add_record(b, type, bytes, n);
		bytes += n;
		len -= n;
	}
}

static void
add_length(struct buffer *b, size_t len)
{
	unsigned char bytes[4] = {
		(unsigned char)(len >> 24 | 0x80), (unsigned char)(len >> 16),
		(unsigned char)(len >> 8), (unsigned char)len,
	};

	if (len < 128)
		buffer_add(b, &bytes[3], 1);
	else
		buffer_add(b, bytes, 4);
}

static void
add_variable(struct buffer *b, const char *pair, size_t pair_len)
{
	const char *equals = memchr(pair, '=', pair_len);
	size_t name_len;

	if (equals == NULL)
		die("not NAME=VALUE: %.*s", (int)pair_len, pair);
	name_len = (size_t)(equals - pair);
	add_length(b, name_len);
	add_length(b, pair_len - name_len - 1);
	buffer_add(b, pair, name_len);
	buffer_add(b, equals + 1, pair_len - name_len - 1);
}

static void
add_opening(struct buffer *b, const struct options *o,
    const struct buffer *variables)
{
	unsigned char begin[8] = {
		0, FCGI_RESPONDER, o->keep ? FCGI_KEEP_CONN : 0,
	};

	add_record(b, FCGI_BEGIN, begin, sizeof begin);
	add_stream(b, FCGI_PARAMS, variables->bytes, variables->len);
	add_record(b, FCGI_PARAMS, NULL, 0);
}

/* The socket. */

static int
open_connection(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd;

	if (strlen(path) >= sizeof address.sun_path)
		die("name of the socket is too long: %s", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A responder that answers before it has read all of the body may close the
 * connection while we write; its answer can still be read, so that a failed
 * write is no failure yet. */
static void
send_bytes(int fd, const struct buffer *b)
{
	size_t sent = 0;

	while (sent < b->len) {
		ssize_t n = write(fd, b->bytes + sent, b->len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		sent += (size_t)n;
	}
}

static bool
receive(int fd, unsigned char *bytes, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, bytes + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* Returns false when the connection ends before the answer does. */
static bool
read_answer(int fd, struct answer *a)
{
	for (;;) {
		unsigned char h[FCGI_HEADER_LEN];
		unsigned char content[65535 + 255];
		size_t len;

		if (!receive(fd, h, sizeof h))
			return false;
		len = (size_t)h[4] << 8 | h[5];
		if (h[0] != FCGI_VERSION || !receive(fd, content, len + h[6]))
			return false;
		if (h[1] == FCGI_STDOUT) {
			buffer_add(&a->out, content, len);
		} else if (h[1] == FCGI_STDERR) {
			buffer_add(&a->err, content, len);
		} else if (h[1] == FCGI_END) {
			a->protocol_status = len >= 8 ? content[4] : -1;
			return true;
		}
	}
}

static void
pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* One request. */

static void
send_body(int fd, const struct options *o, const struct buffer *body)
{
	size_t end = body->len;
	size_t at = 0;

	if (o->ending != ENDING_WHOLE && o->stop_after < end)
		end = o->stop_after;
	while (at < end) {
		struct buffer piece = { 0 };
		size_t n = end - at;

		if (o->piece > 0 && n > o->piece)
			n = o->piece;
		add_stream(&piece, FCGI_STDIN, body->bytes + at, n);
		send_bytes(fd, &piece);
		buffer_free(&piece);
		at += n;
		if (at < end && o->pause_ms > 0)
			pause_ms(o->pause_ms);
	}
}

static void
send_ending(int fd, const struct options *o)
{
	struct buffer b = { 0 };

	if (o->ending == ENDING_WHOLE)
		add_record(&b, FCGI_STDIN, NULL, 0);
	else if (o->ending == ENDING_ABORT)
		add_record(&b, FCGI_ABORT, NULL, 0);
	send_bytes(fd, &b);
	buffer_free(&b);
}

static void
one_exchange(int fd, const struct options *o, const struct buffer *variables,
    const struct buffer *body)
{
	struct buffer opening = { 0 };
	struct answer a = { 0 };
	bool whole;

	add_opening(&opening, o, variables);
	send_bytes(fd, &opening);
	buffer_free(&opening);
	send_body(fd, o, body);
	send_ending(fd, o);
	if (o->ending == ENDING_CLOSE)
		return;
	whole = read_answer(fd, &a);
	/* What is empty has no bytes, and fwrite() may not be given NULL. */
	if (a.out.len > 0)
		fwrite(a.out.bytes, 1, a.out.len, stdout);
	if (a.err.len > 0)
		fwrite(a.err.bytes, 1, a.err.len, stderr);
	if (!whole && o->ending != ENDING_ABORT)
		die("the connection ended before the answer did");
	if (whole && a.protocol_status != 0)
		die("protocol status %d", a.protocol_status);
	buffer_free(&a.out);
	buffer_free(&a.err);
}

static int
run_single(const struct options *o)
{
	struct buffer variables = { 0 };
	struct buffer body = { 0 };
	int fd;

	for (int i = 0; i < o->variable_count; i++)
		add_variable(&variables, o->variables[i],
		    strlen(o->variables[i]));
	buffer_read(&body, stdin);
	fd = open_connection(o->socket);
	if (fd < 0)
		die("cannot connect to %s: %s", o->socket, strerror(errno));
	for (int i = 0; i < o->repeat; i++)
		one_exchange(fd, o, &variables, &body);
	close(fd);
	buffer_free(&variables);
	buffer_free(&body);
	return 0;
}

/* Many requests. */

struct bulk {
	const struct options *options;
	char **lines;
	size_t count;
	size_t next;
	pthread_mutex_t lock;
};

static void
add_line(struct buffer *b, const struct options *o, const char *line)
{
	struct buffer variables = { 0 };
	char length[64];
	const char *tab;
	int n;

	for (int i = 0; i < o->variable_count; i++)
		add_variable(&variables, o->variables[i],
		    strlen(o->variables[i]));
	while ((tab = strchr(line, '\t')) != NULL) {
		add_variable(&variables, line, (size_t)(tab - line));
		line = tab + 1;
	}
	n = snprintf(length, sizeof length, "CONTENT_LENGTH=%zu",
	    strlen(line));
	add_variable(&variables, length, (size_t)n);
	add_opening(b, o, &variables);
	add_stream(b, FCGI_STDIN, line, strlen(line));
	add_record(b, FCGI_STDIN, NULL, 0);
	buffer_free(&variables);
}

static void
print_answer(struct bulk *bulk, size_t index, struct answer *a, bool whole)
{
	const char *status = "000";
	char *body = NULL;

	if (whole && a->out.len > 0) {
		char *field = strstr(a->out.bytes, "Status: ");

		body = strstr(a->out.bytes, "\r\n\r\n");
		status = field != NULL && field < body ? field + 8 : "200";
		for (char *p = body; p != NULL && *p != '\0'; p++)
			if (*p == '\n' || *p == '\r')
				*p = ' ';
	}
	pthread_mutex_lock(&bulk->lock);
	printf("%.3s\t%zu\t%s\n", status, index + 1,
	    body != NULL ? body + strspn(body, " ") : "-");
	pthread_mutex_unlock(&bulk->lock);
}

static void *
bulk_worker(void *argument)
{
	struct bulk *bulk = argument;
	const struct options *o = bulk->options;
	int fd = -1;

	for (;;) {
		struct buffer request = { 0 };
		struct answer a = { 0 };
		bool whole = false;
		size_t index;

		pthread_mutex_lock(&bulk->lock);
		index = bulk->next++;
		pthread_mutex_unlock(&bulk->lock);
		if (index >= bulk->count)
			break;
		if (fd < 0)
			fd = open_connection(o->socket);
		if (fd >= 0) {
			add_line(&request, o, bulk->lines[index]);
			send_bytes(fd, &request);
			whole = read_answer(fd, &a) && a.protocol_status == 0;
		}
		if (fd >= 0 && (!whole || !o->keep)) {
			close(fd);
			fd = -1;
		}
		print_answer(bulk, index, &a, whole);
		buffer_free(&request);
		buffer_free(&a.out);
		buffer_free(&a.err);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int
run_bulk(const struct options *o)
{
	struct bulk bulk = { .options = o, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct buffer text = { 0 };
	FILE *file = fopen(o->bulk_file, "r");
	pthread_t *threads;
	size_t newlines = 0;

	if (file == NULL)
		die("%s: %s", o->bulk_file, strerror(errno));
	buffer_read(&text, file);
	fclose(file);
	for (size_t i = 0; i < text.len; i++)
		newlines += text.bytes[i] == '\n';
	bulk.lines = calloc(newlines + 1, sizeof *bulk.lines);
	threads = calloc((size_t)o->connections, sizeof *threads);
	if (bulk.lines == NULL || threads == NULL)
		die("out of memory");
	if (text.len > 0 && memchr(text.bytes, '\0', text.len) != NULL)
		die("%s: there is a NUL byte in it", o->bulk_file);
	for (char *line = text.bytes; line < text.bytes + text.len;) {
		char *end = memchr(line, '\n',
		    (size_t)(text.bytes + text.len - line));

		if (end == NULL)
			die("%s: the last line has no end", o->bulk_file);
		*end = '\0';
		bulk.lines[bulk.count++] = line;
		line = end + 1;
	}
	/* A test may look at the answers while they come. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < o->connections; i++)
		if (pthread_create(&threads[i], NULL, bulk_worker, &bulk) != 0)
			die("cannot start a thread");
	for (int i = 0; i < o->connections; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	free(bulk.lines);
	buffer_free(&text);
	return 0;
}

/* Start a responder. */

static int
run_listener(const char *path, char **program)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	/* It gets its name only once it listens, so that whoever sees the
	 * name can connect. */
	if (strlen(path) + 5 > sizeof address.sun_path)
		die("name of the socket is too long: %s", path);
	sprintf(address.sun_path, "%s.new", path);
	unlink(address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0
	    || bind(fd, (struct sockaddr *)&address, sizeof address) < 0
	    || listen(fd, 1024) < 0
	    || rename(address.sun_path, path) < 0)
		die("cannot listen on %s: %s", path, strerror(errno));
	if (fd != STDIN_FILENO) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	execvp(program[0], program);
	die("cannot start %s: %s", program[0], strerror(errno));
}

static enum ending
parse_ending(const char *word)
{
	if (strcmp(word, "close") == 0)
		return ENDING_CLOSE;
	if (strcmp(word, "abort") == 0)
		return ENDING_ABORT;
	if (strcmp(word, "wait") == 0)
		return ENDING_WAIT;
	die("-e takes close, abort or wait");
}

static long
parse_count(const char *digits)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(digits, &end, 10);
	if (errno != 0 || end == digits || *end != '\0' || n < 0)
		die("not a number: %s", digits);
	return n;
}

static void
usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct options o = { .connections = 8, .repeat = 1 };
	const char *listen_on = NULL;
	int c;

	while ((c = getopt(argc, argv, "+b:c:d:e:kl:n:p:s:")) != -1) {
		switch (c) {
		case 'b': o.bulk_file = optarg; break;
		case 'c': o.connections = (int)parse_count(optarg); break;
		case 'd': o.pause_ms = (int)parse_count(optarg); break;
		case 'e': o.ending = parse_ending(optarg); break;
		case 'k': o.keep = true; break;
		case 'l': listen_on = optarg; break;
		case 'n': o.repeat = (int)parse_count(optarg); break;
		case 'p': o.piece = (size_t)parse_count(optarg); break;
		case 's':
			o.stop_after = (size_t)parse_count(optarg);
			if (o.ending == ENDING_WHOLE)
				o.ending = ENDING_CLOSE;
			break;
		default: usage();
		}
	}
	if (optind >= argc)
		usage();
	if (listen_on != NULL)
		return run_listener(listen_on, argv + optind);
	signal(SIGPIPE, SIG_IGN);
	o.socket = argv[optind];
	o.variables = argv + optind + 1;
	o.variable_count = argc - optind - 1;
	return o.bulk_file != NULL ? run_bulk(&o) : run_single(&o);
}
