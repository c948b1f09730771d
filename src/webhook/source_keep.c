#include "webhook/source_keep.h"

#include <stddef.h>

const char *const source_drop[] = {
	"*email", "*emails", "*email_address", "*emailAddress", "*password",
	"*secret", "access_token", "accessToken", "api_key", "apiKey",
	"authorization", "installation", "private_key", "refresh_token",
	"refreshToken", "response_url", "response_urls", "sip_headers",
	"token", "trigger_id", "user_avatar", NULL
};

const char *const source_keep_github[] = {
	"*",

	/* Of whatever the event is about. */
	"*.id", "*.number", "*.name", "*.full_name", "*.title", "*.body",
	"*.description", "*.type", "*.state", "*.state_reason", "*.status",
	"*.conclusion", "*.html_url", "*.login", "*.slug", "*.ref", "*.sha",
	"*.head_sha", "*.head_branch", "*.environment", "*.created_at",
	"*.updated_at", "*.closed_at", "*.author_association",
	"*.*.login", "*.labels.name", "*.milestone.title",
	"*.requested_teams.name", "changes.*.from", "changes.*.to",
	"changes.*.title", "changes.*.number", "changes.*.full_name",
	"changes.*.html_url",

	"repository.private", "repository.default_branch",

	/* Pull requests, their reviews and comments. */
	"pull_request.draft", "pull_request.merged", "pull_request.merged_at",
	"pull_request.merge_commit_sha", "pull_request.head.ref",
	"pull_request.head.sha", "pull_request.head.repo.full_name",
	"pull_request.base.ref", "pull_request.base.sha",
	"pull_request.base.repo.full_name", "pull_request.commits",
	"pull_request.additions", "pull_request.deletions",
	"pull_request.changed_files", "pull_request.auto_merge.merge_method",
	"issue.pull_request.html_url", "issue.locked",
	"review.commit_id", "review.submitted_at", "review.content",
	"comment.path", "comment.line", "comment.commit_id", "thread.*",
	"thread.comments.body", "thread.comments.path",

	/* Pushes. */
	"pusher.username", "commits.id", "commits.message",
	"commits.timestamp", "commits.author.name", "commits.author.username",
	"commits.added", "commits.removed", "commits.modified",
	"head_commit.id", "head_commit.message", "head_commit.timestamp",
	"head_commit.author.name", "head_commit.author.username",
	"head_commit.url",

	/* Workflows, checks, deployments and who may let them go on. */
	"workflow.path", "workflow_run.event", "workflow_run.path",
	"workflow_run.display_title", "workflow_run.run_number",
	"workflow_run.run_attempt", "workflow_run.pull_requests.number",
	"workflow_job.run_id", "workflow_job.run_attempt",
	"workflow_job.workflow_name", "workflow_job.runner_name",
	"workflow_job.started_at", "workflow_job.completed_at",
	"check_run.external_id", "check_run.details_url",
	"check_run.output.title", "check_run.output.summary",
	"check_run.app.slug", "check_run.pull_requests.number",
	"check_suite.app.slug", "check_suite.pull_requests.number",
	"pull_requests.number", "deployment.task",
	"deployment.original_environment",
	"deployment.payload.agentlens_session_id",
	"deployment.payload.agentlens_agent_id",
	"deployment_status.target_url", "deployment_status.environment_url",
	"deployment_status.log_url", "reviewers.reviewer.name",
	"reviewers.reviewer.slug", "branches.name", "commit.sha",
	"commit.commit.message", "commit.html_url",

	/* Releases, alerts, hooks and what else there is. */
	"release.tag_name", "release.target_commitish", "release.draft",
	"release.prerelease", "release.published_at", "release.assets.name",
	"alert.severity", "alert.secret_type", "alert.rule.id",
	"alert.rule.severity", "alert.rule.description", "alert.tool.name",
	"alert.most_recent_instance.ref", "alert.resolution",
	"alert.dismissed_reason", "alert.dismissed_comment",
	"alert.dependency.package.name", "alert.security_advisory.ghsa_id",
	"alert.security_advisory.summary", "alert.security_advisory.severity",
	"security_advisory.ghsa_id", "security_advisory.summary",
	"security_advisory.severity", "hook.active", "hook.events", "hook.config.url",
	"hook.config.content_type", "rule.pattern", "answer.body",
	"pages.page_name", "pages.action", "pages.html_url",
	"client_payload.agentlens_session_id",
	"client_payload.agentlens_agent_id", NULL
};

