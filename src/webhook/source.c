#include "webhook/source.h"

#include <string.h>

#include "webhook/approval.h"
#include "webhook/handshake.h"
#include "webhook/source_keep.h"

#define SENDER(id_of, name_of) .id = id_of, .name = name_of, \
	.signature_required = true

/* The specification at standardwebhooks.com, which others follow. */
#define STANDARD_WEBHOOKS(name_of) \
	.signature_headers = { name_of "-signature" }, \
	.delimiter = " ", .prefix = "v1,", .encoding = SOURCE_BASE64, \
	.signed_text = "{id}.{timestamp}.{body}", \
	.timestamp = "h:" name_of "-timestamp s", .window_s = 300, \
	.key = SOURCE_KEY_WHSEC, .delivery_id = "h:" name_of "-id"

#define GITLAB \
	.event = "b:object_kind, else b:event_name + " \
	    "b:object_attributes.action", \
	.session_of = gitlab_session, .keep = source_keep_gitlab, \
	.drop = source_drop

/* What links a matter on GitHub and Gitea: the issue or pull request, then the
 * run of a workflow, then the branch. */
#define REPOSITORY "{repository.full_name}"
#define GITHUB_SESSION \
	REPOSITORY "#{pull_request.number}, else " \
	REPOSITORY "#{issue.number}, else " \
	REPOSITORY "#{check_run.pull_requests[].number}, else " \
	REPOSITORY "#{check_suite.pull_requests[].number}, else " \
	REPOSITORY "#{workflow_run.pull_requests[].number}, else " \
	REPOSITORY "#{pull_requests[].number}, else " \
	"{workflow_run.id}, else {workflow_job.run_id}, else " \
	REPOSITORY "@{ref}"

/*
 * GitLab counts merge requests, issues and pipelines apart, and calls each
 * number object_attributes.iid.
 */
static const char *
gitlab_session(struct json_object *body)
{
	static const struct {
		const char *kind;
		const char *session;
	} kinds[] = {
		{ "merge_request", "{project.path_with_namespace}!"
		    "{object_attributes.iid}" },
		{ "issue", "{project.path_with_namespace}#"
		    "{object_attributes.iid}" },
		{ "work_item", "{project.path_with_namespace}#"
		    "{object_attributes.iid}" },
		{ "build", "{build_id}" },
		{ "pipeline", "{project.path_with_namespace}!"
		    "{merge_request.iid}, else {project.path_with_namespace}"
		    "/-/pipelines/{object_attributes.id}" },
	};
	const char *kind = json_get_string(body, "object_kind");

	for (size_t i = 0; kind != NULL &&
	    i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i].kind) == 0)
			return kinds[i].session;
	return "{project.path_with_namespace}!{merge_request.iid}, else "
	    "{project.path_with_namespace}#{issue.iid}, else "
	    "{deployable_id}";
}

