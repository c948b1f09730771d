/* agentlens-log verify: prints what audit/verify.h finds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentlens-log/record.h"
#include "agentlens-log/seals.h"
#include "agentlens-log/terminal.h"
#include "audit/verify.h"

#define PROGRESS_MS 250

/* Bytes before and after the first difference of two texts. */
#define BEFORE 24
#define AFTER 56

static struct seals_options given;

static const struct option_row options[] = {
	{ "seal", 's', "FILE", "prove that what is sealed there is still here",
	    OPTION_TEXT, &given.seal },
	{ "key", 'k', "FILE", "check the seal's HMAC with the key of this "
	    "file", OPTION_TEXT, &given.key },
	{ 0 }
};

static struct seals seals;

/* --- Progress ------------------------------------------------------------- */

static struct {
	bool shown;
	int64_t last_ms;
	int64_t started;
} progress;

static void
show_progress(int64_t events)
{
	int64_t now = timestamp_monotonic();

	if (!isatty(STDERR_FILENO) || now - progress.last_ms < PROGRESS_MS)
		return;
	int64_t spent = now - progress.started + 1;
	fprintf(stderr, "\r%" PRId64 " events, %" PRId64 " a second\033[K",
	    events, events * 1000 / spent);
	progress.last_ms = now;
	progress.shown = true;
}

static void
end_progress(void)
{
	if (progress.shown)
		fputs("\r\033[K", stderr);
	progress.shown = false;
}

/* --- Findings ------------------------------------------------------------- */

struct shown_finding {
	struct finding finding;
	int64_t position; /* in its session, or COLUMN_NO_NUMBER */
};

static const struct record_field finding_fields[] = {
	RECORD_FIELD("fault", RECORD_TEXT, shown_finding, finding.reason),
	RECORD_FIELD("tenantId", RECORD_TEXT, shown_finding, finding.tenant_id),
	RECORD_FIELD("sessionId", RECORD_TEXT, shown_finding,
	    finding.session_id),
	RECORD_FIELD("position", RECORD_OPTIONAL_NUMBER, shown_finding,
	    position),
	RECORD_FIELD("eventId", RECORD_TEXT, shown_finding, finding.event_id),
	RECORD_FIELD("table", RECORD_TEXT, shown_finding, finding.table),
	RECORD_FIELD("field", RECORD_TEXT, shown_finding, finding.field),
	RECORD_FIELD("expected", RECORD_TEXT, shown_finding, finding.expected),
	RECORD_FIELD("found", RECORD_TEXT, shown_finding, finding.found),
	{ 0 }
};

/* Prints a text; of a long one the part that begins shortly before byte
 * `from`. */
static void
print_part(const char *title, const char *text, size_t from)
{
	struct text part = TEXT_EMPTY;
	size_t len = text == NULL ? 0 : strlen(text);
	size_t begin = from > BEFORE && len > BEFORE + AFTER ?
	    from - BEFORE : 0;
	size_t count = len - begin > BEFORE + AFTER ? BEFORE + AFTER :
	    len - begin;

	text_add(&part, text == NULL ? "nothing" : text + begin,
	    text == NULL ? strlen("nothing") : count);
	printf("    %s%s", title, begin > 0 ? "…" : "");
	terminal_print(TERMINAL_PLAIN, text_string(&part));
	printf("%s\n", begin + count < len ? "…" : "");
	text_free(&part);
}

static void
print_difference(const char *expected, const char *found)
{
	size_t same = 0;

	if (expected == NULL && found == NULL)
		return;
	while (expected != NULL && found != NULL && expected[same] != '\0' &&
	    expected[same] == found[same])
		same++;
	print_part("should be  ", expected, same);
	print_part("is         ", found, same);
}

static void
print_where(const struct shown_finding *shown)
{
	const struct finding *f = &shown->finding;

	if (f->session_id == NULL) {
		printf("  the file");
	} else {
		printf("  session ");
		terminal_print(TERMINAL_BOLD, f->session_id);
		if (f->tenant_id != NULL &&
		    strcmp(f->tenant_id, "default") != 0) {
			printf(" of ");
			terminal_print(TERMINAL_PLAIN, f->tenant_id);
		}
	}
	if (shown->position != COLUMN_NO_NUMBER)
		printf(", position %" PRId64, shown->position);
	if (f->event_id != NULL) {
		printf(", event ");
		terminal_print(TERMINAL_BOLD, f->event_id);
	}
}

static void
print_finding(const struct context *context, const void *record)
{
	const struct shown_finding *shown = record;
	const struct finding *f = &shown->finding;

	(void)context;
	terminal_print(TERMINAL_BAD, "BROKEN");
	print_where(shown);
	printf(":\n    ");
	if (f->field != NULL)
		printf("%s.%s: ", f->table, f->field);
	else if (f->table != NULL)
		printf("%s: ", f->table);
	terminal_print(TERMINAL_PLAIN, f->reason);
	printf("\n");
	print_difference(f->expected, f->found);
}

static void
show_finding(void *context, const struct finding *finding, int64_t position)
{
	static const struct record_type type = {
		.fields = finding_fields,
		.print = print_finding,
	};
	const struct shown_finding shown = { *finding, position > 0 ? position :
		COLUMN_NO_NUMBER };

	end_progress();
	record_print(context, &type, &shown);
}

