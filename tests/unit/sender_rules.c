/*
 * The rules of third-party senders, from inside: the table, names and
 * sessions, how a delivery is known again, approvals and handshakes.
 */
#include "tests/unit/sender_test.h"
#include "webhook/locator.h"
#include "webhook/own_sender.h"
#include "webhook/scheme.h"
#include "webhook/source_print.h"

#define REPOSITORY "\"repository\":{\"full_name\":\"octo/hello\"}," \
	"\"sender\":{\"login\":\"octo-user\",\"type\":\"User\"}}"

static const struct {
	const char *sender;
	const char *header;
	const char *value;
	const char *body;
	const char *name;
	const char *session; /* NULL: of its own, made of its digest */
	const char *sentence;
} events[] = {
	{ "github", "X-GitHub-Event", "pull_request",
	  "{\"action\":\"closed\",\"pull_request\":{\"number\":7,"
	  "\"merged\":true,\"base\":{\"ref\":\"main\"}}," REPOSITORY,
	  "github.pull_request.closed", "github:octo/hello#7",
	  "octo-user merged pull request 7 of octo/hello into main" },
	{ "github", "X-GitHub-Event", "pull_request",
	  "{\"action\":\"closed\",\"pull_request\":{\"number\":7,"
	  "\"merged\":false}," REPOSITORY, "github.pull_request.closed",
	  "github:octo/hello#7",
	  "octo-user closed pull request 7 of octo/hello without merging it" },
	{ "github", "X-GitHub-Event", "pull_request_review",
	  "{\"action\":\"submitted\",\"review\":{\"state\":\"approved\","
	  "\"body\":\"Fine\"},\"pull_request\":{\"number\":7}," REPOSITORY,
	  "github.pull_request_review.submitted", "github:octo/hello#7",
	  "octo-user approved pull request 7 of octo/hello: Fine" },
	{ "github", "X-GitHub-Event", "workflow_run",
	  "{\"action\":\"completed\",\"workflow_run\":{\"id\":99,"
	  "\"name\":\"CI\",\"conclusion\":\"success\",\"pull_requests\":"
	  "[{\"number\":7}]}," REPOSITORY, "github.workflow_run.completed",
	  "github:octo/hello#7", "run 99 of workflow CI of octo/hello, "
	  "begun by octo-user, ended: success" },
	{ "github", "X-GitHub-Event", "workflow_run",
	  "{\"action\":\"completed\",\"workflow_run\":{\"id\":99,"
	  "\"name\":\"CI\",\"conclusion\":\"success\",\"pull_requests\":"
	  "[{\"number\":7},{\"number\":8}]}," REPOSITORY,
	  "github.workflow_run.completed", "github:99",
	  "run 99 of workflow CI of octo/hello, begun by octo-user, ended: "
	  "success" },
	{ "github", "X-GitHub-Event", "deployment_protection_rule",
	  "{\"action\":\"requested\",\"environment\":\"prod\","
	  "\"deployment\":{\"ref\":\"main\"},\"pull_requests\":"
	  "[{\"number\":7}]," REPOSITORY,
	  "github.deployment_protection_rule.requested",
	  "github:octo/hello#7", "octo-user asked to deploy main of "
	  "octo/hello to prod" },
	{ "github", "X-GitHub-Event", "deployment_protection_rule",
	  "{\"action\":\"requested\",\"environment\":\"prod\","
	  "\"deployment\":{\"ref\":\"main\"},\"pull_requests\":"
	  "[{\"number\":7},{\"number\":8}]," REPOSITORY,
	  "github.deployment_protection_rule.requested", NULL,
	  "octo-user asked to deploy main of octo/hello to prod" },
	{ "github", "X-GitHub-Event", "push",
	  "{\"ref\":\"refs/heads/main\",\"commits\":[{\"id\":\"a\"},"
	  "{\"id\":\"b\"}],\"head_commit\":{\"message\":\"One\\nTwo\"},"
	  REPOSITORY, "github.push", "github:octo/hello@refs/heads/main",
	  "octo-user pushed 2 commits to main of octo/hello: One" },
	{ "github", "X-Other", "push", "{\"action\":\"opened\"," REPOSITORY,
	  "github.unknown", NULL,
	  "octo-user: unknown in octo/hello" },
	{ "bitbucket", "X-Event-Key", "repo:push",
	  "{\"actor\":{\"display_name\":\"Emma\"},\"repository\":"
	  "{\"full_name\":\"team/repo\"},\"push\":{\"changes\":[{\"new\":"
	  "{\"name\":\"main\"}}]}}", "bitbucket.repo:push",
	  "bitbucket:team/repo", "Emma pushed to main of team/repo" },
	{ "jira", NULL, NULL, "{\"webhookEvent\":\"jira:issue_created\","
	  "\"user\":{\"displayName\":\"Jo\"},\"issue\":{\"key\":\"ENG-1\","
	  "\"fields\":{\"summary\":\"Broken\"}}}", "jira.jira:issue_created",
	  "jira:ENG-1", "Jo created ENG-1: Broken" },
	{ "slack", NULL, NULL, "token=secret&team_id=T1&channel_id=C1&"
	  "channel_name=ops&user_name=ann&command=%2Fdeploy&text=now&"
	  "response_url=https%3A%2F%2Fx", "slack.slash_command", NULL,
	  "ann sent /deploy now in ops" },
	{ "slack", NULL, NULL, "{\"type\":\"event_callback\",\"event\":"
	  "{\"type\":\"message\",\"user\":\"U1\",\"channel\":\"C1\","
	  "\"ts\":\"2.0\",\"thread_ts\":\"1.0\",\"text\":\"ok\"}}",
	  "slack.message", "slack:C1:1.0", "U1 wrote in C1: ok" },
	{ "gitlab", NULL, NULL, "{\"object_kind\":\"issue\",\"user\":"
	  "{\"username\":\"root\"},\"project\":{\"path_with_namespace\":"
	  "\"g/p\"},\"object_attributes\":{\"iid\":3,\"action\":\"open\","
	  "\"title\":\"T\"}}", "gitlab.issue.open", "gitlab:g/p#3",
	  "root opened issue 3 of g/p: T" },
	{ "gitlab", NULL, NULL, "{\"object_kind\":\"deployment\",\"user\":"
	  "{\"username\":\"root\"},\"project\":{\"path_with_namespace\":"
	  "\"g/p\"},\"deployable_id\":796,\"environment\":\"staging\","
	  "\"status\":\"success\",\"ref\":\"main\"}", "gitlab.deployment",
	  "gitlab:796", "root deployed main of g/p to staging: success" },
	{ "sentry", "Sentry-Hook-Resource", "issue", "{\"action\":\"created\","
	  "\"actor\":{\"name\":\"Sentry\"},\"data\":{\"issue\":{\"id\":\"4\","
	  "\"shortId\":\"A-1\",\"title\":\"Boom\"}}}", "sentry.issue.created",
	  "sentry:4", "Sentry: issue created A-1: Boom" },
	{ "shopify", "X-Shopify-Topic", "orders/create", "{\"id\":820982911,"
	  "\"name\":\"#1001\",\"total_price\":\"9.00\",\"currency\":\"EUR\","
	  "\"email\":\"a@example.com\",\"customer\":{\"id\":1,\"email\":"
	  "\"a@example.com\",\"first_name\":\"A\"}}",
	  "shopify.orders/create", "shopify:820982911",
	  "shopify: orders create #1001, 9.00 EUR" },
	{ "paddle", NULL, NULL, "{\"event_type\":\"transaction.paid\","
	  "\"notification_id\":\"ntf_1\",\"data\":{\"id\":\"txn_1\","
	  "\"status\":\"paid\",\"custom_data\":{\"agentlens_session_id\":"
	  "\"s-1\"}}}", "paddle.transaction.paid", "s-1",
	  "paddle: transaction txn_1 paid, paid" },
	{ "zoom", NULL, NULL, "{\"event\":\"meeting.started\",\"payload\":"
	  "{\"object\":{\"uuid\":\"u/1==\",\"topic\":\"Sync\",\"host_id\":"
	  "\"h\"}}}", "zoom.meeting.started", "zoom:u/1==",
	  "h: meeting started Sync" },
	{ "grafana", NULL, NULL, "{\"status\":\"resolved\",\"groupKey\":"
	  "\"{}:{a=1}\",\"commonLabels\":{\"alertname\":\"High\"}}",
	  "grafana.resolved", "grafana:{}:{a=1}",
	  "grafana: alert High is resolved" },
	{ "langfuse", NULL, NULL, "{\"id\":\"e1\",\"type\":\"prompt-version\","
	  "\"action\":\"created\",\"prompt\":{\"name\":\"greet\","
	  "\"version\":2,\"prompt\":\"long\"},\"user\":{\"name\":\"Ann\"}}",
	  "langfuse.prompt-version.created", "langfuse:greet",
	  "Ann: prompt-version created greet, version 2" },
	{ "vercel", NULL, NULL, "{\"id\":\"e\",\"type\":"
	  "\"deployment.succeeded\",\"payload\":{\"deployment\":{\"id\":"
	  "\"dpl_1\",\"name\":\"web\"},\"user\":{\"id\":\"u1\"}}}",
	  "vercel.deployment.succeeded", "vercel:dpl_1",
	  "u1: deployment succeeded web" },
	{ "stripe", NULL, NULL, "{\"id\":\"evt_1\",\"object\":\"v2.core.event"
	  "\",\"type\":\"v1.billing.meter.error_report_triggered\","
	  "\"related_object\":{\"id\":\"mtr_1\",\"type\":\"billing.meter\"}}",
	  "stripe.v1.billing.meter.error_report_triggered", "stripe:mtr_1",
	  "stripe: billing meter mtr_1 error report triggered" },
	{ "linear", NULL, NULL, "{\"type\":\"AgentSessionEvent\",\"action\":"
	  "\"created\",\"agentSession\":{\"id\":\"as1\",\"appUserId\":"
	  "\"agent-1\",\"creator\":{\"name\":\"Ann\"}}}",
	  "linear.AgentSessionEvent.created", "linear:as1",
	  "Ann began session as1 of agent agent-1" },
};

