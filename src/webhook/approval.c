#include "webhook/approval.h"

#include <string.h>

#include "base/json_path.h"

/* As of the ids that AgentGate sends. */
#define ID_BYTES_MAX 256

struct review {
	struct json_object *body;
	struct text environment;
	struct text request_id;
};

static struct json_object *
find(const struct review *review, const char *path)
{
	return json_path_find(review->body, path, strlen(path));
}

static bool
is_plain(const struct text *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text_is_control(text->data + i))
			return false;
	return text->len > 0 && text->len <= ID_BYTES_MAX && !text->failed;
}

/* Whether all the jobs that wait, if they are listed, wait for the one
 * environment: a decision on several names none. */
static bool
is_only_environment(const struct review *review)
{
	struct json_object *jobs = find(review, "workflow_job_runs");
	size_t count = json_object_is_type(jobs, json_type_array) ?
	    json_object_array_length(jobs) : 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = json_get_string(
		    json_object_array_get_idx(jobs, i), "environment");
		if (name != NULL &&
		    strcmp(name, text_string(&review->environment)) != 0)
			return false;
	}
	return true;
}

static bool
read_review(struct review *review)
{
	struct json_object *run = find(review, "workflow_run.id");

	if (!json_path_add_text(&review->environment,
	    find(review, "environment")))
		json_path_add_text(&review->environment,
		    find(review, "workflow_job_run.environment"));
	if (!json_path_add_text(&review->request_id, run))
		return false;
	text_puts(&review->request_id, "/");
	text_add(&review->request_id, text_string(&review->environment),
	    review->environment.len);
	return is_plain(&review->environment) &&
	    is_plain(&review->request_id) && is_only_environment(review) &&
	    (find(review, "requestor") != NULL ||
	    json_object_is_type(find(review, "reviewers"), json_type_array));
}

static bool
add_string(struct json_object *payload, const char *name,
    const struct text *text)
{
	return json_add(payload, name, json_object_new_string_len(
	    text_string(text), (int)text->len)) == 0;
}

static bool
add_action(struct json_object *payload, const struct review *review)
{
	struct text action = TEXT_EMPTY;

	text_puts(&action, "deploy to ");
	text_add(&action, text_string(&review->environment),
	    review->environment.len);
	bool added = !action.failed &&
	    add_string(payload, "requestId", &review->request_id) &&
	    add_string(payload, "action", &action);
	text_free(&action);
	return added;
}

static bool
add_request(struct json_object *payload, const struct review *review)
{
	struct json_object *params = json_object_new_object();
	struct json_object *repository = find(review, "repository.full_name");
	struct json_object *run = find(review, "workflow_run.id");
	bool added = params != NULL &&
	    (!json_is_string(repository) || json_add(params, "repository",
	    json_object_get(repository)) == 0) &&
	    add_string(params, "environment", &review->environment) &&
	    json_add(params, "run", json_object_get(run)) == 0;

	if (!added) {
		json_object_put(params);
		return false;
	}
	return json_add(payload, "params", params) == 0 &&
	    json_add(payload, "urgency",
	    json_object_new_string("normal")) == 0;
}

/* A decision is none when nobody is named who made it. */
static bool
add_decision(struct json_object *payload, const struct review *review,
    bool is_rejected)
{
	struct json_object *who = find(review, "approver.login");
	struct json_object *comment = find(review, "comment");

	if (who == NULL && is_rejected)
		who = find(review, "sender.login");
	if (!json_is_string(who) || json_object_get_string_len(who) == 0 ||
	    json_add(payload, "decidedBy", json_object_get(who)) != 0)
		return false;
	return !json_is_string(comment) ||
	    json_object_get_string_len(comment) == 0 ||
	    json_add(payload, "reason", json_object_get(comment)) == 0;
}

static const char *
type_of(const char *action)
{
	static const char *const types[][2] = {
		{ "requested", "approval_requested" },
		{ "approved", "approval_granted" },
		{ "rejected", "approval_denied" },
	};

	for (size_t i = 0; action != NULL &&
	    i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(action, types[i][0]) == 0)
			return types[i][1];
	return NULL;
}

bool
approval_of_deployment_review(struct json_object *body, const char **type,
    struct json_object **payload)
{
	struct review review = { .body = body };
	const char *action = json_get_string(body, "action");
	bool made = false;

	*type = type_of(action);
	*payload = NULL;
	if (*type != NULL && read_review(&review) &&
	    (*payload = json_object_new_object()) != NULL)
		made = add_action(*payload, &review) &&
		    (strcmp(action, "requested") == 0 ?
		    add_request(*payload, &review) :
		    add_decision(*payload, &review,
		    strcmp(action, "rejected") == 0));
	if (!made) {
		json_object_put(*payload);
		*payload = NULL;
	}
	text_free(&review.environment);
	text_free(&review.request_id);
	return made;
}
