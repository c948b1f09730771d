#include "reader/approvals.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "reader/humanize.h"

struct approvals {
	void *tree; /* of tsearch(3) */
	size_t count;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct approval *)a)->key,
	    ((const struct approval *)b)->key);
}

static void
free_approval(void *node)
{
	struct approval *approval = node;

	free(approval->key);
	free(approval);
}

struct approvals *
approvals_open(void)
{
	return calloc(1, sizeof(struct approvals));
}

void
approvals_close(struct approvals *approvals)
{
	if (approvals == NULL)
		return;
	tdestroy(approvals->tree, free_approval);
	free(approvals);
}

static int64_t
time_of(const struct event_row *row)
{
	struct json_object *metadata = event_object(row->columns.metadata);
	int64_t ms = event_time(row, metadata);

	json_object_put(metadata);
	return ms;
}

/* Adds a request, unless it is there already; takes the key over. */
static void
add(struct approvals *approvals, char *key, const struct event_row *row)
{
	struct approval *approval = calloc(1, sizeof(*approval));
	struct approval **found = NULL;

	if (approval != NULL) {
		approval->key = key;
		approval->asked = time_of(row);
		snprintf(approval->id, sizeof(approval->id), "%s",
		    row->columns.id);
		found = tsearch(approval, &approvals->tree, compare);
	}
	if (found != NULL && *found == approval) {
		approvals->count++;
		return;
	}
	free(approval);
	free(key);
}

/* Removes a request, and frees the key.  Returns when it was asked, or -1. */
static int64_t
take(struct approvals *approvals, char *key)
{
	struct approval wanted = { .key = key };
	struct approval **found = tfind(&wanted, &approvals->tree, compare);
	int64_t asked = -1;

	if (found != NULL) {
		struct approval *approval = *found;
		asked = approval->asked;
		tdelete(&wanted, &approvals->tree, compare);
		free_approval(approval);
		approvals->count--;
	}
	free(key);
	return asked;
}

static char *
key_of(const char *tenant, const char *request)
{
	char *key;

	return asprintf(&key, "%s\n%s", tenant, request) < 0 ? NULL : key;
}

int64_t
approvals_note(struct approvals *approvals, const struct event_row *row,
    struct json_object *payload)
{
	enum describe_approval approval = describe_approval(row);
	const char *request = json_get_string(payload, "requestId");

	if (approval == APPROVAL_NO_APPROVAL || request == NULL)
		return -1;
	char *key = key_of(row->tenant_id, request);
	if (key == NULL)
		return -1;
	if (approval == APPROVAL_ASKS) {
		add(approvals, key, row);
		return -1;
	}
	int64_t asked = take(approvals, key), decided = time_of(row);
	if (asked < 0 || decided < 0)
		return -1;
	/* The clocks of two senders may differ. */
	return decided > asked ? decided - asked : 0;
}

static int64_t
time_in(struct json_object *object, const char *name)
{
	struct json_object *value = json_get(object, name);

	if (json_is_number(value)) {
		double ms = json_object_get_double(value);
		return ms >= 0 && ms <= (double)TIMESTAMP_MAX ? (int64_t)ms :
		    -1;
	}
	return json_is_string(value) ?
	    humanize_time(json_object_get_string(value)) : -1;
}

int64_t
approvals_from_body(const void *body, size_t len)
{
	struct json_object *json = NULL;
	struct json_error error;
	struct text copy = TEXT_EMPTY;
	int64_t span = -1;

	/* json_read() needs a NUL behind the body. */
	text_add(&copy, body, len);
	if (json_read(text_string(&copy), copy.len, &json, &error) == 0) {
		struct json_object *data = json_get(json, "data");
		struct json_object *request = json_get(data, "request");
		int64_t asked = time_in(request, "createdAt");
		int64_t decided = time_in(request, "decidedAt");
		if (asked >= 0 && decided >= 0)
			span = decided > asked ? decided - asked : 0;
		else
			span = time_in(data, "decisionTimeMs");
	}
	json_object_put(json);
	text_free(&copy);
	return span;
}

struct collection {
	struct approval **approvals;
	int count;
};

static void
collect(const void *item, void *context)
{
	struct collection *collection = context;

	collection->approvals[collection->count++] = (struct approval *)item;
}

static int
compare_ages(const void *a, const void *b)
{
	const struct approval *x = *(struct approval *const *)a;
	const struct approval *y = *(struct approval *const *)b;

	return x->asked < y->asked ? -1 : x->asked > y->asked ? 1 :
	    strcmp(x->id, y->id);
}

/* Whether the decision was recorded before its request.  Then it is in the same
 * session, with the same or an earlier time.  Returns 1, 0 or -1. */
static int
is_decided(struct database *database, const struct approval *approval)
{
	struct query *query = query_open(database, EARLIER_DECISIONS);
	const char *request = strchr(approval->key, '\n') + 1;
	int step = -1, decided = 0;

	if (query == NULL)
		return -1;
	query_bind_text(query, 1, approval->id);
	while (decided == 0 && (step = query_step(query)) == 1) {
		const char *text = query_text(query, 0);
		struct json_object *payload = text == NULL ? NULL :
		    event_object(text);
		const char *id = json_get_string(payload, "requestId");
		decided = id != NULL && strcmp(id, request) == 0;
		json_object_put(payload);
	}
	query_close(query);
	return step < 0 ? -1 : decided;
}

struct approval **
approvals_waiting(struct approvals *approvals, struct database *database,
    int *count)
{
	struct collection all = {
		.approvals = calloc(approvals->count + 1,
		    sizeof(struct approval *)),
	};

	*count = 0;
	if (all.approvals == NULL)
		return NULL;
	tree_walk(approvals->tree, collect, &all);
	qsort(all.approvals, (size_t)all.count, sizeof(struct approval *),
	    compare_ages);
	for (int i = 0; i < all.count && *count >= 0; i++) {
		int decided = is_decided(database, all.approvals[i]);
		if (decided < 0)
			*count = -1;
		else if (decided == 0)
			all.approvals[(*count)++] = all.approvals[i];
	}
	return all.approvals;
}