static void
check_events(void)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const char *const headers[] = { events[i].header,
			events[i].value, NULL };
		struct made made = make(source_find_path(events[i].sender),
		    headers, events[i].body, false);
		ok(strcmp(text_string(&made.name), events[i].name) == 0,
		    "%s: name", events[i].name);
		if (events[i].session != NULL)
			ok(strcmp(text_string(&made.session),
			    events[i].session) == 0, "%s: session %s",
			    events[i].name, text_string(&made.session));
		else
			ok(made.session.len == strlen(events[i].sender) + 65,
			    "%s: a session of its own", events[i].name);
		ok(strcmp(text_string(&made.sentence),
		    events[i].sentence) == 0, "%s: %s", events[i].name,
		    text_string(&made.sentence));
		ok(strstr(text_string(&made.payload), "example.com") == NULL &&
		    strstr(text_string(&made.payload), "response_url") ==
		    NULL && strstr(text_string(&made.payload), "secret") ==
		    NULL, "%s: nothing private", events[i].name);
		free_made(&made);
	}
}

/* A payload may say anything: what counts is whose event it is. */
static void
check_whose(void)
{
	struct json_object *payload = parse("{\"type\":\"gitlab-token.push\","
	    "\"data\":{\"user_name\":\"Jo\"}}");
	struct text text = TEXT_EMPTY;

	ok(!describe_sender_add(&text, "gitlab", payload) &&
	    !describe_sender_add(&text, "generic", payload) &&
	    !describe_sender_add(&text, "gitlab-toke", payload) &&
	    text.len == 0 &&
	    describe_sender_add(&text, "gitlab-token", payload),
	    "whose event it is");
	text_free(&text);
	json_object_put(payload);
}

