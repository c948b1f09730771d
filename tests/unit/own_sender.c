/*
 * Senders of one's own, from inside: the settings, what is wrong with them,
 * and what a row made of them does.
 */
#include "tests/unit/sender_test.h"
#include "webhook/own_sender.h"
#include "webhook/scheme.h"

/* Adds "NAME=value" lines, closed by NULL.  Returns the error, or NULL. */
static const char *
own(struct own_senders *senders, const char *const *lines)
{
	static char error[OWN_SENDER_ERROR_SIZE];

	*senders = (struct own_senders){ 0 };
	for (; *lines != NULL; lines++) {
		char name[128];
		size_t len = strcspn(*lines, "=");
		snprintf(name, sizeof(name), "%.*s", (int)len, *lines);
		if (own_senders_add(senders, name, *lines + len + 1,
		    error) != 0)
			return error;
	}
	return own_senders_finish(senders, error) == 0 ? NULL : error;
}

#define GOOD_LINES "SENDER_ACME_SIGNATURE_HEADER=X-Acme-Signature", \
	"SENDER_ACME_SECRET=acme-secret"

static void
check_own_errors(void)
{
	static const struct {
		const char *lines[5];
		const char *error;
	} cases[] = {
		{ { "SENDER_ACME_COLOUR=red" }, "SENDER_ACME_COLOUR" },
		{ { "SENDER_SECRET=x" }, "SENDER_SECRET names no sender" },
		{ { "SENDER__SECRET=x" }, "SENDER__SECRET names no sender" },
		{ { "SENDER_acme_SECRET=x" }, "names no sender" },
		{ { "SENDER_GITHUB_SECRET=x" }, "github is taken" },
		{ { "SENDER_GITLAB_TOKEN_SECRET=x" },
		  "gitlab-token is taken" },
		{ { "SENDER_GENERIC_SECRET=x" }, "generic is taken" },
		{ { "SENDER_HEALTH_SECRET=x" }, "health is taken" },
		{ { "SENDER_ACME_SECRET=x" },
		  "SENDER_ACME_SIGNATURE_HEADER is not set" },
		{ { "SENDER_ACME_SIGNATURE_HEADER=X-A" },
		  "SENDER_ACME_SECRET is not set" },
		{ { "SENDER_ACME_SIGNATURE_HEADER=X A",
		  "SENDER_ACME_SECRET=x" }, "SENDER_ACME_SIGNATURE_HEADER" },
		{ { GOOD_LINES, "SENDER_ACME_ENCODING=base65" },
		  "SENDER_ACME_ENCODING must be one of: hex, base64" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={timestamp}" },
		  "SENDER_ACME_SIGNED must have {body}" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={body}.{nonce}" },
		  "SENDER_ACME_SIGNED: {nonce}" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={body" },
		  "SENDER_ACME_SIGNED" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={timestamp}.{body}" },
		  "SENDER_ACME_TIMESTAMP is not set" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={id}.{body}" },
		  "SENDER_ACME_ID must be" },
		{ { GOOD_LINES, "SENDER_ACME_TIMESTAMP=h:X-Time" },
		  "SENDER_ACME_TIMESTAMP" },
		{ { GOOD_LINES, "SENDER_ACME_TIMESTAMP=X-Time" },
		  "SENDER_ACME_TIMESTAMP must be" },
		{ { GOOD_LINES, "SENDER_ACME_SIGNED={timestamp}.{body}",
		  "SENDER_ACME_TIMESTAMP=s:t=" },
		  "SENDER_ACME_DELIMITER is not set" },
		{ { GOOD_LINES, "SENDER_ACME_WINDOW_S=five" },
		  "SENDER_ACME_WINDOW_S must be" },
		{ { GOOD_LINES, "SENDER_ACME_WINDOW_S=0" },
		  "SENDER_ACME_WINDOW_S must be" },
		{ { GOOD_LINES, "SENDER_ACME_EVENT=type" },
		  "SENDER_ACME_EVENT must be" },
		{ { GOOD_LINES, "SENDER_ACME_SESSION={a" },
		  "SENDER_ACME_SESSION must be" },
		{ { GOOD_LINES, "SENDER_ACME_KEEP=," },
		  "SENDER_ACME_KEEP" },
		{ { GOOD_LINES, "SENDER_ACME_KEY=whsec" },
		  "SENDER_ACME_SECRET must be base 64" },
		{ { GOOD_LINES, "SENDER_ACME_ALGORITHM=md5" },
		  "SENDER_ACME_ALGORITHM must be one of" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *lines[6] = { 0 };
		struct own_senders senders;
		memcpy(lines, cases[i].lines, sizeof(cases[i].lines));
		const char *error = own(&senders, lines);
		ok(error != NULL && strstr(error, cases[i].error) != NULL,
		    "%s", error == NULL ? cases[i].error : error);
		own_senders_free(&senders);
	}
}

static const char *const acme_lines[] = {
	GOOD_LINES,
	"SENDER_ACME_SECRET_PREVIOUS=acme-old",
	"SENDER_ACME_SIGNED=v1:{timestamp}.{body}",
	"SENDER_ACME_TIMESTAMP=h:X-Acme-Time ms",
	"SENDER_ACME_PREFIX=sig=",
	"SENDER_ACME_DELIMITER=,",
	"SENDER_ACME_ENCODING=base64",
	"SENDER_ACME_ALGORITHM=HMAC-SHA-256",
	"SENDER_ACME_ID=b:meta.id",
	"SENDER_ACME_EVENT=h:X-Acme-Event + b:action",
	"SENDER_ACME_SESSION=b:meta.order",
	"SENDER_ACME_AGENT=b:meta.bot",
	"SENDER_ACME_KEEP=meta, b:action",
	"SENDER_ACME_TENANT_ID=team",
	"SENDER_BIG_CO_SIGNATURE_HEADER=X-Sig",
	"SENDER_BIG_CO_SECRET=s",
	"SENDER_ACME_SECRET=not this one, which comes later",
	NULL
};

static void
check_own_row(void)
{
	static const char body[] = "{\"action\":\"paid\",\"meta\":{\"id\":\"9\","
	    "\"order\":\"A1\",\"bot\":\"b7\"},\"more\":1}";
	struct own_senders senders;
	const char *error = own(&senders, acme_lines);

	ok(error == NULL, "settings of two senders: %s",
	    error == NULL ? "good" : error);
	const struct own_sender *acme = own_senders_find(&senders, "acme");
	ok(acme != NULL && senders.count == 2 && own_senders_find(&senders, "big-co") != NULL &&
	    own_senders_find(&senders, "big_co") == NULL && strcmp(
	    acme->values[OWN_SENDER_SECRET], "acme-secret") == 0,
	    "both are found by their paths");

	struct text header = TEXT_EMPTY;
	text_puts(&header, "sig=AAAA,");
	scheme_sign(&acme->row, "acme-old", NULL, "1785600000123", body,
	    strlen(body), &header);
	const char *const headers[] = { "X-Acme-Signature",
		text_string(&header), "X-Acme-Time", "1785600000123",
		"X-Acme-Event", "order", NULL };
	const char *const secrets[] = { acme->values[OWN_SENDER_SECRET],
		acme->values[OWN_SENDER_SECRET_PREVIOUS] };
	struct scheme_delivery delivery = { &acme->row, list_header, headers,
		body, strlen(body), secrets, 300, 1785600300000 };
	struct scheme_result result;
	ok(scheme_verify(&delivery, &result) == SCHEME_GOOD &&
	    result.secret == 1, "its signature, by the previous secret");
	delivery.now += 1000;
	ok(scheme_verify(&delivery, &result) == SCHEME_STALE,
	    "a second later it is stale");

	struct made made = make(&acme->row, headers, body, true);
	ok(strcmp(text_string(&made.name), "acme.order.paid") == 0 &&
	    strcmp(text_string(&made.session), "acme:A1") == 0 &&
	    strcmp(text_string(&made.agent), "b7") == 0 &&
	    strcmp(text_string(&made.payload), "{\"type\":\"acme.order.paid\""
	    ",\"data\":{\"action\":\"paid\",\"meta\":{\"id\":\"9\",\"order\":"
	    "\"A1\",\"bot\":\"b7\"}}}") == 0 &&
	    made.identity.kind == SENDER_KNOWN_BY_ID, "its event: %s",
	    text_string(&made.payload));
	free_made(&made);
	made = make(&own_senders_find(&senders, "big-co")->row, NULL, body,
	    false);
	ok(strcmp(text_string(&made.name), "big-co.unknown") == 0 &&
	    strstr(text_string(&made.payload), "\"more\":1") != NULL,
	    "all of the body where nothing is named");
	free_made(&made);
	text_free(&header);
	own_senders_free(&senders);
}

int
main(void)
{
	if (digest_init() != 0)
		return 69;
	check_own_errors();
	check_own_row();
	return tap_end();
}
