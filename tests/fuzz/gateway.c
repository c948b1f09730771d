/*
 * FastCGI records through fastcgi.c and libfcgi, over a socket, as from a
 * web server.  An input is a script: its first byte says whether it sends
 * well-formed requests, whose every variable and byte must come through, or
 * whatever it likes, which must cost nobody else anything.  After each, a
 * plain request must be answered as ever.
 */
#include "agentlens-ingest/fastcgi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agentlens-ingest/reply.h"
#include "base/log.h"
#include "fuzz.h"

#define BODY_MAX 2048
#define VARIABLES_MAX 8

/* No peer here keeps silent; a machine under load may be that slow. */
#define TIMEOUT_MS 60000

#define HEAD "Status: 200 OK\r\n\r\n"

/* Of the FastCGI specification, section 8. */
enum {
	FCGI_VERSION_1 = 1,
	FCGI_BEGIN_REQUEST = 1,
	FCGI_ABORT_REQUEST = 2,
	FCGI_END_REQUEST = 3,
	FCGI_PARAMS = 4,
	FCGI_STDIN = 5,
	FCGI_STDOUT = 6,
	FCGI_STDERR = 7,
	FCGI_GET_VALUES = 9,
	FCGI_GET_VALUES_RESULT = 10,
	FCGI_UNKNOWN_TYPE = 11,
	FCGI_RESPONDER = 1,
	FCGI_KEEP_CONN = 1
};

/* What is left of an input. */
struct script {
	const unsigned char *at;
	size_t left;
};

/* A request that is well-formed, and so must arrive as it was sent. */
struct expected {
	bool exact; /* else any request may arrive */
	bool leave; /* the handler leaves the body to fastcgi.c */
	int count;
	char names[VARIABLES_MAX][512];
	char values[VARIABLES_MAX][512];
	struct text body;
};

static struct sockaddr_un address;
static socklen_t address_len = sizeof(address);

/* Written before a request is sent and read while it is handled. */
static struct expected expected;

static void
require_variables(const struct request *request)
{
	for (int i = 0; i < expected.count; i++) {
		const char *value = request_variable(request,
		    expected.names[i]);
		int first = 0;
		while (strcmp(expected.names[first], expected.names[i]) != 0)
			first++;
		fuzz_require(value != NULL);
		fuzz_require(strcmp(value, expected.values[first]) == 0);
	}
}

static void
fill_response(struct request *request, struct text *response)
{
	struct text body = TEXT_EMPTY;
	struct reply reply = { .kind = REPLY_REFUSED };
	const char *header = request_header(request, "X-Webhook-Signature");

	char path[REQUEST_PATH_SIZE];

	request_path(request, path);
	log_line(LOG_ERROR, "path", path, "header", header,
	    NULL);
	if (expected.exact)
		require_variables(request);
	text_puts(response, HEAD);
	if (expected.exact && expected.leave)
		return;
	if (request_read_body(request, BODY_MAX, TIMEOUT_MS, &body,
	    &reply.refusal) == REFUSAL_NONE) {
		fuzz_require(body.len <= BODY_MAX);
		text_add(response, text_string(&body), body.len);
	} else {
		struct text whole = TEXT_EMPTY;
		reply_write(&reply, true, &whole);
		text_add(response, text_string(&whole), whole.len);
		text_free(&whole);
	}
	text_free(&body);
}

static void
handle(void *context, struct request *request)
{
	struct text response = TEXT_EMPTY;

	(void)context;
	fill_response(request, &response);
	request_answer(request, text_string(&response), response.len);
	text_free(&response);
}

