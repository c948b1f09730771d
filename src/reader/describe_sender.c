#include "reader/describe_sender.h"

#include <string.h>

#include "base/json_path.h"
#include "reader/sentence.h"

/* A commit that there is none of: what was before a new branch, and after a
 * removed one. */
#define NO_COMMIT "0000000000000000000000000000000000000000"

/*
 * The names in the sentences are paths in the payload's data; {#path} is how
 * many elements an array has, {event} the event's name without the sender's
 * and {last} its last part.  Behind a name, "~" writes words for underscores
 * and dots, "!" the first line only, "<" and a prefix leaves that out.
 */
struct sender_sentence {
	const char *senders; /* names, with a space between */
	const char *event;   /* "*" at its end stands for any end */
	const char *when;    /* "path=value", "path^beginning", "path" that is
	                      * there, with "&" between; or NULL: always */
	const char *sentence;
};

#define HUB "github gitea"
#define LAB "gitlab gitlab-token"
#define IN_REPOSITORY " of {repository.full_name}"
#define PULL_REQUEST "pull request {pull_request.number|number}" IN_REPOSITORY
#define ISSUE "issue {issue.number}" IN_REPOSITORY
#define IN_PROJECT " of {project.path_with_namespace}"
#define MERGE_REQUEST "merge request {object_attributes.iid}" IN_PROJECT
#define BITBUCKET_REQUEST "pull request {pullrequest.id}" IN_REPOSITORY
#define MONEY "[, {data.object.amount|data.object.amount_paid|" \
	"data.object.amount_total|data.object.total} " \
	"{data.object.currency}][, {data.object.status}]" \
	"[, customer {data.object.customer}]"