/* --- The verdict ---------------------------------------------------------- */

struct verdict {
	struct verify_result result;
	int64_t milliseconds;
	int64_t sealed_events;
	int64_t sealed_deliveries;
	const char *sealed_at; /* NULL: no seal was given */
};

#define NUMBER(name, member) \
	RECORD_FIELD(name, RECORD_NUMBER, verdict, member)

static const struct record_field verdict_fields[] = {
	RECORD_FIELD("sound", RECORD_BOOL, verdict, result.sound),
	NUMBER("events", result.events),
	NUMBER("sessions", result.sessions),
	NUMBER("deliveries", result.deliveries),
	NUMBER("refused", result.refused),
	NUMBER("refusedKnownNow", result.known_now),
	NUMBER("bodiesMapped", result.mapped),
	NUMBER("signaturesChecked", result.signatures),
	NUMBER("signaturesUnchecked", result.unchecked),
	NUMBER("eventsPruned", result.pruned_events),
	NUMBER("bodiesPruned", result.pruned_bodies),
	NUMBER("sessionsHalfPruned", result.half_pruned),
	NUMBER("brokenSessions", result.broken_sessions),
	NUMBER("fileFaults", result.file_findings),
	NUMBER("milliseconds", milliseconds),
	{ 0 }
};

static const struct record_field sealed_fields[] = {
	NUMBER("sealedEvents", sealed_events),
	RECORD_FIELD("sealedAt", RECORD_TEXT, verdict, sealed_at),
	{ 0 }
};

static void
print_verdict(const struct context *context, const void *record)
{
	const struct verdict *v = record;
	const struct verify_result *r = &v->result;

	(void)context;
	printf("%s%s%s  %" PRId64 " events in %" PRId64 " sessions, %" PRId64
	    " deliveries (%" PRId64 " refused)\n",
	    terminal_begin(r->sound ? TERMINAL_GOOD : TERMINAL_BAD),
	    r->sound ? "SOUND" : "BROKEN", terminal_end(), r->events,
	    r->sessions, r->deliveries, r->refused);
	printf("  bodies mapped again  %" PRId64 "\n"
	    "  signatures checked   %" PRId64 "\n", r->mapped, r->signatures);
	if (r->unchecked > 0)
		printf("  signatures without a secret at hand  %" PRId64 "\n",
		    r->unchecked);
	if (r->pruned_events > 0 || r->pruned_bodies > 0)
		printf("  pruned  %" PRId64 " events, %" PRId64 " bodies of "
		    "what is here\n", r->pruned_events, r->pruned_bodies);
	if (r->half_pruned > 0)
		printf("  of %" PRId64 " sessions prune has removed only the "
		    "beginning\n", r->half_pruned);
	if (r->known_now > 0)
		printf("  refused, and known by now  %" PRId64 "\n",
		    r->known_now);
	if (v->sealed_at != NULL)
		printf("  sealed at %s  %" PRId64 " events, %" PRId64
		    " deliveries\n", v->sealed_at, v->sealed_events,
		    v->sealed_deliveries);
	if (!r->sound)
		printf("  broken  %" PRId64 " sessions, %" PRId64 " faults of "
		    "the file\n", r->broken_sessions, r->file_findings);
	printf("  %" PRId64 " events a second\n",
	    r->events * 1000 / (v->milliseconds > 0 ? v->milliseconds : 1));
}

/* --- The command ---------------------------------------------------------- */

static int
prepare(struct context *context)
{
	return seals_read(context, &given, &seals);
}

static int
verify_file(struct context *context, struct database *other,
    struct findings *findings)
{
	const struct record_type type = {
		.fields = verdict_fields,
		.more = seals.seal != NULL ? sealed_fields : NULL,
		.print = print_verdict,
	};
	const struct verify_options verify_options = {
		.settings = context_settings(context, false),
		.seal = seals.seal,
		.on_progress = show_progress,
	};
	struct verdict verdict = { 0 };

	progress.started = timestamp_monotonic();
	if (verify(context->database, other, &verify_options, findings,
	    &verdict.result) != 0 || findings_each(findings,
	    context->database, show_finding, context) != 0)
		return COMMAND_FAILED;
	end_progress();
	verdict.milliseconds = timestamp_monotonic() - progress.started;
	if (seals.seal != NULL) {
		verdict.sealed_at = seals.seal->time;
		verdict.sealed_events = (int64_t)seals.seal->events.size;
		verdict.sealed_deliveries =
		    (int64_t)seals.seal->deliveries.size;
	}
	record_print(context, &type, &verdict);
	return verdict.result.sound ? COMMAND_GOOD : COMMAND_FAULT;
}

static int
run(struct context *context)
{
	struct database *other = context_open(context, COMMAND_READS);
	struct findings *findings = findings_open();
	int code = other == NULL || findings == NULL ? COMMAND_FAILED :
	    verify_file(context, other, findings);

	end_progress();
	database_close(other);
	findings_close(findings);
	seals_free(&seals);
	return code;
}

const struct command command_verify = {
	.name = "verify",
	.usage = "",
	.help = "recompute every chain, and what it came from",
	.options = options,
	.access = COMMAND_READS,
	.prepare = prepare,
	.run = run,
};