static void
open_target(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const struct fastcgi_settings settings = {
		.timeout_ms = TIMEOUT_MS,
		.body_max = BODY_MAX,
		.threads = 1,
		.fallback = "",
		.handler = handle,
	};

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	/* Without a name the kernel picks one that is free. */
	address.sun_family = AF_UNIX;
	fuzz_require(bind(fd, (struct sockaddr *)&address,
	    sizeof(address.sun_family)) == 0);
	fuzz_require(getsockname(fd, (struct sockaddr *)&address,
	    &address_len) == 0);
	fuzz_require(listen(fd, 16) == 0);
	fuzz_require(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	close(fd);
	fuzz_require(fastcgi_is_served());
	fuzz_require(fastcgi_open(&settings) != NULL);
}

static unsigned
take(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

static size_t
take_bytes(struct script *s, size_t wanted, const unsigned char **bytes)
{
	size_t len = wanted < s->left ? wanted : s->left;

	*bytes = s->at;
	s->at += len;
	s->left -= len;
	return len;
}

static void
add_record(struct text *out, unsigned type, unsigned id, const void *content,
    size_t len, size_t padding)
{
	static const char zeros[256];
	const unsigned char head[] = { FCGI_VERSION_1, (unsigned char)type,
		(unsigned char)(id >> 8), (unsigned char)id,
		(unsigned char)(len >> 8), (unsigned char)len,
		(unsigned char)padding, 0 };

	text_add(out, head, sizeof(head));
	text_add(out, content, len);
	text_add(out, zeros, padding);
}

static void
add_begin(struct text *out, unsigned id, unsigned role, unsigned flags)
{
	const unsigned char content[8] = { (unsigned char)(role >> 8),
		(unsigned char)role, (unsigned char)flags };
	add_record(out, FCGI_BEGIN_REQUEST, id, content, sizeof(content), 0);
}

/* A length of the form for short ones, or of the one for all. */
static void
add_length(struct text *out, size_t len, bool is_long)
{
	unsigned char bytes[] = { (unsigned char)(0x80 | len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8),
		(unsigned char)len };

	if (is_long || len > 127)
		text_add(out, bytes, 4);
	else
		text_add(out, bytes + 3, 1);
}

static void
add_variable(struct text *out, const char *name, const char *value,
    bool is_long)
{
	add_length(out, strlen(name), is_long);
	add_length(out, strlen(value), is_long);
	text_puts(out, name);
	text_puts(out, value);
}

/* Names of capitals, and values of anything but NUL. */
static void
make_variable(struct script *s, char name[512], char value[512])
{
	const unsigned char *bytes;
	size_t len = take_bytes(s, 1 + take(s), &bytes);
	size_t i;

	for (i = 0; i < len; i++)
		name[i] = (char)('A' + bytes[i] % 26);
	/* None may be CONTENT_LENGTH by chance. */
	name[i++] = '1';
	name[i] = '\0';
	len = take_bytes(s, take(s), &bytes);
	for (i = 0; i < len; i++)
		value[i] = (char)(bytes[i] == 0 ? 1 : bytes[i]);
	value[i] = '\0';
}

/* A stream is cut into records wherever the script likes. */
static void
add_stream(struct script *s, struct text *out, unsigned type,
    const struct text *content)
{
	size_t done = 0;

	while (done < content->len) {
		size_t len = 1 + (take(s) << 4 | take(s) >> 4);
		if (len == 1 || len > content->len - done)
			len = content->len - done;
		add_record(out, type, 1, content->data + done, len,
		    take(s) & 7);
		done += len;
	}
	add_record(out, type, 1, "", 0, 0);
}

static void
add_request(struct script *s, struct text *out, bool keep)
{
	struct text variables = TEXT_EMPTY;
	const unsigned char *bytes;
	char length[32];
	unsigned kind = take(s);

	expected.exact = true;
	expected.leave = kind & 1;
	expected.count = (int)(kind >> 1) % VARIABLES_MAX;
	expected.body.len = 0;
	for (int i = 0; i < expected.count; i++) {
		make_variable(s, expected.names[i], expected.values[i]);
		add_variable(&variables, expected.names[i],
		    expected.values[i], kind & 16);
	}
	size_t repeats = 1 + (kind >> 5);
	size_t len = take_bytes(s, take(s) << 2, &bytes);
	for (size_t i = 0; i < repeats; i++)
		text_add(&expected.body, bytes, len);
	snprintf(length, sizeof(length), "%zu", expected.body.len);
	add_variable(&variables, "CONTENT_LENGTH", length, false);

	add_begin(out, 1, FCGI_RESPONDER, keep ? FCGI_KEEP_CONN : 0);
	add_stream(s, out, FCGI_PARAMS, &variables);
	add_stream(s, out, FCGI_STDIN, &expected.body);
	text_free(&variables);
}

/* One record, or something like it. */
static void
add_anything(struct script *s, struct text *out)
{
	static const unsigned char types[] = { FCGI_BEGIN_REQUEST,
		FCGI_ABORT_REQUEST, FCGI_END_REQUEST, FCGI_PARAMS, FCGI_STDIN,
		FCGI_GET_VALUES, FCGI_STDOUT, 8 };
	const unsigned char *bytes;
	unsigned what = take(s);
	unsigned type = types[what >> 4 & 7];
	size_t len;

	switch (what & 7) {
	case 0: /* raw bytes */
		len = take_bytes(s, take(s), &bytes);
		text_add(out, bytes, len);
		break;
	case 1: /* a record of any kind and any request */
		len = take_bytes(s, take(s), &bytes);
		add_record(out, take(s), take(s), bytes, len, take(s));
		break;
	case 2: /* one whose length lies */
		len = take_bytes(s, take(s), &bytes);
		add_record(out, type, 1, bytes, len, 0);
		if (len > 0)
			out->data[out->len - len - 3] ^= (char)(1 + take(s));
		break;
	case 3:
		add_begin(out, 1, what & 128 ? take(s) : FCGI_RESPONDER,
		    take(s));
		break;
	case 4: /* the end of a stream */
		add_record(out, type, 1, "", 0, 0);
		break;
	case 5: { /* variables of no length in particular */
		char name[512], value[512];
		struct text pair = TEXT_EMPTY;
		make_variable(s, name, value);
		add_variable(&pair, what & 8 ? "CONTENT_LENGTH" : name, value,
		    what & 128);
		add_record(out, FCGI_PARAMS, 1, pair.data, pair.len, 0);
		text_free(&pair);
		break;
	}
	default: /* a record of the right kind */
		len = take_bytes(s, take(s), &bytes);
		add_record(out, type, 1, bytes, len, 0);
		break;
	}
}

static int
dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fuzz_require(fd >= 0);
	fuzz_require(connect(fd, (struct sockaddr *)&address, address_len) ==
	    0);
	return fd;
}

/* The responder may close before it has read all. */
static void
send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		/* libFuzzer's alarm interrupts calls. */
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void
receive_all(int fd, struct text *answer)
{
	char buffer[16384];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0 ||
	    (n < 0 && errno == EINTR))
		text_add(answer, buffer, n < 0 ? 0 : (size_t)n);
}