/* The first row that fits counts; each sender has one that always does. */
static const struct sender_sentence rows[] = {
	{ HUB, "ping", NULL, "{sender.login|hook.name} connected webhook "
	    "{hook_id|hook.id}[" IN_REPOSITORY "]" },
	{ HUB, "push", "after=" NO_COMMIT "&ref^refs/tags/",
	    "{sender.login|pusher.name} deleted tag {ref<refs/tags/}"
	    IN_REPOSITORY },
	{ HUB, "push", "after=" NO_COMMIT, "{sender.login|pusher.name} deleted "
	    "{ref<refs/heads/}" IN_REPOSITORY },
	{ HUB, "push", "ref^refs/tags/", "{sender.login|pusher.name} pushed "
	    "tag {ref<refs/tags/}" IN_REPOSITORY },
	{ HUB, "push", "forced=true", "{sender.login|pusher.name} pushed by "
	    "force to {ref<refs/heads/}" IN_REPOSITORY
	    "[: {head_commit.message!}]" },
	{ HUB, "push", NULL, "{sender.login|pusher.name} pushed {#commits} "
	    "to {ref<refs/heads/}" IN_REPOSITORY
	    "[: {head_commit.message!}]" },
	{ HUB, "create", NULL, "{sender.login} created {ref_type} {ref}"
	    IN_REPOSITORY },
	{ HUB, "delete", NULL, "{sender.login} deleted {ref_type} {ref}"
	    IN_REPOSITORY },

	{ HUB, "pull_request.closed", "pull_request.merged=true",
	    "{sender.login} merged " PULL_REQUEST
	    " into {pull_request.base.ref}" },
	{ HUB, "pull_request.closed", NULL, "{sender.login} closed "
	    PULL_REQUEST " without merging it" },
	{ HUB, "pull_request.synchronize*", NULL, "{sender.login} pushed to "
	    PULL_REQUEST "[: {pull_request.title}]" },
	{ HUB, "pull_request.review_request_removed", NULL, "{sender.login} "
	    "took back the request to review " PULL_REQUEST },
	{ HUB, "pull_request.auto_merge_enabled", NULL, "{sender.login} let "
	    PULL_REQUEST " merge by itself" },
	{ HUB, "pull_request.auto_merge_disabled", NULL, "{sender.login} no "
	    "longer lets " PULL_REQUEST " merge by itself" },
	{ HUB, "pull_request.review_requested", NULL, "{sender.login} asked "
	    "{requested_reviewer.login|requested_team.name} to review "
	    PULL_REQUEST },
	{ HUB, "pull_request.ready_for_review", NULL, "{sender.login} marked "
	    PULL_REQUEST " as ready for review" },
	{ HUB, "pull_request.converted_to_draft", NULL, "{sender.login} made "
	    PULL_REQUEST " a draft" },
	{ HUB, "pull_request.labeled", NULL, "{sender.login} labeled "
	    PULL_REQUEST "[ {label.name}]" },
	{ HUB, "pull_request_approved*", NULL, "{sender.login} approved "
	    PULL_REQUEST "[: {review.content}]" },
	{ HUB, "pull_request_rejected*", NULL, "{sender.login} asked for "
	    "changes in " PULL_REQUEST "[: {review.content}]" },
	{ HUB, "pull_request_review.*", "review.state=approved",
	    "{review.user.login|sender.login} approved " PULL_REQUEST
	    "[: {review.body}]" },
	{ HUB, "pull_request_review.*", "review.state=changes_requested",
	    "{review.user.login|sender.login} asked for changes in "
	    PULL_REQUEST "[: {review.body}]" },
	{ HUB, "pull_request_review.dismissed", NULL, "{sender.login} "
	    "dismissed a review of " PULL_REQUEST },
	{ HUB, "pull_request_review.*", NULL, "{sender.login} commented on "
	    PULL_REQUEST "[: {review.body}]" },
	{ HUB, "pull_request_review_comment.created", NULL, "{sender.login} "
	    "commented on[ {comment.path} in] " PULL_REQUEST
	    "[: {comment.body}]" },
	{ HUB, "pull_request_review_comment.*", NULL, "{sender.login} "
	    "{action~} a comment on " PULL_REQUEST "[: {comment.body}]" },
	{ HUB, "pull_request_comment.created", NULL, "{sender.login} "
	    "commented on pull request {pull_request.number|issue.number}"
	    IN_REPOSITORY "[: {comment.body}]" },
	{ HUB, "pull_request_review_thread.*", NULL, "{sender.login} {action~} "
	    "a thread of " PULL_REQUEST },
	{ HUB, "pull_request*", "pull_request.number", "{sender.login} "
	    "{action~} " PULL_REQUEST "[: {pull_request.title}]" },
	{ HUB, "issue_comment.created", "issue.pull_request",
	    "{sender.login} commented on pull request {issue.number}"
	    IN_REPOSITORY "[: {comment.body}]" },
	{ HUB, "issue_comment.created", NULL, "{sender.login} commented on "
	    ISSUE "[: {comment.body}]" },
	{ HUB, "issue_comment.*", NULL, "{sender.login} {action~} a comment "
	    "on " ISSUE "[: {comment.body}]" },
	{ HUB, "issue*", "issue.number", "{sender.login} {action~} " ISSUE
	    "[: {issue.title}]" },

	{ HUB, "deployment_review.requested", NULL, "{requestor.login|"
	    "sender.login} asked to deploy to {environment|"
	    "workflow_job_run.environment} by run {workflow_run.id}"
	    IN_REPOSITORY },
	{ HUB, "deployment_review.*", NULL, "{approver.login|sender.login} "
	    "{action~} the deployment to {environment|"
	    "workflow_job_run.environment} by run {workflow_run.id}"
	    IN_REPOSITORY "[: {comment}]" },
	{ HUB, "deployment_protection_rule.requested", NULL, "{sender.login} "
	    "asked to deploy {deployment.ref}" IN_REPOSITORY
	    " to {environment}" },
	{ HUB, "deployment_status.*", NULL, "{sender.login} deployed "
	    "{deployment.ref}" IN_REPOSITORY " to {deployment.environment|"
	    "deployment_status.environment}: {deployment_status.state}"
	    "[, {deployment_status.description}]" },
	{ HUB, "deployment.*", NULL, "{sender.login} asked to deploy "
	    "{deployment.ref}" IN_REPOSITORY " to {deployment.environment}" },
	{ HUB, "workflow_run.completed", NULL, "run {workflow_run.id} of "
	    "workflow {workflow_run.name|workflow.name|"
	    "workflow_run.workflow_id}" IN_REPOSITORY ", begun by "
	    "{workflow_run.actor.login|sender.login}, ended: "
	    "{workflow_run.conclusion}" },
	{ HUB, "workflow_run.*", NULL, "{workflow_run.actor.login|"
	    "sender.login} began run {workflow_run.id} of workflow "
	    "{workflow_run.name|workflow.name|workflow_run.path|"
	    "workflow_run.id}" IN_REPOSITORY ": {action~}" },
	{ HUB, "workflow_dispatch", NULL, "{sender.login} started workflow "
	    "{workflow} of {ref<refs/heads/}" IN_REPOSITORY },
	{ HUB, "workflow_job.*", NULL, "job {workflow_job.name} of run "
	    "{workflow_job.run_id}" IN_REPOSITORY ", begun by {sender.login}: "
	    "{action~}[, {workflow_job.conclusion}]" },
	{ HUB, "check_run.*", NULL, "check {check_run.name}" IN_REPOSITORY
	    "[ by {check_run.app.slug}]: {action~}[, {check_run.conclusion}]" },
	{ HUB, "check_suite.*", NULL, "checks[ by {check_suite.app.slug}] of "
	    "{check_suite.head_branch}" IN_REPOSITORY ": {action~}"
	    "[, {check_suite.conclusion}]" },
	{ HUB, "release.*", NULL, "{sender.login} {action~} release "
	    "{release.tag_name}" IN_REPOSITORY },
	{ HUB, "*alert*", "alert.number", "alert {alert.number}" IN_REPOSITORY
	    " was {action~}[ by {sender.login}][: {alert.rule.description|"
	    "alert.security_advisory.summary|alert.secret_type}]" },
	{ HUB, "security_advisory.*", NULL, "{sender.login|security_advisory."
	    "ghsa_id}: {event~}[: {security_advisory.summary}]" },
	{ HUB, "commit_comment.*", NULL, "{sender.login} commented on commit "
	    "{comment.commit_id}" IN_REPOSITORY "[: {comment.body}]" },
	{ HUB, "status", NULL, "{sender.login}: {context|name} of commit "
	    "{sha}" IN_REPOSITORY " is {state}[: {description}]" },
	{ HUB, "milestone.*", NULL, "{sender.login} {action~} milestone "
	    "{milestone.title}" IN_REPOSITORY },
	{ HUB, "label.*", NULL, "{sender.login} {action~} label {label.name}"
	    IN_REPOSITORY },
	{ HUB, "star.created", NULL, "{sender.login} starred "
	    "{repository.full_name}" },
	{ HUB, "discussion_comment.*", NULL, "{sender.login} {action~} a "
	    "comment on discussion {discussion.number}" IN_REPOSITORY
	    "[: {comment.body}]" },
	{ HUB, "discussion*", "discussion.number", "{sender.login} {action~} "
	    "discussion {discussion.number}" IN_REPOSITORY
	    "[: {discussion.title}]" },
	{ HUB, "member.*", NULL, "{sender.login} {action~} {member.login} as "
	    "a member" IN_REPOSITORY },
	{ HUB, "fork", NULL, "{sender.login} forked {repository.full_name}"
	    "[ to {forkee.full_name}]" },
	{ HUB, "*", "repository.full_name", "{sender.login}: {event~} in "
	    "{repository.full_name}" },
	{ HUB, "*", NULL, "{sender.login|organization.login}: {event~}[ in "
	    "{organization.login}][: {membership.user.login|member.login|"
	    "team.name|installation.id}]" },

	{ LAB, "push", "after=" NO_COMMIT, "{user_name|user_username} deleted "
	    "{ref<refs/heads/}" IN_PROJECT },
	{ LAB, "push", "total_commits_count=1", "{user_name|user_username} "
	    "pushed 1 commit to {ref<refs/heads/}" IN_PROJECT },
	{ LAB, "push", NULL, "{user_name|user_username} pushed "
	    "{total_commits_count} commits to {ref<refs/heads/}" IN_PROJECT },
	{ LAB, "tag_push", "after=" NO_COMMIT, "{user_name|user_username} "
	    "deleted tag {ref<refs/tags/}" IN_PROJECT },
	{ LAB, "tag_push", NULL, "{user_name|user_username} pushed tag "
	    "{ref<refs/tags/}" IN_PROJECT },
	{ LAB, "merge_request.merge", NULL, "{user.username} merged "
	    MERGE_REQUEST " into {object_attributes.target_branch}" },
	{ LAB, "merge_request.open", NULL, "{user.username} opened "
	    MERGE_REQUEST "[: {object_attributes.title}]" },
	{ LAB, "merge_request.close", NULL, "{user.username} closed "
	    MERGE_REQUEST },
	{ LAB, "merge_request.reopen", NULL, "{user.username} reopened "
	    MERGE_REQUEST },
	{ LAB, "merge_request.update", NULL, "{user.username} updated "
	    MERGE_REQUEST "[: {object_attributes.title}]" },
	{ LAB, "merge_request.approv*", NULL, "{user.username} approved "
	    MERGE_REQUEST },
	{ LAB, "merge_request.unapprov*", NULL, "{user.username} took back "
	    "the approval of " MERGE_REQUEST },
	{ LAB, "merge_request*", NULL, "{user.username} changed "
	    MERGE_REQUEST "[: {object_attributes.title}]" },
	{ LAB, "issue.open", NULL, "{user.username} opened issue "
	    "{object_attributes.iid}" IN_PROJECT
	    "[: {object_attributes.title}]" },
	{ LAB, "issue.close", NULL, "{user.username} closed issue "
	    "{object_attributes.iid}" IN_PROJECT },
	{ LAB, "issue*", NULL, "{user.username} changed issue "
	    "{object_attributes.iid}" IN_PROJECT
	    "[: {object_attributes.title}]" },
	{ LAB, "note*", "merge_request.iid", "{user.username} commented on "
	    "merge request {merge_request.iid}" IN_PROJECT
	    "[: {object_attributes.note}]" },
	{ LAB, "note*", "issue.iid", "{user.username} commented on issue "
	    "{issue.iid}" IN_PROJECT "[: {object_attributes.note}]" },
	{ LAB, "note*", NULL, "{user.username} commented on "
	    "{object_attributes.noteable_type}[ {commit.id}]" IN_PROJECT
	    "[: {object_attributes.note}]" },
	{ LAB, "pipeline", NULL, "pipeline {object_attributes.id} of "
	    "{object_attributes.ref}" IN_PROJECT ", begun by "
	    "{user.username}: {object_attributes.status}" },
	{ LAB, "build", NULL, "job {build_name} ({build_id}) of {ref}, begun "
	    "by {user.username|user.name}: {build_status}" },
	{ LAB, "deployment", NULL, "{user.username} deployed "
	    "{ref|short_sha}"
	    IN_PROJECT " to {environment}: {status}" },
	{ LAB, "release*", NULL, "{commit.author.name|project.name} {action}d "
	    "release {tag}" IN_PROJECT },
	{ LAB, "*", NULL, "{user.username|user_username|user_name|user.name|"
	    "owner_name|username|name|group_path|key}: {event~}"
	    "[" IN_PROJECT "][: {object_attributes.title}]" },

	{ "bitbucket", "repo:push", NULL, "{actor.display_name} pushed to "
	    "{push.changes.0.new.name|push.changes.0.old.name}"
	    IN_REPOSITORY "[: {push.changes.0.new.target.message!}]" },
	{ "bitbucket", "pullrequest:fulfilled", NULL, "{actor.display_name} "
	    "merged " BITBUCKET_REQUEST
	    " into {pullrequest.destination.branch.name}" },
	{ "bitbucket", "pullrequest:created", NULL, "{actor.display_name} "
	    "opened " BITBUCKET_REQUEST "[: {pullrequest.title}]" },
	{ "bitbucket", "pullrequest:rejected", NULL, "{actor.display_name} "
	    "declined " BITBUCKET_REQUEST "[: {pullrequest.reason}]" },
	{ "bitbucket", "pullrequest:approved", NULL, "{actor.display_name} "
	    "approved " BITBUCKET_REQUEST },
	{ "bitbucket", "pullrequest:unapproved", NULL, "{actor.display_name} "
	    "took back the approval of " BITBUCKET_REQUEST },
	{ "bitbucket", "pullrequest:comment_created", NULL,
	    "{actor.display_name} commented on " BITBUCKET_REQUEST
	    "[: {comment.content.raw}]" },
	{ "bitbucket", "pullrequest:updated", NULL, "{actor.display_name} "
	    "updated " BITBUCKET_REQUEST "[: {pullrequest.title}]" },
	{ "bitbucket", "pullrequest:changes_request_created", NULL,
	    "{actor.display_name} asked for changes in " BITBUCKET_REQUEST },
	{ "bitbucket", "pullrequest:*", NULL, "{actor.display_name}: {last~}, "
	    BITBUCKET_REQUEST "[: {comment.content.raw|pullrequest.title}]" },
	{ "bitbucket", "repo:commit_status*", NULL, "{actor.display_name|"
	    "commit_status.name}: {commit_status.name}" IN_REPOSITORY
	    " is {commit_status.state}[: {commit_status.description}]" },
	{ "bitbucket", "issue:*", NULL, "{actor.display_name}: {event~} "
	    "{issue.id}" IN_REPOSITORY "[: {comment.content.raw|"
	    "issue.title}]" },
	{ "bitbucket", "*", NULL, "{actor.display_name}: {event~}["
	    IN_REPOSITORY "][: {comment.content.raw}]" },

	{ "jira", "jira:issue_created", NULL, "{user.displayName} created "
	    "{issue.key}[: {issue.fields.summary}]" },
	{ "jira", "jira:issue_updated", NULL, "{user.displayName} changed "
	    "{issue.key}[, {changelog.items.0.field}][ to "
	    "{changelog.items.0.toString}][: {issue.fields.summary}]" },
	{ "jira", "jira:issue_deleted", NULL, "{user.displayName} deleted "
	    "{issue.key}[: {issue.fields.summary}]" },
	{ "jira", "comment_created", NULL, "{comment.author.displayName|"
	    "user.displayName} commented on {issue.key}[: {comment.body}]" },
	{ "jira", "*", NULL, "{user.displayName|comment.updateAuthor."
	    "displayName|worklog.author.displayName}: {event~}[ {issue.key}]"
	    "[: {issue.fields.summary|version.name|sprint.name|"
	    "project.name}]" },

	{ "stripe", "*", "data.object.id", "stripe: {data.object.object~} "
	    "{data.object.id} {last~}" MONEY },
	{ "stripe", "*", "related_object.id", "stripe: {related_object.type~} "
	    "{related_object.id} {last~}" },
	{ "stripe", "*", NULL, "stripe: {event~}[ {id}]" },

	{ "slack", "app_mention", NULL, "{event.user} mentioned the app in "
	    "{event.channel}[: {event.text}]" },
	{ "slack", "message", NULL, "{event.user|event.message.user|"
	    "event.bot_id} wrote in {event.channel}"
	    "[: {event.text|event.message.text}]" },
	{ "slack", "reaction_added", NULL, "{event.user} reacted with "
	    "{event.reaction} in {event.item.channel}" },
	{ "slack", "block_actions", NULL, "{user.username|user.name|user.id} "
	    "chose {actions.0.action_id}[ ({actions.0.value|"
	    "actions.0.selected_option.value})] in {channel.name|channel.id|"
	    "view.callback_id}" },
	{ "slack", "slash_command", NULL, "{user_name|user_id} sent {command}"
	    "[ {text}] in {channel_name|channel_id}" },
	{ "slack", "view_submission", NULL, "{user.username|user.name|"
	    "user.id} submitted {view.callback_id|view.id}" },
	{ "slack", "*", NULL, "{event.user|user.username|user.id|event.bot_id|"
	    "team_id}: {event~}[ in {event.channel|channel.name|"
	    "event.item.channel|event.channel.name}][: {event.text}]" },

	{ "openai", "*", NULL, "openai: {object_of~} {data.id|data.call_id} "
	    "{last~}" },
	{ "anthropic", "session.requires_action", NULL, "anthropic: session "
	    "{data.id} waits for an action" },
	{ "anthropic", "session.status_idled", NULL, "anthropic: session "
	    "{data.id} became idle" },
	{ "anthropic", "*", NULL, "anthropic: {object_of~} "
	    "{data.id} {last~}" },
	{ "standard-webhooks svix", "*", "data.id", "{sender}: {event~} "
	    "{data.id}" },
	{ "standard-webhooks svix", "*", NULL, "{sender}: {event~}" },

	{ "linear", "Issue.create", NULL, "{actor.name} created "
	    "issue {data.identifier}[: {data.title}]" },
	{ "linear", "Issue.update", NULL, "{actor.name} updated issue "
	    "{data.identifier}[: {data.title}]" },
	{ "linear", "Issue.remove", NULL, "{actor.name} removed issue "
	    "{data.identifier}[: {data.title}]" },
	{ "linear", "Comment.create", NULL, "{actor.name|data.user.name} "
	    "commented on[ issue] {data.issue.identifier|data.issueId|"
	    "data.id}[: {data.body}]" },
	{ "linear", "AgentSessionEvent.created", NULL, "{agentSession.creator."
	    "name} began session {agentSession.id} of agent "
	    "{agentSession.appUserId|appUserId}[ on "
	    "{agentSession.issue.identifier}]" },
	{ "linear", "AgentSessionEvent.*", NULL, "{agentActivity.user.name|"
	    "agentSession.creator.name} {action~} session {agentSession.id} "
	    "of agent {agentSession.appUserId|appUserId}"
	    "[: {agentActivity.content.body}]" },
	{ "linear", "*", NULL, "{actor.name|data.user.name}: {event~} "
	    "{data.identifier|data.name|data.title|data.id}" },

	{ "sentry", "*", "data.issue.id", "{actor.name}: {event~} "
	    "{data.issue.shortId|data.issue.id}[: {data.issue.title}]" },
	{ "sentry", "*", NULL, "{actor.name}: {event~}[: {data.event.title|"
	    "data.error.title|data.description_title|data.comment|"
	    "data.run_id}]" },

	{ "pagerduty", "incident.*", "event.data.number", "{event.agent."
	    "summary|event.client.name|event.data.service.summary} {last~} "
	    "incident {event.data.number}[: {event.data.title}]" },
	{ "pagerduty", "*", NULL, "{event.agent.summary|event.client.name}: "
	    "{event~} {event.data.incident.summary|event.data.id}"
	    "[: {event.data.content|event.data.message|"
	    "event.data.title}]" },

	{ "shopify", "*", NULL, "shopify: {event~}[ {name|title|id|"
	    "fulfillment_order.id|product_listing.title|"
	    "collection_listing.title|app_subscription.name|"
	    "app_purchase_one_time.name|inventory_item_id|"
	    "admin_graphql_api_id}]"
	    "[, {total_price} {currency}][, {financial_status|status}]" },
	{ "paddle", "*", NULL, "paddle: {object_of~} {data.id} {last~}"
	    "[, {data.details.totals.grand_total|data.totals.total} "
	    "{data.currency_code}][, {data.status}]"
	    "[, customer {data.customer_id}]" },
	{ "zoom", "*", NULL, "{payload.object.participant.user_name|"
	    "payload.operator_id|payload.object.host_id|payload.account_id}: "
	    "{event~} {payload.object.topic|payload.object.uuid|"
	    "payload.object.id}" },
	{ "grafana alertmanager", "firing", NULL, "{sender}: alert "
	    "{commonLabels.alertname|groupLabels.alertname|"
	    "alerts.0.labels.alertname|title} is firing"
	    "[: {commonAnnotations.summary|alerts.0.annotations.summary|"
	    "message}]" },
	{ "grafana alertmanager", "*", NULL, "{sender}: alert "
	    "{commonLabels.alertname|groupLabels.alertname|"
	    "alerts.0.labels.alertname|title} is {status}" },
	{ "langfuse", "*", NULL, "{user.name|prompt.createdBy}: {event~} "
	    "{prompt.name}[, version {prompt.version}]" },
	{ "vercel", "*", NULL, "{payload.user.username|payload.user.id|"
	    "payload.deployment.meta.githubCommitAuthorLogin}: {event~} "
	    "{payload.deployment.name|payload.name|payload.project.name|"
	    "payload.domain.name|payload.deployment.id}[ to "
	    "{payload.target}][, {payload.deployment.url|payload.url}]" },
};