static void
check_names(void)
{
	const struct source *stripe = source_find_path("stripe");
	struct text body = TEXT_EMPTY;
	struct made made;

	made = make(source_find_path("linear"), NULL, "{\"type\":\"AppUser\","
	    "\"agentSession\":{\"id\":\"s\",\"appUserId\":\"agent-1\"}}",
	    false);
	ok(strcmp(text_string(&made.agent), "agent-1") == 0, "an agent");
	free_made(&made);
	made = make(stripe, NULL, "{\"data\":{\"object\":{\"id\":\"x\","
	    "\"metadata\":{\"agentlens_agent_id\":\"bot\"}}}}", false);
	ok(strcmp(text_string(&made.agent), "bot") == 0 &&
	    strcmp(text_string(&made.session), "stripe:x") == 0 &&
	    strcmp(text_string(&made.name), "stripe.unknown") == 0,
	    "an agent of metadata, and an event without a name");
	free_made(&made);

	text_puts(&body, "{\"id\":\"e\",\"type\":\"");
	repeat(&body, "t", 300);
	text_puts(&body, "\",\"data\":{\"object\":{\"id\":\"a\\u0007b\"}}}");
	made = make(stripe, NULL, text_string(&body), false);
	ok(made.name.len == strlen("stripe:") + 64 &&
	    strncmp(made.name.data, "stripe:", 7) == 0, "a long name");
	/* printf 'stripe:a\\007b' | sha256sum */
	ok(is(&made.session, "stripe:274ab3159fc330712f0c1fa3332ba0ef4f25"
	    "51316940a984436ab1156b8215e4"),
	    "a session with a control character");
	free_made(&made);

	text_truncate(&body, 0);
	text_puts(&body, "{\"data\":{\"object\":{\"id\":\"");
	repeat(&body, "x", 249);
	text_puts(&body, "\"}}}");
	made = make(stripe, NULL, text_string(&body), false);
	ok(made.session.len == 256, "256 bytes are not too long");
	free_made(&made);
	text_free(&body);
}

