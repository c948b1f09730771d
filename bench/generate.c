/*
 * generate: makes a file of events as it looks after long use: valid chains,
 * signed deliveries with their keys, bodies like those of bodies.mjs.
 *
 * usage: generate DATABASE EVENTS SESSIONS
 *
 * It goes through the program's own store, so that the file has the layout
 * that the program writes, in large transactions.  Session n has the name
 * that bodies.mjs gives it, so that a later load goes on with these chains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "settings.h"
#include "store/record.h"

#define SECRET "bench-secret-0123456789abcdef"
#define EVENTS_PER_COMMIT 20000

static void
die(const char *what)
{
	fprintf(stderr, "generate: %s failed\n", what);
	exit(1);
}

/* "sess_" and the first 24 digits of SHA-256("session <n>"): names that lie
 * anywhere in an index, as real ones do. */
static void
name_session(char session[EVENT_SESSION_SIZE], unsigned long n)
{
	unsigned char digest[DIGEST_BYTES];
	char text[32], hex[DIGEST_HEX_SIZE];
	const struct iovec part = { text,
		(size_t)snprintf(text, sizeof(text), "session %lu", n) };

	if (digest_sha256(&part, 1, digest) != 0)
		die("SHA-256");
	hex_write(digest, DIGEST_BYTES, hex);
	snprintf(session, EVENT_SESSION_SIZE, "sess_%.24s", hex);
}

static size_t
write_body(char *body, size_t size, unsigned long n, const char *session,
    int64_t time)
{
	return (size_t)snprintf(body, size,
	    "{\"event\":\"request.approved\",\"data\":{\"request\":{"
	    "\"id\":\"req_file_%09lu\",\"action\":\"send_email\","
	    "\"params\":{\"to\":\"customer%lu@example.com\","
	    "\"subject\":\"Your order is on its way\",\"amount\":1234.5},"
	    "\"context\":{\"agentlens_session_id\":\"%s\","
	    "\"agentlens_agent_id\":\"agent-mailer\"},"
	    "\"status\":\"approved\",\"urgency\":\"normal\","
	    "\"createdAt\":\"2026-01-01T00:00:00.000Z\","
	    "\"decidedAt\":\"2026-01-01T00:00:05.000Z\","
	    "\"decidedBy\":\"alice@example.com\","
	    "\"decisionReason\":\"Known recipient\"}},"
	    "\"timestamp\":%lld}", n, n, session, (long long)time);
}

/* What the program's own steps make of that body. */
static void
convert(struct conversion *conversion, struct json_object **json,
    const char *body, size_t len)
{
	struct json_error error;
	struct refusal refusal;

	*conversion = (struct conversion){ 0 };
	if (json_read(body, len, json, &error) != 0 ||
	    delivery_convert(conversion, &sources[SOURCE_AGENTGATE], *json,
	    true, "default", &refusal) != REFUSAL_NONE)
		die("mapping a body");
}

static void
append(struct engine *engine, unsigned long n, unsigned long sessions)
{
	const struct source *source = &sources[SOURCE_AGENTGATE];
	char body[1024], session[EVENT_SESSION_SIZE];
	char signature[DIGEST_HEX_SIZE];
	unsigned char digest[DIGEST_BYTES];
	struct outcome outcome;
	struct conversion conversion;
	struct json_object *json;
	int64_t now = timestamp_now();

	name_session(session, n % sessions);
	struct delivery delivery = {
		.source = source,
		.remote_addr = "127.0.0.1",
		.signature = signature,
		.body = body,
		.body_len = write_body(body, sizeof(body), n, session, now),
		.sent_at = now,
		.has_key = true,
		.event = &conversion.event,
	};
	convert(&conversion, &json, body, delivery.body_len);
	if (digest_hmac_sha256(SECRET, strlen(SECRET), body,
	    delivery.body_len, digest) != 0 ||
	    delivery_key(source, body, delivery.body_len, delivery.key) != 0)
		die("libgcrypt");
	hex_write(digest, DIGEST_BYTES, signature);
	record_append(engine, &delivery, &outcome);
	if (!outcome.recorded)
		die("recording an event");
	conversion_free(&conversion);
	json_object_put(json);
}

int
main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("usage: generate DATABASE EVENTS SESSIONS\n", stderr);
		return 64;
	}
	const struct settings settings = {
		.db_path = argv[1],
		.journal = SETTINGS_JOURNAL_WAL,
		.synchronous = SETTINGS_SYNCHRONOUS_NORMAL,
		.file_mode = 0600,
		.busy_ms = 1000,
	};
	unsigned long events = strtoul(argv[2], NULL, 10);
	unsigned long sessions = strtoul(argv[3], NULL, 10);
	struct engine *engine;

	if (digest_init() != 0 ||
	    (engine = engine_open(&settings, false)) == NULL)
		die("opening the database");
	for (unsigned long n = 0; n < events; n++) {
		if (n % EVENTS_PER_COMMIT == 0 && engine_begin(engine,
		    timestamp_monotonic() + settings.busy_ms) != REFUSAL_NONE)
			die("beginning");
		append(engine, n, sessions == 0 ? events : sessions);
		if ((n % EVENTS_PER_COMMIT == EVENTS_PER_COMMIT - 1 ||
		    n == events - 1) &&
		    engine_end(engine, REFUSAL_NONE) != REFUSAL_NONE)
			die("committing");
	}
	engine_close(engine);
	return 0;
}
