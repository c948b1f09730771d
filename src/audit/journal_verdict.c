/* What a check of the journal found, in words. */
#include "audit/journal_check.h"

static const struct {
	const char *name;
	const char *sentence;
} words[JOURNAL_FAULTS] = {
	[JOURNAL_FAULT_NUMBER] = { "number",
	    "its number is not above the one before, or none" },
	[JOURNAL_FAULT_MISSING] = { "missing", "entries before it are missing" },
	[JOURNAL_FAULT_VALUE] = { "value",
	    "its row has a value that was never written there" },
	[JOURNAL_FAULT_LINK] = { "link",
	    "its link does not fit: it, or the link before it, was changed" },
	[JOURNAL_FAULT_TURN] = { "turn", "it is not its writer's next entry" },
	[JOURNAL_FAULT_WRITER] = { "writer",
	    "its writer does not begin with an entry that opens its key" },
	[JOURNAL_FAULT_OPENED] = { "opened",
	    "it opens a key for another beginning, or another writer's" },
	[JOURNAL_FAULT_CLOSED] = { "closed",
	    "its writer's key was closed before it" },
	[JOURNAL_FAULT_HANDOVER] = { "handover",
	    "the key that an entry closed for another is not opened" },
	[JOURNAL_FAULT_GAP] = { "gap",
	    "the lost turns that it names are not those that are missing" },
	[JOURNAL_FAULT_FAR] = { "far",
	    "it skips more turns than can be checked" },
	[JOURNAL_FAULT_MANY] = { "many", "there are too many writers" },
	[JOURNAL_FAULT_OF] = { "of", "what it accepts is not before it" },
	[JOURNAL_FAULT_RECORD] = { "record",
	    "the key record does not fit the journal: it was changed" },
	[JOURNAL_FAULT_MARK] = { "mark", "an end mark does not fit" },
	[JOURNAL_FAULT_ROOT] = { "root",
	    "up to here it is not what the checkpoint has" },
	[JOURNAL_FAULT_SHORT] = { "short",
	    "the journal ends before the checkpoint" },
	[JOURNAL_FAULT_NO_ENTRY] = { "no-entry",
	    "there is no entry under a key that was given" },
};

const char *
journal_fault_name(enum journal_fault_code code)
{
	return words[code].name;
}

void
journal_fault_write(const struct journal_fault *fault, struct text *out)
{
	text_printf(out, "entry %lld", (long long)fault->number);
	if (fault->keyed)
		text_printf(out, " (writer %016llx)",
		    (unsigned long long)fault->writer);
	text_printf(out, ": %s", words[fault->code].sentence);
	if (fault->code == JOURNAL_FAULT_MISSING)
		text_printf(out, ", %lld to %lld", (long long)fault->expected,
		    (long long)fault->found);
	else if (fault->expected != 0 || fault->found != 0)
		text_printf(out, " (%lld expected, %lld found)",
		    (long long)fault->expected, (long long)fault->found);
}

bool
journal_verdict_has_reservation(const struct journal_verdict *verdict)
{
	return verdict->lost > 0 || verdict->open_ends > 0 ||
	    verdict->not_vouched > 0 || verdict->not_keyed > 0 ||
	    verdict->gaps > 0;
}

void
journal_verdict_write(const struct journal_verdict *verdict, struct text *out)
{
	if (verdict->lost > 0)
		text_printf(out, ", LOST %lld", (long long)verdict->lost);
	if (verdict->open_ends > 0)
		text_puts(out, ", OPEN END");
	if (verdict->not_vouched > 0)
		text_puts(out, ", NOT VOUCHED");
	if (verdict->not_keyed > 0)
		text_puts(out, ", NOT KEYED");
	for (int i = 0; i < verdict->gaps && i < JOURNAL_CHECK_GAPS_MAX; i++)
		text_printf(out, ", GAP %lld",
		    (long long)verdict->gap_numbers[i]);
	if (verdict->gaps > JOURNAL_CHECK_GAPS_MAX)
		text_printf(out, " and %lld more",
		    (long long)(verdict->gaps - JOURNAL_CHECK_GAPS_MAX));
}