static bool
same(const struct made *a, const struct made *b)
{
	const struct sender_identity *i = &a->identity, *j = &b->identity;

	return i->kind == j->kind && i->kind != SENDER_IS_NEW &&
	    (memcmp(i->key, j->key, sizeof(i->key)) == 0 ||
	    (i->id_is_signed && memcmp(i->id_key, j->id_key,
	    sizeof(i->id_key)) == 0));
}

static void
check_identity(const char *what, const char *sender, const char *name,
    const char *first, const char *second, const char *body1,
    const char *body2, bool expected)
{
	const char *const headers1[] = { name, first, NULL };
	const char *const headers2[] = { name, second, NULL };
	struct made a = make(source_find_path(sender), headers1, body1, false);
	struct made b = make(source_find_path(sender), headers2, body2, false);

	ok(same(&a, &b) == expected, "%s: %s", sender, what);
	free_made(&a);
	free_made(&b);
}

static void
check_identities(void)
{
	static const char *const hub = "X-GitHub-Delivery";
	static const char *const grafana = "X-Grafana-Alerting-Timestamp";

	check_identity("the same", "github", hub, "1", "1", "{\"a\":1}",
	    "{\"a\":1}", true);
	check_identity("another id", "github", hub, "1", "2", "{\"a\":1}",
	    "{\"a\":1}", true);
	check_identity("other bytes under one id", "github", hub, "1", "1",
	    "{\"a\":1}", "{\"a\":2}", false);
	check_identity("other bytes under a signed id", "svix", "svix-id",
	    "1", "1", "{\"a\":1}", "{\"a\":2}", true);
	check_identity("another signed id", "svix", "svix-id", "1", "2",
	    "{\"a\":1}", "{\"a\":1}", false);
	check_identity("other bytes under an id in the body", "stripe", NULL,
	    NULL, NULL, "{\"id\":\"e\",\"pending\":1}",
	    "{\"id\":\"e\",\"pending\":2}", true);
	check_identity("no id in the body", "slack", NULL, NULL, NULL,
	    "{\"type\":\"block_actions\"}", "{\"type\":\"block_actions\"}",
	    true);
	check_identity("the time of sending alone", "linear",
	    "Linear-Delivery", "1", "2", "{\"a\":1,\"webhookTimestamp\":1}",
	    "{\"a\":1,\"webhookTimestamp\":2}", true);
	check_identity("more than the time of sending", "linear",
	    "Linear-Delivery", "1", "1", "{\"a\":1,\"webhookTimestamp\":1}",
	    "{\"a\":2,\"webhookTimestamp\":2}", false);
	check_identity("a repeat", "alertmanager", NULL, NULL, NULL,
	    "{\"a\":1}", "{\"a\":1}", false);
	check_identity("a repeat", "grafana", NULL, NULL, NULL, "{\"a\":1}",
	    "{\"a\":1}", false);
	check_identity("the same time", "grafana", grafana, "5", "5",
	    "{\"a\":1}", "{\"a\":1}", true);
	check_identity("another time", "grafana", grafana, "5", "6",
	    "{\"a\":1}", "{\"a\":1}", false);
	check_identity("the same", "gitlab-token", "Idempotency-Key", "1",
	    "1", "{\"a\":1}", "{\"a\":1}", true);
	check_identity("another id", "gitlab-token", "Idempotency-Key", "1",
	    "2", "{\"a\":1}", "{\"a\":1}", false);
	check_identity("other bytes", "gitlab-token", "Idempotency-Key", "1",
	    "1", "{\"a\":1}", "{\"a\":2}", false);
}

