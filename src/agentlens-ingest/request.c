#include "agentlens-ingest/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/timestamp.h"

const char *
request_variable(const struct request *request, const char *name)
{
	return request->way->variable(request, name);
}

const char *
request_header(const void *request, const char *name)
{
	char variable[64];
	int len = snprintf(variable, sizeof(variable), "HTTP_%s", name);

	if (len < 0 || (size_t)len >= sizeof(variable))
		return NULL;
	for (char *c = variable; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
		else
			*c = (char)toupper((unsigned char)*c);
	}
	const char *value = request_variable(request, variable);
	return value == NULL || *value == '\0' ? NULL : value;
}

static void
copy_path(const char *at, size_t len, char path[REQUEST_PATH_SIZE])
{
	if (len > 0 && *at == '/') {
		at++;
		len--;
	}
	if (len > 1 && at[len - 1] == '/')
		len--;
	snprintf(path, REQUEST_PATH_SIZE, "%.*s", len < REQUEST_PATH_SIZE ?
	    (int)len : 1, len < REQUEST_PATH_SIZE ? at : "?");
}

/* What a path has behind a prefix that it begins with, up to `end`; else
 * NULL. */
static const char *
behind(const char *path, const char *end, const char *prefix)
{
	size_t len = prefix == NULL ? 0 : strlen(prefix);

	while (len > 0 && prefix[len - 1] == '/')
		len--;
	if (len == 0 || len > (size_t)(end - path) ||
	    strncmp(path, prefix, len) != 0)
		return NULL;
	path += len;
	return path == end || *path == '/' ? path : NULL;
}

bool
request_path(const struct request *request, char path[REQUEST_PATH_SIZE])
{
	static const char endpoint[] = "/api/events/ingest";
	const char *info = request_variable(request, "PATH_INFO");
	const char *uri = request_variable(request, "REQUEST_URI");
	const char *rest = NULL;

	*path = '\0';
	if (info != NULL && *info != '\0') {
		copy_path(info, strlen(info), path);
		return true;
	}
	if (uri == NULL)
		return true;
	const char *end = uri + strcspn(uri, "?#");
	const char *at = strstr(uri, endpoint);
	if (at != NULL && at < end)
		rest = behind(at, end, endpoint);
	if (rest == NULL) {
		rest = behind(uri, end, request_variable(request,
		    "SCRIPT_NAME"));
		/* Some servers have the whole path for its name. */
		if (rest == end)
			rest = NULL;
	}
	if (rest != NULL) {
		copy_path(rest, (size_t)(end - rest), path);
		return true;
	}
	while (end > uri && end[-1] == '/')
		end--;
	for (rest = end; rest > uri && rest[-1] != '/';)
		rest--;
	copy_path(rest, (size_t)(end - rest), path);
	return false;
}

long long
request_content_length(const struct request *request)
{
	const char *text = request_variable(request, "CONTENT_LENGTH");
	char *end;

	if (text == NULL || *text == '\0')
		return -1;
	errno = 0;
	long long length = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0)
		return -2;
	return length;
}

enum refusal_code
request_read_body(struct request *request, size_t max_len, int timeout_ms,
    struct text *body, struct refusal *refusal)
{
	struct request_reading r = {
		.announced = request_content_length(request),
		.max_len = max_len,
		.deadline = timestamp_monotonic() + timeout_ms,
		.body = body,
	};

	if (r.announced == -2)
		return refusal_set(refusal, REFUSAL_BAD_LENGTH);
	enum request_end end = request->way->read_body(request, &r);
	request->body_bytes = r.got > r.announced ? r.got : r.announced;
	if (r.got > (long long)max_len || r.announced > (long long)max_len)
		return refusal_set_subject(refusal, REFUSAL_TOO_LARGE,
		    "%zu bytes", max_len);
	if (end == REQUEST_END_LATE)
		return refusal_set_subject(refusal, REFUSAL_TOO_SLOW, "%d ms",
		    timeout_ms);
	if (end == REQUEST_END_BROKEN ||
	    (r.announced >= 0 && r.got != r.announced))
		return refusal_set(refusal, REFUSAL_WRONG_LENGTH);
	return body->failed ? refusal_set(refusal, REFUSAL_NO_MEMORY) :
	    REFUSAL_NONE;
}

void
request_log(struct request *request)
{
	request->way->log(request);
}

void
request_answer(struct request *request, const char *response, size_t len)
{
	log_set_sink(NULL, NULL);
	request->way->answer(request, response, len);
}