struct told {
	struct json_object *data;
	const char *sender;
	const char *event; /* its name without the sender's */
};

static void
add_words(struct text *out, const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text_add(out, strchr("_.:/", at[i]) != NULL && at[i] != '\0' ?
		    " " : at + i, 1);
}

/* Names have their parts joined by dots, or as their senders do it. */
static const char *
last_separator(const char *event)
{
	const char *found = NULL;

	for (; *event != '\0'; event++)
		if (strchr(".:/", *event) != NULL)
			found = event;
	return found;
}

/* A part of the event's name, or the sender's.  Returns whether the name is
 * one of these. */
static bool
add_name(const struct told *told, const char *name, size_t len,
    struct text *out)
{
	const char *dot = last_separator(told->event);
	const char *last = dot == NULL ? told->event : dot + 1;
	const struct {
		const char *name;
		const char *at;
		size_t len;
	} names[] = {
		{ "event", told->event, strlen(told->event) },
		{ "last", last, strlen(last) },
		{ "object_of", told->event, dot == NULL ? 0 :
		    (size_t)(dot - told->event) },
		{ "sender", told->sender, strlen(told->sender) },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len &&
		    memcmp(names[i].name, name, len) == 0) {
			text_add(out, names[i].at, names[i].len);
			return true;
		}
	return false;
}