#define REVIEW(action, more) "{\"action\":\"" action "\"" more "," \
	"\"workflow_run\":{\"id\":12},\"reviewers\":[]," REPOSITORY

static void
check_approvals(void)
{
	static const struct {
		const char *body;
		const char *type;
		const char *payload; /* NULL: not looked at */
	} cases[] = {
		{ REVIEW("requested", ",\"environment\":\"prod\""),
		  "approval_requested",
		  "{\"requestId\":\"12/prod\",\"action\":\"deploy to prod\","
		  "\"params\":{\"repository\":\"octo/hello\","
		  "\"environment\":\"prod\",\"run\":12},"
		  "\"urgency\":\"normal\"}" },
		{ REVIEW("approved", ",\"workflow_job_run\":{\"environment\":"
		  "\"prod\"},\"approver\":{\"login\":\"ann\"},\"comment\":"
		  "\"Go\""), "approval_granted", "{\"requestId\":\"12/prod\","
		  "\"action\":\"deploy to prod\",\"decidedBy\":\"ann\","
		  "\"reason\":\"Go\"}" },
		{ REVIEW("rejected", ",\"workflow_job_run\":{\"environment\":"
		  "\"prod\"},\"comment\":\"\""), "approval_denied",
		  "{\"requestId\":\"12/prod\",\"action\":\"deploy to prod\","
		  "\"decidedBy\":\"octo-user\"}" },
		{ REVIEW("approved", ",\"environment\":\"prod\""), "custom",
		  NULL }, /* nobody approved */
		{ REVIEW("approved", ",\"approver\":{\"login\":\"ann\"}"),
		  "custom", NULL }, /* no environment */
		{ REVIEW("requested", ",\"environment\":\"a\\nb\""),
		  "custom", NULL },
		{ REVIEW("requested", ",\"environment\":\"a\","
		  "\"workflow_job_runs\":[{\"environment\":\"a\"},"
		  "{\"environment\":\"b\"}]"), "custom", NULL },
		{ REVIEW("opened", ",\"environment\":\"prod\""), "custom",
		  NULL },
		{ "{\"action\":\"requested\",\"environment\":\"prod\","
		  "\"reviewers\":[]," REPOSITORY, "custom", NULL },
		{ "{\"action\":\"requested\",\"environment\":\"prod\","
		  "\"workflow_run\":{\"id\":12}," REPOSITORY, "custom", NULL },
	};
	static const char *const headers[] = { "X-GitHub-Event",
		"deployment_review", NULL };
	static const char *const others[] = { "X-GitHub-Event", "star", NULL };
	const struct source *github = source_find_path("github");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made made = make(github, i % 2 == 0 ? headers : others,
		    cases[i].body, true);
		ok(strcmp(made.type, cases[i].type) == 0 &&
		    (cases[i].payload == NULL || strcmp(cases[i].payload,
		    text_string(&made.payload)) == 0), "%s of %s",
		    cases[i].type, cases[i].body);
		free_made(&made);
		made = make(github, headers, cases[i].body, false);
		ok(strcmp(made.type, "custom") == 0, "custom when off");
		free_made(&made);
	}
	for (int i = 0; i < SOURCES; i++)
		ok(sources[i].approval == NULL ||
		    (sources[i].algorithm != SOURCE_TOKEN &&
		    sources[i].signature_required),
		    "%s: approvals only where they are signed",
		    sources[i].name);
}