const struct source sources[SOURCES] = {
	[SOURCE_AGENTGATE] = {
		.id = SOURCE_AGENTGATE,
		.name = "agentgate",
		.signature_required = true,
		.signature_headers = { "X-AgentGate-Signature",
		    "X-Webhook-Signature" },
		.product_headers = { "X-AgentGate-Signature",
		    "X-AgentGate-Event", "X-AgentGate-EventId" },
		.event_prefix = "request.",
		.prefix = "sha256=", .prefix_use = SOURCE_PREFIX_TAKEN,
		.signed_text = "{body}",
	},
	[SOURCE_FORMBRIDGE] = {
		.id = SOURCE_FORMBRIDGE,
		.name = "formbridge",
		.signature_required = true,
		.signature_headers = { "X-FormBridge-Signature",
		    "X-Webhook-Signature" },
		.product_headers = { "X-FormBridge-Signature",
		    "X-FormBridge-Timestamp" },
		.event_prefix = "submission.",
		.prefix = "sha256=", .prefix_use = SOURCE_PREFIX_SENT,
		.signed_text = "{body}",
	},
	[SOURCE_GENERIC] = {
		.id = SOURCE_GENERIC,
		.name = "generic",
		.signature_headers = { "X-Webhook-Signature" },
		.prefix = "sha256=", .prefix_use = SOURCE_PREFIX_TAKEN,
		.signed_text = "{body}",
	},
	[SOURCE_GITHUB] = {
		SENDER(SOURCE_GITHUB, "github"),
		.signature_headers = { "X-Hub-Signature-256" },
		.prefix = "sha256=", .signed_text = "{body}",
		.form_field = "payload",
		.delivery_id = "h:X-GitHub-Delivery",
		.event = "h:X-GitHub-Event + b:action",
		.session = GITHUB_SESSION,
		.metadata = "deployment.payload, else client_payload",
		.keep = source_keep_github, .drop = source_drop,
		.approval = approval_of_deployment_review,
	},
	[SOURCE_GITEA] = {
		SENDER(SOURCE_GITEA, "gitea"),
		.signature_headers = { "X-Gitea-Signature" },
		.signed_text = "{body}",
		.form_field = "payload", .form_field_is_signed = true,
		.delivery_id = "h:X-Gitea-Delivery",
		.event = "h:X-Gitea-Event + b:action",
		.session = GITHUB_SESSION,
		.keep = source_keep_github, .drop = source_drop,
	},
	[SOURCE_GITLAB] = {
		SENDER(SOURCE_GITLAB, "gitlab"),
		STANDARD_WEBHOOKS("webhook"),
		GITLAB,
	},
	[SOURCE_GITLAB_TOKEN] = {
		SENDER(SOURCE_GITLAB_TOKEN, "gitlab-token"),
		.algorithm = SOURCE_TOKEN,
		.signature_headers = { "X-Gitlab-Token" },
		.delivery_id = "h:Idempotency-Key",
		GITLAB,
	},
	[SOURCE_BITBUCKET] = {
		SENDER(SOURCE_BITBUCKET, "bitbucket"),
		.signature_headers = { "X-Hub-Signature" },
		.prefix = "sha256=", .signed_text = "{body}",
		.delivery_id = "h:X-Request-UUID",
		.event = "h:X-Event-Key",
		.session = REPOSITORY "#{pullrequest.id}, else " REPOSITORY,
		.keep = source_keep_bitbucket, .drop = source_drop,
	},
	[SOURCE_JIRA] = {
		SENDER(SOURCE_JIRA, "jira"),
		.signature_headers = { "X-Hub-Signature" },
		.prefix = "sha256=", .signed_text = "{body}",
		.delivery_id = "h:X-Atlassian-Webhook-Identifier",
		.event = "b:webhookEvent",
		.session = "{issue.key}",
		.keep = source_keep_jira, .drop = source_drop,
	},
	[SOURCE_STRIPE] = {
		SENDER(SOURCE_STRIPE, "stripe"),
		.signature_headers = { "Stripe-Signature" },
		.delimiter = ",", .prefix = "v1=",
		.signed_text = "{timestamp}.{body}",
		.timestamp = "s:t= s", .window_s = 300,
		.delivery_id = "b:id", .event = "b:type",
		.session = "{data.object.payment_intent}, else "
		    "{data.object.payment_intent.id}, else {data.object.id}, "
		    "else {related_object.id}",
		.metadata = "data.object.metadata",
		.keep = source_keep_stripe, .drop = source_drop,
	},
	[SOURCE_SLACK] = {
		SENDER(SOURCE_SLACK, "slack"),
		.signature_headers = { "X-Slack-Signature" },
		.prefix = "v0=", .signed_text = "v0:{timestamp}:{body}",
		.timestamp = "h:X-Slack-Request-Timestamp s", .window_s = 300,
		.form_field = "payload", .form_is_data = true,
		.delivery_id = "b:event_id",
		.event = "b:event.type, else b:type",
		.fields_event = "slash_command",
		.session = "{event.channel}:{event.thread_ts}, else "
		    "{event.channel}:{event.ts}, else "
		    "{event.item.channel}:{event.item.ts}, else "
		    "{channel.id}:{message.ts}, else "
		    "{channel.id}:{container.message_ts}",
		.keep = source_keep_slack, .drop = source_drop,
		.handshake = handshake_slack,
	},
	[SOURCE_STANDARD_WEBHOOKS] = {
		SENDER(SOURCE_STANDARD_WEBHOOKS, "standard-webhooks"),
		STANDARD_WEBHOOKS("webhook"),
		.event = "b:type", .session = "{data.id}",
		.metadata = "data.metadata, else metadata",
		.drop = source_drop,
	},
	[SOURCE_SVIX] = {
		SENDER(SOURCE_SVIX, "svix"),
		STANDARD_WEBHOOKS("svix"),
		.event = "b:type", .session = "{data.id}",
		.metadata = "data.metadata, else metadata",
		.drop = source_drop,
	},
	[SOURCE_OPENAI] = {
		SENDER(SOURCE_OPENAI, "openai"),
		STANDARD_WEBHOOKS("webhook"),
		.event = "b:type",
		.session = "{data.id}, else {data.call_id}",
		.metadata = "data.metadata, else metadata",
		.drop = source_drop,
	},
	[SOURCE_ANTHROPIC] = {
		SENDER(SOURCE_ANTHROPIC, "anthropic"),
		STANDARD_WEBHOOKS("webhook"),
		.event = "b:data.type", .session = "{data.id}",
		.metadata = "data.metadata, else metadata",
		.drop = source_drop,
	},
	[SOURCE_LINEAR] = {
		SENDER(SOURCE_LINEAR, "linear"),
		.signature_headers = { "Linear-Signature" },
		.signed_text = "{body}",
		.timestamp = "b:webhookTimestamp ms", .window_s = 60,
		.delivery_id = "h:Linear-Delivery",
		.event = "b:type + b:action",
		.session = "{agentSession.id}, else {data.id}",
		.agent = "agentSession.appUserId",
		.keep = source_keep_linear, .drop = source_drop,
		.changing = "webhookTimestamp",
	},
	[SOURCE_SENTRY] = {
		SENDER(SOURCE_SENTRY, "sentry"),
		.signature_headers = { "Sentry-Hook-Signature" },
		.signed_text = "{body}",
		.delivery_id = "h:Request-ID",
		.event = "h:Sentry-Hook-Resource + b:action",
		.session = "{data.run_id}, else {data.issue.id}, else "
		    "{data.issue_id}, else {data.event.issue_id}, else "
		    "{data.error.issue_id}, else {data.metric_alert.id}",
		.keep = source_keep_sentry, .drop = source_drop,
	},
	[SOURCE_PAGERDUTY] = {
		SENDER(SOURCE_PAGERDUTY, "pagerduty"),
		.signature_headers = { "X-PagerDuty-Signature" },
		.delimiter = ",", .prefix = "v1=", .signed_text = "{body}",
		.delivery_id = "h:X-Webhook-Id",
		.event = "b:event.event_type",
		.session = "{event.data.id}",
		.keep = source_keep_pagerduty, .drop = source_drop,
	},
	[SOURCE_SHOPIFY] = {
		SENDER(SOURCE_SHOPIFY, "shopify"),
		.signature_headers = { "X-Shopify-Hmac-SHA256" },
		.encoding = SOURCE_BASE64, .signed_text = "{body}",
		.delivery_id = "h:X-Shopify-Webhook-Id",
		.event = "h:X-Shopify-Topic",
		.session = "{id}, else {fulfillment_order.id}, else "
		    "{product_listing.product_id}, else "
		    "{collection_listing.collection_id}, else "
		    "{inventory_item_id}, else {admin_graphql_api_id}, else "
		    "{app_subscription.admin_graphql_api_id}, else "
		    "{app_purchase_one_time.admin_graphql_api_id}",
		.keep = source_keep_shopify, .drop = source_drop,
	},
	[SOURCE_PADDLE] = {
		SENDER(SOURCE_PADDLE, "paddle"),
		.signature_headers = { "Paddle-Signature" },
		.delimiter = ";", .prefix = "h1=",
		.signed_text = "{timestamp}:{body}",
		.timestamp = "s:ts= s", .window_s = 5,
		.delivery_id = "b:notification_id", .event = "b:event_type",
		.session = "{data.id}",
		.metadata = "data.custom_data",
		.keep = source_keep_paddle, .drop = source_drop,
	},
	[SOURCE_ZOOM] = {
		SENDER(SOURCE_ZOOM, "zoom"),
		.signature_headers = { "x-zm-signature" },
		.prefix = "v0=", .signed_text = "v0:{timestamp}:{body}",
		.timestamp = "h:x-zm-request-timestamp s", .window_s = 300,
		.event = "b:event",
		.session = "{payload.object.uuid}",
		.keep = source_keep_zoom, .drop = source_drop,
		.handshake = handshake_zoom,
	},
	[SOURCE_GRAFANA] = {
		SENDER(SOURCE_GRAFANA, "grafana"),
		.signature_headers = { "X-Grafana-Alerting-Signature" },
		.signed_text = "[{timestamp}:]{body}",
		.timestamp = "h:X-Grafana-Alerting-Timestamp s",
		.window_s = 300,
		.headers_are_settings = true,
		.event = "b:status", .session = "{groupKey}",
		.drop = source_drop,
		.repeats = true,
	},
	[SOURCE_ALERTMANAGER] = {
		SENDER(SOURCE_ALERTMANAGER, "alertmanager"),
		.algorithm = SOURCE_TOKEN,
		.signature_headers = { "Authorization" },
		.prefix = "Bearer ",
		.event = "b:status", .session = "{groupKey}",
		.drop = source_drop,
		.repeats = true,
	},
	[SOURCE_LANGFUSE] = {
		SENDER(SOURCE_LANGFUSE, "langfuse"),
		.signature_headers = { "x-langfuse-signature" },
		.delimiter = ",", .prefix = "v1=",
		.signed_text = "{timestamp}.{body}",
		.timestamp = "s:t= s", .window_s = 300,
		.delivery_id = "b:id", .event = "b:type + b:action",
		.session = "{prompt.name}",
		.keep = source_keep_langfuse, .drop = source_drop,
	},
	[SOURCE_VERCEL] = {
		SENDER(SOURCE_VERCEL, "vercel"),
		.algorithm = SOURCE_HMAC_SHA1,
		.signature_headers = { "x-vercel-signature" },
		.signed_text = "{body}",
		.delivery_id = "b:id", .event = "b:type",
		.session = "{payload.deployment.id}",
		.metadata = "payload.deployment.meta",
		.keep = source_keep_vercel, .drop = source_drop,
	},
};