/* "3 commits", of an array that is called so. */
static bool
add_count(const struct told *told, const char *name, size_t len,
    struct text *out)
{
	struct json_object *array = json_path_find(told->data, name, len);

	if (!json_object_is_type(array, json_type_array))
		return false;
	size_t count = json_object_array_length(array);
	if (count == 1 && name[len - 1] == 's')
		len--;
	text_printf(out, "%zu %.*s", count, (int)len, name);
	return true;
}

/* Appends a value with what stands behind its name done to it. */
static bool
add_value(const void *context, const char *name, size_t len,
    struct text *out)
{
	const struct told *told = context;
	struct text value = TEXT_EMPTY;
	size_t end = 0;

	if (*name == '#')
		return add_count(told, name + 1, len - 1, out);
	while (end < len && strchr("~!<", name[end]) == NULL)
		end++;
	if (!add_name(told, name, end, &value))
		json_path_add_text(&value, json_path_find(told->data, name,
		    end));
	const char *at = text_string(&value);
	size_t left = value.len;
	char change = (char)(end < len ? name[end] : '\0');
	if (change == '<' && left > len - end - 1 &&
	    memcmp(at, name + end + 1, len - end - 1) == 0) {
		at += len - end - 1;
		left -= len - end - 1;
	}
	if (change == '!')
		left = strcspn(at, "\r\n");
	if (change == '~')
		add_words(out, at, left);
	else
		sentence_add_cut(out, at, left);
	out->failed |= value.failed;
	text_free(&value);
	return left > 0;
}