static void
check_handshakes(void)
{
	struct json_object *body = parse("{\"event\":\"endpoint."
	    "url_validation\",\"payload\":{\"plainToken\":"
	    "\"qgg8vlvZRS6UYooatFL8Aw\"}}");
	struct text answer = TEXT_EMPTY;

	ok(source_find_path("zoom")->handshake(body, "secret", &answer),
	    "zoom asks");
	/* printf qgg8… | openssl dgst -sha256 -hmac secret */
	ok(is(&answer, "{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\","
	    "\"encryptedToken\":\"72cef096bfd47c0b8664df30d07721641e4abd7e88"
	    "5ba432204260db477a9a3e\"}"), "zoom's answer");
	json_object_put(body);
	body = parse("{\"event\":\"meeting.started\",\"payload\":"
	    "{\"plainToken\":\"x\"}}");
	ok(!source_find_path("zoom")->handshake(body, "secret", &answer),
	    "zoom tells");
	json_object_put(body);
	body = parse("{\"type\":\"event_callback\",\"challenge\":\"x\"}");
	ok(!source_find_path("slack")->handshake(body, "secret", &answer),
	    "slack tells");
	json_object_put(body);
	text_free(&answer);
}

/* The table: each row says what it must, and no two have one name. */
static void
check_table(void)
{
	for (int i = SOURCE_SENDER; i < SOURCES; i++) {
		const struct source *s = &sources[i];
		size_t keep = 0;
		bool unique = true;
		for (int n = 0; n < i; n++)
			unique &= strcmp(sources[n].name, s->name) != 0;
		while (s->keep != NULL && s->keep[keep] != NULL)
			keep++;
		ok(unique && source_has_path(s) && keep < 256 &&
		    s->signature_headers[0] != NULL &&
		    (s->algorithm == SOURCE_TOKEN) ==
		    (s->signed_text == NULL) &&
		    (s->timestamp == NULL) == (s->window_s == 0) &&
		    (s->timestamp == NULL || locator_read(s->timestamp).place
		    == LOCATOR_BODY || strstr(s->signed_text, "{timestamp}")
		    != NULL) && (s->delivery_id == NULL ||
		    locator_is_valid('l', s->delivery_id)) &&
		    locator_is_valid('p', s->event) && (s->session == NULL) ==
		    (s->session_of != NULL) && (s->session == NULL ||
		    locator_is_valid('f', s->session)) &&
		    s->signature_required, "the row of %s", s->name);
	}
	ok(source_find("github", NULL, list_header, NULL) == NULL,
	    "a body names no sender that has a path");
	ok(source_find_path("generic") == NULL &&
	    source_find_path("nobody") == NULL, "no path for these");
	ok(source_owns_session(source_find_path("github"), "github:x") &&
	    !source_owns_session(source_find_path("github"), "github") &&
	    !source_owns_session(source_find_path("gitlab"),
	    "gitlab-token:x"), "whose a session is");
}

/* Whether doc/senders.md has a printed text in it. */
static bool
is_in_document(struct text *printed)
{
	const char *top = getenv("SOURCE_DIR");
	struct text document = TEXT_EMPTY;
	char path[512], buffer[4096];
	size_t got;

	snprintf(path, sizeof(path), "%s/doc/senders.md", top == NULL ? "." :
	    top);
	FILE *file = fopen(path, "r");
	while (file != NULL &&
	    (got = fread(buffer, 1, sizeof(buffer), file)) > 0)
		text_add(&document, buffer, got);
	if (file != NULL)
		fclose(file);
	bool found = strstr(text_string(&document), text_string(printed)) !=
	    NULL;
	text_free(&document);
	text_free(printed);
	return found;
}

static void
check_print(void)
{
	struct text text = TEXT_EMPTY;

	source_print(&text);
	ok(strstr(text_string(&text), "| vercel | HMAC-SHA-1 | "
	    "`x-vercel-signature` | | | `hex` | `{body}` | | | `text` | "
	    "`b:id` | `b:type` |") != NULL && is_in_document(&text),
	    "the table, in doc/senders.md too");
	own_sender_print(&text);
	ok(is_in_document(&text), "the columns of one's own, there too");
}

/* printf '{}' | openssl dgst -sha256 -hmac secret, with and without its last
 * two digits. */
#define SIGNATURE SIGNATURE_62 "13"
#define SIGNATURE_62 "77325902caca812dc259733aacd046b7" \
	"3817372c777b8d95b402647474516e"