const char *const source_idempotency_headers[] = {
	"Idempotency-Key",
	"webhook-id",
	"svix-id",
	"X-AgentGate-EventId",
	NULL
};

const struct source *
source_named(const char *name)
{
	for (int i = 0; i < SOURCES; i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	return NULL;
}

bool
source_has_path(const struct source *source)
{
	return source->id >= SOURCE_SENDER;
}

static bool
sends_product_header(const struct source *source, source_header_fn *header,
    const void *context)
{
	for (int i = 0; i < SOURCE_HEADERS_MAX; i++) {
		const char *name = source->product_headers[i];
		if (name != NULL && header(context, name) != NULL)
			return true;
	}
	return false;
}

const struct source *
source_find(const char *body_source, const char *event,
    source_header_fn *header, const void *context)
{
	const struct source *named = body_source == NULL ? NULL :
	    source_named(body_source);

	if (named != NULL && !source_has_path(named))
		return named;
	for (int i = 0; i < SOURCE_SENDER; i++)
		if (sends_product_header(&sources[i], header, context))
			return &sources[i];
	if (event != NULL)
		for (int i = 0; i < SOURCE_SENDER; i++) {
			const char *prefix = sources[i].event_prefix;
			if (prefix != NULL && strncmp(prefix, event,
			    strlen(prefix)) == 0)
				return &sources[i];
		}
	return NULL;
}

const struct source *
source_find_path(const char *name)
{
	const struct source *named = source_named(name);

	return named != NULL && source_has_path(named) ? named : NULL;
}

bool
source_owns_session(const struct source *source, const char *session)
{
	size_t len = strlen(source->name);

	return strncmp(source->name, session, len) == 0 &&
	    session[len] == ':';
}
