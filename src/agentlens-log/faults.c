#include "faults.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* Beyond these they are only counted. */
#define SESSIONS_MAX 100000
#define FILE_MAX 1000

/* Bytes before and after the first difference of two texts. */
#define BEFORE 24
#define AFTER 56

/* A copy of a fault. */
struct kept {
	enum fault_weight weight;
	char *texts[9]; /* in the order of struct fault */
};

enum { TENANT, SESSION, TIMESTAMP, EVENT, TABLE, FIELD, REASON, EXPECTED,
	FOUND };

struct faults {
	pthread_mutex_t lock;
	void *tree; /* of struct kept, by tenant and session */
	struct kept *file[FILE_MAX];
	int64_t sessions;
	int64_t of_file;
};

/* twalk() passes no context. */
static struct printing {
	struct query *place;
	bool json;
	int result;
} printing;

struct faults *
faults_open(void)
{
	struct faults *faults = calloc(1, sizeof(*faults));

	if (faults != NULL)
		pthread_mutex_init(&faults->lock, NULL);
	return faults;
}

static int
compare_texts(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int
compare(const void *left, const void *right)
{
	const struct kept *a = left, *b = right;
	int result = compare_texts(a->texts[TENANT], b->texts[TENANT]);

	return result != 0 ? result :
	    compare_texts(a->texts[SESSION], b->texts[SESSION]);
}

static void
release(void *data)
{
	struct kept *kept = data;

	if (kept == NULL)
		return;
	for (int i = 0; i <= FOUND; i++)
		free(kept->texts[i]);
	free(kept);
}

static struct kept *
copy(const struct fault *f)
{
	const char *const texts[] = { f->tenant_id, f->session_id,
		f->timestamp, f->event_id, f->table, f->field, f->reason,
		f->expected, f->found };
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept == NULL)
		return NULL;
	kept->weight = f->weight;
	for (int i = 0; i <= FOUND; i++)
		if (texts[i] != NULL &&
		    (kept->texts[i] = strdup(texts[i])) == NULL) {
			release(kept);
			return NULL;
		}
	return kept;
}

/* Whether a is to be told rather than b. */
static bool
is_before(const struct kept *a, const struct kept *b)
{
	if (a->weight != b->weight)
		return a->weight > b->weight;
	int order = compare_texts(a->texts[TIMESTAMP], b->texts[TIMESTAMP]);
	if (order == 0)
		order = compare_texts(a->texts[EVENT], b->texts[EVENT]);
	return order < 0;
}

static void
add(struct faults *faults, const struct fault *fault)
{
	struct kept *kept = copy(fault), **place;

	if (kept == NULL) {
		faults->of_file++;
		return;
	}
	if (fault->session_id == NULL) {
		if (faults->of_file < FILE_MAX)
			faults->file[faults->of_file] = kept;
		else
			release(kept);
		faults->of_file++;
		return;
	}
	place = tfind(kept, &faults->tree, compare);
	if (place != NULL && is_before(kept, *place)) {
		struct kept *old = *place;
		*place = kept;
		release(old);
	} else if (place == NULL && faults->sessions++ < SESSIONS_MAX &&
	    tsearch(kept, &faults->tree, compare) != NULL) {
		return;
	} else {
		release(kept);
	}
}

void
faults_add(struct faults *faults, const struct fault *fault)
{
	pthread_mutex_lock(&faults->lock);
	add(faults, fault);
	pthread_mutex_unlock(&faults->lock);
}

int64_t
faults_sessions(const struct faults *faults)
{
	return faults->sessions;
}

int64_t
faults_file(const struct faults *faults)
{
	return faults->of_file;
}

/* The event's place in its session, from 1; 0 when it cannot be told. */
static int64_t
place_of(const struct kept *kept)
{
	int64_t place = 0;

	if (kept->texts[TIMESTAMP] == NULL || kept->texts[SESSION] == NULL)
		return 0;
	for (int i = TENANT; i <= EVENT; i++)
		query_bind_text(printing.place, i + 1, kept->texts[i]);
	int step = query_step(printing.place);
	if (step == 1)
		place = query_number(printing.place, 0);
	else
		printing.result = -1;
	query_reset(printing.place);
	return place;
}

static void
print_json(const struct kept *kept)
{
	struct text line = TEXT_EMPTY;
	int64_t place = place_of(kept);

	output_json_text(&line, "fault", kept->texts[REASON]);
	output_json_text(&line, "tenantId", kept->texts[TENANT]);
	output_json_text(&line, "sessionId", kept->texts[SESSION]);
	if (place > 0)
		output_json_number(&line, "position", place);
	else
		output_json_text(&line, "position", NULL);
	output_json_text(&line, "eventId", kept->texts[EVENT]);
	output_json_text(&line, "table", kept->texts[TABLE]);
	output_json_text(&line, "field", kept->texts[FIELD]);
	output_json_text(&line, "expected", kept->texts[EXPECTED]);
	output_json_text(&line, "found", kept->texts[FOUND]);
	output_json_end(&line);
}

/* A text, or of a long one the part from shortly before byte `from`. */
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
	output_print(OUTPUT_PLAIN, text_string(&part));
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
print_line(const struct kept *kept)
{
	char *const *texts = kept->texts;
	int64_t place = place_of(kept);

	output_print(OUTPUT_BAD, "BROKEN");
	if (texts[SESSION] == NULL) {
		printf("  the file");
	} else {
		printf("  session ");
		output_print(OUTPUT_BOLD, texts[SESSION]);
		if (strcmp(texts[TENANT], "default") != 0) {
			printf(" of ");
			output_print(OUTPUT_PLAIN, texts[TENANT]);
		}
	}
	if (place > 0)
		printf(", position %lld", (long long)place);
	if (texts[EVENT] != NULL) {
		printf(", event ");
		output_print(OUTPUT_BOLD, texts[EVENT]);
	}
	printf(":\n    ");
	if (texts[FIELD] != NULL)
		printf("%s.%s: ", texts[TABLE], texts[FIELD]);
	else if (texts[TABLE] != NULL)
		printf("%s: ", texts[TABLE]);
	output_print(OUTPUT_PLAIN, texts[REASON]);
	printf("\n");
	print_difference(texts[EXPECTED], texts[FOUND]);
}

static void
print_kept(const struct kept *kept)
{
	if (printing.json)
		print_json(kept);
	else
		print_line(kept);
}

static void
visit(const void *node, VISIT order, int depth)
{
	(void)depth;
	if (order == postorder || order == leaf)
		print_kept(*(struct kept *const *)node);
}

int
faults_print(struct faults *faults, struct database *database, bool json)
{
	printing = (struct printing){ .json = json };
	printing.place = query_open(database, "SELECT count(*) FROM events"
	    " WHERE tenant_id = ?1 AND session_id = ?2"
	    " AND (timestamp, id) <= (?3, ?4)");
	if (printing.place == NULL)
		return -1;
	for (int64_t i = 0; i < faults->of_file && i < FILE_MAX; i++)
		if (faults->file[i] != NULL)
			print_kept(faults->file[i]);
	twalk(faults->tree, visit);
	query_close(printing.place);
	return printing.result;
}

void
faults_close(struct faults *faults)
{
	if (faults == NULL)
		return;
	for (int64_t i = 0; i < faults->of_file && i < FILE_MAX; i++)
		release(faults->file[i]);
	tdestroy(faults->tree, release);
	pthread_mutex_destroy(&faults->lock);
	free(faults);
}