const char *const source_keep_gitlab[] = {
	"*", "user.id", "user.name", "user.username", "project.id",
	"project.name", "project.path_with_namespace", "project.web_url",
	"project.default_branch", "object_attributes.*",
	"object_attributes.stages", "object_attributes.last_commit.id",
	"object_attributes.last_commit.message",
	"object_attributes.last_commit.url",
	"object_attributes.last_commit.author.name",
	"object_attributes.source.path_with_namespace",
	"object_attributes.target.path_with_namespace", "merge_request.id",
	"merge_request.iid", "merge_request.title", "merge_request.state",
	"merge_request.url", "merge_request.source_branch",
	"merge_request.target_branch", "merge_request.detailed_merge_status",
	"issue.id", "issue.iid", "issue.title", "issue.state", "issue.url",
	"commit.id", "commit.message", "commit.title", "commit.url",
	"commit.author.name", "commit.author_name", "commit.status",
	"commits.id", "commits.message", "commits.timestamp", "commits.url",
	"commits.author.name", "commits.added", "commits.modified",
	"commits.removed", "labels.title", "assignees.username",
	"assignees.name", "reviewers.username", "reviewers.name",
	"reviewers.state", "changes.*.*", "changes.labels.*.title",
	"changes.assignees.*.username", "changes.reviewers.*.username",
	"changes.reviewers.*.state", "builds.id", "builds.stage",
	"builds.name", "builds.status", "builds.manual",
	"builds.failure_reason", "builds.user.username",
	"builds.environment.name", "environment.name", "environment.action",
	"source_pipeline.pipeline_id", "runner.description",
	"snippet.title", "snippet.url", "wiki.web_url", "assets.links.name",
	"assets.links.url", NULL
};

const char *const source_keep_bitbucket[] = {
	"*", "actor.display_name", "actor.nickname", "actor.account_id",
	"actor.type", "repository.full_name", "repository.name",
	"repository.links.html.href", "repository.is_private",
	"pullrequest.id", "pullrequest.title", "pullrequest.description",
	"pullrequest.state", "pullrequest.draft", "pullrequest.reason",
	"pullrequest.created_on", "pullrequest.updated_on",
	"pullrequest.links.html.href", "pullrequest.author.display_name",
	"pullrequest.closed_by.display_name",
	"pullrequest.merge_commit.hash", "pullrequest.source.branch.name",
	"pullrequest.source.commit.hash",
	"pullrequest.source.repository.full_name",
	"pullrequest.destination.branch.name",
	"pullrequest.destination.commit.hash",
	"pullrequest.destination.repository.full_name",
	"pullrequest.reviewers.display_name",
	"pullrequest.participants.role", "pullrequest.participants.state",
	"pullrequest.participants.user.display_name", "approval.date",
	"approval.user.display_name", "changes_request.date",
	"changes_request.user.display_name", "comment.id",
	"comment.content.raw", "comment.links.html.href",
	"comment.inline.path", "comment.user.display_name", "push.changes.new.name",
	"push.changes.new.type", "push.changes.new.target.hash",
	"push.changes.new.target.message", "push.changes.old.name",
	"push.changes.old.type", "push.changes.old.target.hash",
	"push.changes.created", "push.changes.closed", "push.changes.forced",
	"push.changes.truncated", "push.changes.links.html.href",
	"push.changes.commits.hash", "push.changes.commits.message",
	"issue.id", "issue.title", "issue.state", "issue.priority",
	"issue.kind", "issue.links.html.href", "commit_status.name",
	"commit_status.key", "commit_status.state", "commit_status.url",
	"commit_status.description", "commit_status.refname",
	"commit_status.commit.hash", "commit.hash", "fork.full_name",
	"changes.*.*", NULL
};