/* The verdict on a header, with the secret "secret". */
static void
check_header_of(const char *body, const char *name, const char *value,
    enum scheme_verdict verdict)
{
	static const char *const secrets[SCHEME_SECRETS] = { "secret" };
	const struct source *source = source_named(name);
	struct scheme_result result;
	const char *const headers[] = { source->signature_headers[0], value,
		NULL };
	const struct scheme_delivery delivery = { source, list_header,
		headers, body, strlen(body), secrets, 300, 1785600000000 };
	ok(scheme_verify(&delivery, &result) == verdict, "%s: '%s' of %s",
	    name, value, body);
}

static void
check_header(const char *name, const char *value, enum scheme_verdict verdict)
{
	check_header_of("{}", name, value, verdict);
}

static void
check_headers(void)
{
	check_header("github", "sha256=" SIGNATURE, SCHEME_GOOD);
	check_header("github", " sha256=" SIGNATURE "\t", SCHEME_GOOD);
	check_header("github", SIGNATURE, SCHEME_MALFORMED);
	check_header("github", "sha256=" SIGNATURE "00", SCHEME_MALFORMED);
	check_header("github", "sha256=" SIGNATURE_62, SCHEME_MALFORMED);
	check_header("github", "sha256=" SIGNATURE_62 "13 ", SCHEME_GOOD);
	check_header("github", "sha256=" SIGNATURE_62 "14", SCHEME_MISMATCH);
	check_header("github", "sha256= " SIGNATURE, SCHEME_MALFORMED);
	check_header("github", "sha1=" SIGNATURE, SCHEME_MALFORMED);
	check_header("github", "SHA256=" SIGNATURE, SCHEME_MALFORMED);
	check_header("github", "sha256=" SIGNATURE ",sha256=00", SCHEME_MALFORMED);
	check_header("gitea", SIGNATURE, SCHEME_GOOD);
	check_header("gitea", "sha256=" SIGNATURE, SCHEME_MALFORMED);
	check_header_of("payload=%7B%7D", "gitea", SIGNATURE, SCHEME_GOOD);
	check_header_of("payload=%7B%7D&x=1", "gitea", SIGNATURE,
	    SCHEME_GOOD);
	check_header_of("other=%7B%7D", "gitea", SIGNATURE, SCHEME_MISMATCH);
	check_header_of("payload=%7B%7D", "github", "sha256=" SIGNATURE,
	    SCHEME_MISMATCH);
	check_header("generic", SIGNATURE, SCHEME_GOOD);
	check_header("generic", "sha256=" SIGNATURE, SCHEME_GOOD);
	check_header("formbridge", " sha256=" SIGNATURE " ", SCHEME_GOOD);
	check_header("agentgate", SIGNATURE, SCHEME_GOOD);
	check_header("pagerduty", "v1=00,v1=" SIGNATURE, SCHEME_GOOD);
	check_header("pagerduty", "v1=" SIGNATURE ",v1=00", SCHEME_GOOD);
	check_header("pagerduty", "v2=" SIGNATURE, SCHEME_MALFORMED);
	check_header("pagerduty", "v1=, v1=" SIGNATURE, SCHEME_GOOD);
	check_header("slack", "v0=" SIGNATURE, SCHEME_MISSING);
	check_header("stripe", "t=,v1=" SIGNATURE, SCHEME_MALFORMED);
	check_header("stripe", "t=1e9,v1=" SIGNATURE, SCHEME_MALFORMED);
	check_header("stripe", "t=-5,v1=" SIGNATURE, SCHEME_MALFORMED);
	check_header("stripe", "t=9999999999999999999,v1=" SIGNATURE,
	    SCHEME_MALFORMED);
	check_header("stripe", "v1=" SIGNATURE, SCHEME_MISSING);
	check_header("stripe", "t=1785600000,v1=" SIGNATURE, SCHEME_MISMATCH);
	check_header("alertmanager", "bearer secret", SCHEME_GOOD);
	check_header("alertmanager", "Bearer secret ", SCHEME_MISMATCH);
	check_header("alertmanager", "Basic secret", SCHEME_MALFORMED);
	check_header("gitlab-token", "secret", SCHEME_GOOD);
	check_header("gitlab-token", "Secret", SCHEME_MISMATCH);
}

int
main(void)
{
	if (digest_init() != 0)
		return 69;
	check_table();
	check_print();
	check_headers();
	check_events();
	check_whose();
	check_names();
	check_identities();
	check_approvals();
	check_handshakes();
	return tap_end();
}
