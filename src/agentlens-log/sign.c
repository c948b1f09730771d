/* agentlens-log sign and send: a body as a source of the settings would send
 * it, for trying an installation. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "output.h"
#include "signing.h"

#define BODY_FD 3

/* curl's --max-time, in seconds. */
#define PATIENCE "60"

extern char **environ;

static int
read_file(const char *path, struct text *body)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char piece[16384];
	size_t len;

	if (file == NULL) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
		text_add(body, piece, len);
	bool failed = ferror(file) != 0 || body->failed;
	if (failed)
		complain("%s: %s", path, strerror(errno));
	if (file != stdin)
		fclose(file);
	return failed ? -1 : 0;
}

static const char *
no_header(const void *context, const char *name)
{
	(void)context;
	(void)name;
	return NULL;
}

/* The source by its name, else as the responder finds it in the body; of
 * FormBridge's own bodies, which name none, the responder sees the header. */
static const struct source *
find_source(const char *name, const struct text *body)
{
	const struct source *source = NULL;
	struct json_object *json = NULL;
	struct json_error error;

	if (name != NULL) {
		source = signing_source(name);
		if (source == NULL)
			complain("there is no source '%s': agentgate, "
			    "formbridge or generic", name);
		return source;
	}
	if (json_read(text_string(body), body->len, &json, &error) == 0)
		source = source_find(json_get_string(json, "source"),
		    json_get_string(json, "event"), no_header, NULL);
	json_object_put(json);
	if (source == NULL)
		complain("nothing in the body tells its source; name it with "
		    "--source");
	return source;
}

/* Appends "Name: value", or nothing for a source that needs no signature and
 * has no secret.  Returns 0, or -1 having said why. */
static int
add_header(struct context *context, const struct source *source,
    const struct text *body, struct text *header)
{
	const struct settings *settings = context_settings(context, true);
	unsigned char digest[SIGNATURE_BYTES];
	char hex[SIGNATURE_HEX_SIZE];

	if (settings == NULL)
		return -1;
	const char *secret = settings->secrets[source->id][0];
	if (secret == NULL) {
		if (!source->signature_required)
			return 0;
		complain("no secret is set for %s", source->name);
		return -1;
	}
	if (signature_hmac_sha256(secret, strlen(secret), text_string(body),
	    body->len, digest) != 0) {
		complain("libgcrypt computes no HMAC-SHA256");
		return -1;
	}
	signature_hex(digest, hex);
	text_puts(header, source->signature_headers[0]);
	text_puts(header, source->id == SOURCE_FORMBRIDGE ? ": sha256=" :
	    ": ");
	text_puts(header, hex);
	return 0;
}

/* Reads the options and the body.  Returns -1 with the body, its source and
 * its header; else an exit code. */
static int
prepare(struct context *context, int argc, char **argv, int wanted,
    char ***arguments, struct text *body, struct text *header)
{
	const char *name = NULL;
	const struct option_row options[] = {
		{ "source", 'S', "NAME", "agentgate, formbridge or generic; "
		    "else the body must tell", OPTION_TEXT, &name },
		{ 0 }
	};
	int count, code;

	code = options_read(context, options, argc, argv, &count, arguments);
	if (code >= 0)
		return code;
	if (count != wanted)
		return options_refuse(context);
	if (read_file((*arguments)[0], body) != 0)
		return COMMAND_FAILED;
	const struct source *source = find_source(name, body);
	if (source == NULL || add_header(context, source, body, header) != 0)
		return COMMAND_FAILED;
	return -1;
}

int
sign_run(struct context *context, int argc, char **argv)
{
	struct text body = TEXT_EMPTY, header = TEXT_EMPTY;
	char **arguments;
	int code = prepare(context, argc, argv, 1, &arguments, &body,
	    &header);

	if (code < 0 && header.len == 0) {
		complain("no secret is set for generic events, so they need "
		    "no signature");
		code = COMMAND_FAULT;
	} else if (code < 0) {
		printf("%s\n", text_string(&header));
		code = COMMAND_GOOD;
	}
	text_free(&body);
	text_free(&header);
	return code;
}

/* --- send ---------------------------------------------------------------- */

/* A file in memory, to be read from its beginning.  Returns -1 having said
 * why. */