const char *const source_keep_jira[] = {
	"*", "user.displayName", "user.accountId", "user.name", "issue.id",
	"issue.key", "issue.self", "issue.fields.summary",
	"issue.fields.description", "issue.fields.status.name",
	"issue.fields.issuetype.name", "issue.fields.priority.name",
	"issue.fields.resolution.name", "issue.fields.project.key",
	"issue.fields.project.name", "issue.fields.assignee.displayName",
	"issue.fields.reporter.displayName", "issue.fields.creator.displayName",
	"issue.fields.labels", "issue.fields.created", "issue.fields.updated",
	"issue.fields.duedate", "issue.fields.parent.key", "changelog.id",
	"changelog.items.field", "changelog.items.from",
	"changelog.items.fromString", "changelog.items.to",
	"changelog.items.toString", "comment.id", "comment.self",
	"comment.body", "comment.author.displayName",
	"comment.updateAuthor.displayName", "comment.created",
	"comment.updated", "worklog.id", "worklog.issueId",
	"worklog.timeSpent", "worklog.comment",
	"worklog.author.displayName", "attachment.id", "attachment.filename",
	"project.id", "project.key", "project.name", "version.id",
	"version.name", "version.released", "sprint.id", "sprint.name",
	"sprint.state", "sprint.goal", "board.id", "board.name",
	"issueLink.*", "issueLink.issueLinkType.name", NULL
};

/* Stripe's objects share the names of what matters. */
#define STRIPE(object) \
	object ".id", object ".object", object ".amount", \
	object ".amount_captured", object ".amount_due", \
	object ".amount_paid", object ".amount_received", \
	object ".amount_refunded", object ".amount_remaining", \
	object ".amount_subtotal", object ".amount_total", \
	object ".application", object ".billing_reason", \
	object ".cancel_at", object ".cancel_at_period_end", \
	object ".canceled_at", object ".cancellation_reason", \
	object ".capture_method", object ".charge", \
	object ".client_reference_id", object ".collection_method", \
	object ".created", object ".currency", \
	object ".current_period_end", object ".current_period_start", \
	object ".customer", object ".description", object ".destination", \
	object ".failure_code", object ".failure_message", \
	object ".failure_reason", object ".invoice", object ".latest_charge", \
	object ".livemode", object ".metadata", object ".mode", \
	object ".number", object ".paid", object ".payment_intent", \
	object ".payment_status", object ".price", object ".product", \
	object ".quantity", object ".reason", object ".refunded", \
	object ".status", object ".subscription", object ".total", \
	object ".type", object ".last_payment_error.code", \
	object ".last_payment_error.message", \
	object ".cancellation_details.comment", \
	object ".cancellation_details.reason", \
	object ".outcome.type", object ".outcome.seller_message", \
	object ".status_transitions.paid_at", \
	object ".lines.data.description", object ".lines.data.amount", \
	object ".lines.data.quantity", object ".lines.data.subscription", \
	object ".items.data.price.id", object ".items.data.quantity"

const char *const source_keep_stripe[] = {
	"*", "request.id", "request.idempotency_key", "related_object.id",
	"related_object.type", "related_object.url", "reason.type",
	"reason.request.id", "reason.request.idempotency_key",
	STRIPE("data.object"), STRIPE("data.previous_attributes"), NULL
};