static bool
is_sender(const char *senders, const char *name)
{
	size_t len = strlen(name);

	while (*senders != '\0') {
		size_t name_len = strcspn(senders, " ");
		if (name_len == len && memcmp(senders, name, len) == 0)
			return true;
		senders += name_len + strspn(senders + name_len, " ");
	}
	return false;
}

/* Whether a name fits a pattern, in which "*" may stand at either end. */
static bool
fits(const char *pattern, const char *event)
{
	size_t len = strlen(pattern);

	if (*pattern == '*' && len > 1) {
		char inner[64] = { 0 };
		memcpy(inner, pattern + 1, len - 2);
		return strstr(event, inner) != NULL;
	}
	if (pattern[len - 1] == '*')
		return strncmp(pattern, event, len - 1) == 0;
	return strcmp(pattern, event) == 0;
}

/* One condition, of `len` bytes. */
static bool
holds_one(const char *when, size_t len, struct json_object *data)
{
	struct text value = TEXT_EMPTY;
	size_t path_len = strcspn(when, "=^&");
	struct json_object *found = json_path_find(data, when, path_len);

	if (path_len >= len)
		return found != NULL;
	json_path_add_text(&value, found);
	size_t wanted = len - path_len - 1;
	bool result = value.len >= wanted &&
	    (when[path_len] == '^' || value.len == wanted) &&
	    memcmp(text_string(&value), when + path_len + 1, wanted) == 0;
	text_free(&value);
	return result;
}

static bool
holds(const char *when, struct json_object *data)
{
	while (when != NULL && *when != '\0') {
		size_t len = strcspn(when, "&");
		if (!holds_one(when, len, data))
			return false;
		when += len + (when[len] == '&');
	}
	return true;
}

bool
describe_sender_add(struct text *out, const char *source,
    struct json_object *payload)
{
	struct json_object *data = json_get(payload, "data");
	const char *type = json_get_string(payload, "type");
	size_t len = strlen(source);

	/* Behind a colon is the digest of a name that was too long. */
	if (type == NULL || strncmp(type, source, len) != 0 ||
	    (type[len] != '.' && type[len] != ':'))
		return false;
	const struct told told = { data, source, type + len + 1 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is_sender(rows[i].senders, source) &&
		    fits(rows[i].event, told.event) &&
		    holds(rows[i].when, data)) {
			sentence_add(out, rows[i].sentence, add_value, &told);
			return true;
		}
	return false;
}
