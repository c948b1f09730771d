#include "audit/findings.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"

/* More findings than these are only counted, so that a file that is damaged
 * everywhere does not take all memory. */
#define SESSIONS_MAX 100000
#define FILE_MAX 1000

/* The texts of a finding. */
enum {
	TENANT,
	SESSION,
	TIMESTAMP,
	EVENT,
	TABLE,
	FIELD,
	REASON,
	EXPECTED,
	FOUND,
	TEXTS
};

/* A copy of a finding. */
struct kept {
	enum finding_weight weight;
	char *texts[TEXTS];
};

struct findings {
	pthread_mutex_t lock;
	void *tree; /* of struct kept, by tenant and session */
	struct kept *file[FILE_MAX];
	int64_t sessions;
	int64_t of_file;
};

struct findings *
findings_open(void)
{
	struct findings *findings = calloc(1, sizeof(*findings));

	if (findings != NULL)
		pthread_mutex_init(&findings->lock, NULL);
	return findings;
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
	for (int i = 0; i < TEXTS; i++)
		free(kept->texts[i]);
	free(kept);
}

static struct kept *
copy(const struct finding *f)
{
	const char *const texts[] = { f->tenant_id, f->session_id,
		f->timestamp, f->event_id, f->table, f->field, f->reason,
		f->expected, f->found };
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept == NULL)
		return NULL;
	kept->weight = f->weight;
	for (int i = 0; i < TEXTS; i++)
		if (texts[i] != NULL &&
		    (kept->texts[i] = strdup(texts[i])) == NULL) {
			release(kept);
			return NULL;
		}
	return kept;
}

/* Whether a is to be kept rather than b. */
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
add(struct findings *findings, const struct finding *finding)
{
	struct kept *kept = copy(finding), **place;

	if (kept == NULL) {
		findings->of_file++;
		return;
	}
	if (finding->session_id == NULL) {
		if (findings->of_file < FILE_MAX)
			findings->file[findings->of_file] = kept;
		else
			release(kept);
		findings->of_file++;
		return;
	}
	place = tfind(kept, &findings->tree, compare);
	if (place != NULL && is_before(kept, *place)) {
		struct kept *old = *place;
		*place = kept;
		release(old);
	} else if (place == NULL && findings->sessions++ < SESSIONS_MAX &&
	    tsearch(kept, &findings->tree, compare) != NULL) {
		return;
	} else {
		release(kept);
	}
}

void
findings_add(struct findings *findings, const struct finding *finding)
{
	pthread_mutex_lock(&findings->lock);
	add(findings, finding);
	pthread_mutex_unlock(&findings->lock);
}

int64_t
findings_sessions(const struct findings *findings)
{
	return findings->sessions;
}

int64_t
findings_file(const struct findings *findings)
{
	return findings->of_file;
}

/* A call of findings_each(). */
struct showing {
	struct query *place; /* finds an event's position in its session */
	findings_fn *show;
	void *context;
	int result;
};

/* The event's position in its session, from 1; 0 when it cannot be told. */
static int64_t
position_of(struct showing *showing, const struct kept *kept)
{
	int64_t position = 0;

	if (kept->texts[TIMESTAMP] == NULL || kept->texts[SESSION] == NULL)
		return 0;
	for (int i = TENANT; i <= EVENT; i++)
		query_bind_text(showing->place, i + 1, kept->texts[i]);
	int step = query_step(showing->place);
	if (step == 1)
		position = query_number(showing->place, 0);
	else
		showing->result = -1;
	query_reset(showing->place);
	return position;
}

static void
show_kept(struct showing *showing, const struct kept *kept)
{
	char *const *texts = kept->texts;
	const struct finding finding = {
		.weight = kept->weight,
		.tenant_id = texts[TENANT],
		.session_id = texts[SESSION],
		.timestamp = texts[TIMESTAMP],
		.event_id = texts[EVENT],
		.table = texts[TABLE],
		.field = texts[FIELD],
		.reason = texts[REASON],
		.expected = texts[EXPECTED],
		.found = texts[FOUND],
	};

	showing->show(showing->context, &finding,
	    position_of(showing, kept));
}

static void
visit(const void *node, void *context)
{
	show_kept(context, node);
}

int
findings_each(struct findings *findings, struct database *database,
    findings_fn *show, void *context)
{
	struct showing showing = {
		.place = query_open(database, SESSION_PLACE),
		.show = show,
		.context = context,
	};

	if (showing.place == NULL)
		return -1;
	for (int64_t i = 0; i < findings->of_file && i < FILE_MAX; i++)
		if (findings->file[i] != NULL)
			show_kept(&showing, findings->file[i]);
	tree_walk(findings->tree, visit, &showing);
	query_close(showing.place);
	return showing.result;
}

void
findings_close(struct findings *findings)
{
	if (findings == NULL)
		return;
	for (int64_t i = 0; i < findings->of_file && i < FILE_MAX; i++)
		release(findings->file[i]);
	tdestroy(findings->tree, release);
	pthread_mutex_destroy(&findings->lock);
	free(findings);
}