static int
memory_file(const char *name, const struct text *content)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < content->len) {
		ssize_t len = write(fd, content->data + done,
		    content->len - done);
		if (len <= 0)
			break;
		done += (size_t)len;
	}
	if (fd < 0 || done < content->len || lseek(fd, 0, SEEK_SET) != 0) {
		complain("no file in memory: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Appends a line of curl's configuration: name = "value". */
static void
add_setting(struct text *config, const char *name, const char *value)
{
	text_puts(config, name);
	text_puts(config, " = \"");
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			text_puts(config, "\\");
		text_add(config, value, 1);
	}
	text_puts(config, "\"\n");
}

/*
 * Starts curl with its configuration as standard input and the body as
 * descriptor 3, so that nothing of either is in the list of processes.
 * Returns the descriptor of its output, or -1 having said why.
 */
static int
start_curl(int config, int body, pid_t *pid)
{
	char *const arguments[] = { "curl", "-q", "--config", "-", NULL };
	posix_spawn_file_actions_t actions;
	int output[2];

	if (pipe2(output, O_CLOEXEC) != 0) {
		complain("%s", strerror(errno));
		return -1;
	}
	/* dup2() onto itself would leave the flag that closes it. */
	int high = fcntl(body, F_DUPFD_CLOEXEC, BODY_FD + 1);
	int high_config = fcntl(config, F_DUPFD_CLOEXEC, BODY_FD + 1);
	int high_output = fcntl(output[1], F_DUPFD_CLOEXEC, BODY_FD + 1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, high_config, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, high_output,
	    STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, high, BODY_FD);
	int error = posix_spawnp(pid, "curl", &actions, NULL, arguments,
	    environ);
	posix_spawn_file_actions_destroy(&actions);
	close(high);
	close(high_config);
	close(high_output);
	close(output[1]);
	if (error == 0)
		return output[0];
	complain("curl cannot be run: %s", strerror(error));
	close(output[0]);
	return -1;
}

/* What curl wrote, and its exit status; -1 when it was killed. */
static int
finish_curl(int output, pid_t pid, struct text *answer)
{
	char piece[4096];
	ssize_t len;
	int status;

	while ((len = read(output, piece, sizeof(piece))) > 0 ||
	    (len < 0 && errno == EINTR))
		if (len > 0)
			text_add(answer, piece, (size_t)len);
	close(output);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The answer's last line is its status. */
static int
print_answer(struct text *answer)
{
	char *line = answer->len == 0 ? NULL : strrchr(answer->data, '\n');
	struct text body = TEXT_EMPTY;
	int code = line != NULL && strcmp(line + 1, "201") == 0 ?
	    COMMAND_GOOD : COMMAND_FAULT;

	if (line == NULL)
		return COMMAND_FAILED;
	text_add(&body, answer->data, (size_t)(line - answer->data));
	while (body.len > 0 && body.data[body.len - 1] == '\n')
		body.data[--body.len] = '\0';
	output_print(OUTPUT_PLAIN, text_string(&body));
	printf("\n");
	if (code != COMMAND_GOOD)
		complain("the answer is %s, not 201", line + 1);
	text_free(&body);
	return code;
}

static int
post(const char *url, const struct text *body, const struct text *header)
{
	struct text config = TEXT_EMPTY, answer = TEXT_EMPTY;
	pid_t pid;
	int code = COMMAND_FAILED;

	text_puts(&config, "silent\nshow-error\ngloboff\nmax-time = " PATIENCE
	    "\n");
	add_setting(&config, "url", url);
	add_setting(&config, "header", "Content-Type: application/json");
	add_setting(&config, "header", "Expect:");
	if (header->len > 0)
		add_setting(&config, "header", text_string(header));
	add_setting(&config, "data-binary", "@/dev/fd/3");
	text_puts(&config, "write-out = \"\\n%{http_code}\"\n");

	int config_fd = memory_file("config", &config);
	int body_fd = config_fd < 0 ? -1 : memory_file("body", body);
	int output = body_fd < 0 ? -1 : start_curl(config_fd, body_fd, &pid);
	if (output >= 0) {
		int status = finish_curl(output, pid, &answer);
		/* What went wrong, curl has said. */
		if (status == 0)
			code = print_answer(&answer);
	}
	if (config_fd >= 0)
		close(config_fd);
	if (body_fd >= 0)
		close(body_fd);
	text_free(&config);
	text_free(&answer);
	return code;
}

int
send_run(struct context *context, int argc, char **argv)
{
	struct text body = TEXT_EMPTY, header = TEXT_EMPTY;
	char **arguments;
	int code = prepare(context, argc, argv, 2, &arguments, &body,
	    &header);

	if (code < 0) {
		const char *url = arguments[1];
		for (const char *c = url; *c != '\0' && code < 0; c++)
			if (text_is_control(c))
				code = options_refuse(context);
		if (code < 0)
			code = post(url, &body, &header);
	}
	text_free(&body);
	text_free(&header);
	return code;
}