/* The answer is whole records; `out` gets what went to standard output.
 * Returns the number of requests that were ended. */
static int
read_answer(const struct text *answer, struct text *out)
{
	const unsigned char *at = (const unsigned char *)answer->data;
	size_t left = answer->len;
	int ended = 0;

	while (left > 0) {
		fuzz_require(left >= 8 && at[0] == FCGI_VERSION_1);
		size_t len = (size_t)at[4] << 8 | at[5];
		size_t whole = 8 + len + at[6];
		fuzz_require(left >= whole);
		fuzz_require(at[1] == FCGI_STDOUT || at[1] == FCGI_STDERR ||
		    at[1] == FCGI_END_REQUEST ||
		    at[1] == FCGI_GET_VALUES_RESULT ||
		    at[1] == FCGI_UNKNOWN_TYPE);
		if (at[1] == FCGI_STDOUT)
			text_add(out, at + 8, len);
		ended += at[1] == FCGI_END_REQUEST;
		at += whole;
		left -= whole;
	}
	return ended;
}

/* Sends a well-formed request, which must be answered; the connection is
 * shut after it unless it is to be kept. */
static void
require_answer(const struct text *sent)
{
	struct text answer = TEXT_EMPTY, out = TEXT_EMPTY;
	int fd = dial();

	send_all(fd, sent->data, sent->len);
	shutdown(fd, SHUT_WR);
	receive_all(fd, &answer);
	close(fd);
	fuzz_require(read_answer(&answer, &out) == 1);
	fuzz_require(out.len >= strlen(HEAD));
	fuzz_require(memcmp(out.data, HEAD, strlen(HEAD)) == 0);
	const char *body = out.data + strlen(HEAD);
	size_t len = out.len - strlen(HEAD);
	if (expected.leave)
		fuzz_require(len == 0);
	else if (expected.body.len > BODY_MAX)
		fuzz_require(strncmp(body, "Status: 413 ", 12) == 0);
	else
		fuzz_require(len == expected.body.len && memcmp(body,
		    text_string(&expected.body), len) == 0);
	fuzz_tell("answer", "", 0);
	text_free(&answer);
	text_free(&out);
}

static void
send_anything(struct script *s)
{
	struct text sent = TEXT_EMPTY, answer = TEXT_EMPTY, out = TEXT_EMPTY;
	int fd = dial();

	expected.exact = false;
	for (int i = 0; i < 64 && s->left > 0; i++)
		add_anything(s, &sent);
	send_all(fd, text_string(&sent), sent.len);
	shutdown(fd, SHUT_WR);
	receive_all(fd, &answer);
	close(fd);
	read_answer(&answer, &out);
	text_free(&sent);
	text_free(&answer);
	text_free(&out);
}

static void
run(const unsigned char *data, size_t size)
{
	static const unsigned char plain[] = { 2, 1, 'A', 'B', 1, 'v', 4, 'b',
		'o', 'd', 'y' };
	struct script script = { data, size };
	struct script probe = { plain, sizeof(plain) };
	struct text sent = TEXT_EMPTY;

	unsigned first = take(&script);
	if (first & 1) {
		add_request(&script, &sent, first & 2);
		require_answer(&sent);
	} else {
		send_anything(&script);
	}
	sent.len = 0;
	add_request(&probe, &sent, false);
	require_answer(&sent);
	text_free(&sent);
	text_free(&expected.body);
}

const struct fuzz_target fuzz_gateway = {
	.name = "gateway",
	.open = open_target,
	.run = run,
};