const char *const source_keep_slack[] = {
	"*", "event.*", "event.item.*", "event.channel.id",
	"event.channel.name", "event.user.id", "event.user.name",
	"event.message.user", "event.message.text", "event.message.ts",
	"event.message.thread_ts", "event.previous_message.text",
	"event.files.name", "authorizations.team_id",
	"authorizations.user_id", "authorizations.is_bot", "user.id",
	"user.username", "user.name", "team.id", "team.domain", "channel.id",
	"channel.name", "container.*", "message.ts", "message.thread_ts",
	"message.text", "message.user", "message.bot_id",
	"actions.action_id", "actions.block_id", "actions.type",
	"actions.value", "actions.style", "actions.action_ts",
	"actions.text.text", "actions.selected_option.value",
	"actions.selected_option.text.text", "actions.selected_user",
	"actions.selected_date", "view.id", "view.type", "view.callback_id",
	"view.title.text", NULL
};

const char *const source_keep_linear[] = {
	"*", "actor.id", "actor.type", "actor.name", "data.*",
	"data.labelIds", "data.subscriberIds", "data.state.id",
	"data.state.name", "data.state.type", "data.team.id", "data.team.key",
	"data.team.name", "data.assignee.id", "data.assignee.name",
	"data.user.id", "data.user.name", "data.issue.id",
	"data.issue.identifier", "data.issue.title", "data.issue.url",
	"data.project.id", "data.project.name", "data.labels.name",
	"data.parent.id", "data.cycle.name", "updatedFrom.*",
	"updatedFrom.labelIds", "agentSession.*", "agentSession.creator.id",
	"agentSession.creator.name", "agentSession.issue.id",
	"agentSession.issue.identifier", "agentSession.issue.title",
	"agentSession.issue.url", "agentSession.comment.id",
	"agentSession.comment.body", "agentActivity.*",
	"agentActivity.content.*", "agentActivity.user.name",
	"notification.*", "notification.issue.identifier",
	"notification.actor.name", NULL
};

const char *const source_keep_sentry[] = {
	"*", "actor.type", "actor.id", "actor.name", "data.*", "data.issue.*",
	"data.issue.project.slug", "data.issue.project.name",
	"data.issue.metadata.type", "data.issue.metadata.value",
	"data.issue.metadata.title", "data.issue.assignedTo.type",
	"data.issue.assignedTo.name", "data.issue.statusDetails",
	"data.event.event_id", "data.event.title", "data.event.level",
	"data.event.culprit", "data.event.message", "data.event.web_url",
	"data.event.issue_url", "data.event.issue_id", "data.event.platform",
	"data.event.environment", "data.event.release",
	"data.event.datetime", "data.error.event_id", "data.error.title",
	"data.error.level", "data.error.culprit", "data.error.message",
	"data.error.web_url", "data.error.issue_id", "data.error.platform",
	"data.error.environment", "data.error.release",
	"data.error.datetime", "data.metric_alert.*",
	"data.metric_alert.alert_rule.name", "data.issue_alert.title", NULL
};

const char *const source_keep_pagerduty[] = {
	"*", "event.*", "event.agent.*", "event.client.name", "event.data.*",
	"event.data.service.*", "event.data.assignees.*",
	"event.data.acknowledgements.at",
	"event.data.acknowledgements.acknowledger.id",
	"event.data.acknowledgements.acknowledger.summary",
	"event.data.escalation_policy.id",
	"event.data.escalation_policy.summary", "event.data.teams.summary",
	"event.data.priority.summary", "event.data.incident.*",
	"event.data.resolve_reason.type", "event.data.incident_type.name",
	"event.data.user.summary", NULL
};

const char *const source_keep_shopify[] = {
	"id", "admin_graphql_api_id", "name", "title", "handle", "number",
	"order_number", "status", "state", "test", "tags", "currency",
	"total_price", "subtotal_price", "total_tax", "total_discounts",
	"financial_status", "fulfillment_status", "cancel_reason",
	"cancelled_at", "closed_at", "created_at", "updated_at",
	"processed_at", "published_at", "order_id", "user_id", "app_id",
	"source_name", "vendor", "product_type", "inventory_item_id",
	"location_id", "available", "shipment_status", "tracking_company",
	"domain", "myshopify_domain", "plan_name", "note_attributes",
	"customer.id", "line_items.id", "line_items.title",
	"line_items.quantity", "line_items.price", "line_items.sku",
	"line_items.product_id", "line_items.variant_id", "variants.id",
	"variants.title", "variants.sku", "variants.price",
	"variants.inventory_quantity", "refund_line_items.line_item_id",
	"refund_line_items.quantity", "refund_line_items.subtotal",
	"transactions.id", "transactions.kind", "transactions.status",
	"transactions.amount", "transactions.currency", "amount", "kind",
	"gateway", "fulfillment_order.id", "fulfillment_order.status",
	"fulfillment_order.request_status", "product_listing.product_id",
	"product_listing.title", "collection_listing.collection_id",
	"collection_listing.title", "app_subscription.admin_graphql_api_id",
	"app_subscription.name", "app_subscription.status",
	"app_purchase_one_time.admin_graphql_api_id",
	"app_purchase_one_time.name", "app_purchase_one_time.status", NULL
};

const char *const source_keep_paddle[] = {
	"*", "data.id", "data.status", "data.action", "data.type",
	"data.reason", "data.customer_id", "data.subscription_id",
	"data.transaction_id", "data.invoice_id", "data.invoice_number",
	"data.product_id", "data.price_id", "data.currency_code",
	"data.origin", "data.collection_mode", "data.custom_data",
	"data.description", "data.created_at", "data.updated_at",
	"data.billed_at", "data.started_at", "data.paused_at",
	"data.canceled_at", "data.next_billed_at",
	"data.scheduled_change.*", "data.current_billing_period.*",
	"data.items.quantity", "data.items.price.id",
	"data.items.price.description", "data.items.product.id",
	"data.items.product.name", "data.items.amount", "data.items.type",
	"data.details.totals.total", "data.details.totals.tax",
	"data.details.totals.grand_total",
	"data.details.totals.currency_code", "data.totals.total",
	"data.totals.tax", "data.totals.currency_code", NULL
};

const char *const source_keep_zoom[] = {
	"event", "event_ts", "payload.account_id", "payload.operator_id",
	"payload.operation", "payload.time_stamp", "payload.object.id",
	"payload.object.uuid", "payload.object.topic", "payload.object.type",
	"payload.object.status", "payload.object.host_id",
	"payload.object.start_time", "payload.object.end_time",
	"payload.object.duration", "payload.object.timezone",
	"payload.object.recording_count", "payload.object.total_size",
	"payload.object.participant.user_id",
	"payload.object.participant.user_name",
	"payload.object.participant.join_time",
	"payload.object.participant.leave_time",
	"payload.object.participant.leave_reason", NULL
};

const char *const source_keep_langfuse[] = {
	"*", "prompt.id", "prompt.name", "prompt.version", "prompt.projectId",
	"prompt.labels", "prompt.tags", "prompt.type", "prompt.isActive",
	"prompt.createdBy", "prompt.createdAt", "prompt.updatedAt",
	"prompt.commitMessage", "user.id", "user.name", NULL
};

const char *const source_keep_vercel[] = {
	"*", "payload.alias", "payload.deployment.id",
	"payload.deployment.name", "payload.deployment.url",
	"payload.deployment.inspectorUrl",
	"payload.deployment.meta.githubCommitRef",
	"payload.deployment.meta.githubCommitSha",
	"payload.deployment.meta.githubCommitMessage",
	"payload.deployment.meta.githubCommitAuthorLogin",
	"payload.deployment.meta.githubOrg",
	"payload.deployment.meta.githubRepo",
	"payload.deployment.meta.githubPrId",
	"payload.deployment.meta.gitlabCommitRef",
	"payload.deployment.meta.gitlabCommitSha",
	"payload.deployment.meta.agentlens_session_id",
	"payload.deployment.meta.agentlens_agent_id", "payload.links.*",
	"payload.name", "payload.plan", "payload.project.id",
	"payload.project.name", "payload.regions", "payload.target",
	"payload.team.id", "payload.team.name", "payload.type",
	"payload.url", "payload.user.id", "payload.user.username",
	"payload.domain.name", "payload.previousDeployment.id", NULL
};
