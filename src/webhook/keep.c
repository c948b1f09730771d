#include "webhook/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Paths of one list. */
#define PATHS_MAX 256

/* Values shorter than this are not taken out alone: their paths would take as
 * much. */
#define LONG_BYTES 64

/* How many long values are taken out alone, and then arrays and objects. */
#define VALUES_MAX 24
#define CONTAINERS_MAX 24

/* What is left of the paths inside a value. */
struct paths {
	const char *left[PATHS_MAX];
	size_t count;
};

static bool
is_container(struct json_object *value)
{
	return json_object_is_type(value, json_type_object) ||
	    json_object_is_type(value, json_type_array);
}

static bool
is_empty(struct json_object *value)
{
	return json_object_is_type(value, json_type_object) ?
	    json_object_object_length(value) == 0 :
	    json_object_is_type(value, json_type_array) &&
	    json_object_array_length(value) == 0;
}

static bool
is_listed(const char *name, const char *const *list)
{
	size_t len = strlen(name);

	for (; list != NULL && *list != NULL; list++) {
		const char *end = *list + 1;
		if (**list != '*' ? strcmp(name, *list) == 0 :
		    len >= strlen(end) &&
		    strcasecmp(name + len - strlen(end), end) == 0)
			return true;
	}
	return false;
}

/* Takes out the members with these names, at any depth. */
static void
drop_names(struct json_object *value, const char *const *drop)
{
	if (json_object_is_type(value, json_type_array)) {
		size_t count = json_object_array_length(value);
		for (size_t i = 0; i < count; i++)
			drop_names(json_object_array_get_idx(value, i), drop);
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member) {
			if (is_listed(key, drop))
				json_object_object_del(value, key);
			else
				drop_names(member, drop);
		}
	}
}

/*
 * The paths that go on below a member.  Returns whether one ends with it, so
 * that it is kept whole.
 */
static bool
follow(const struct paths *paths, const char *key, bool container,
    struct paths *below)
{
	size_t len = strlen(key);

	below->count = 0;
	for (size_t i = 0; i < paths->count; i++) {
		const char *path = paths->left[i];
		bool any = path[0] == '*' && (path[1] == '.' ||
		    path[1] == '\0');
		if (!any && (strncmp(path, key, len) != 0 ||
		    (path[len] != '.' && path[len] != '\0')))
			continue;
		const char *rest = path + (any ? 1 : len);
		if (*rest == '.')
			below->left[below->count++] = rest + 1;
		else if (!any || !container)
			return true;
	}
	return false;
}

static void prune_object(struct json_object *object, const struct paths *paths,
    const char *const *drop);

/* Prunes a member that is not kept whole.  Returns whether anything of it is
 * left. */
static bool
prune_inside(struct json_object *value, const struct paths *below,
    const char *const *drop)
{
	bool left = false;

	if (below->count == 0)
		return false;
	if (json_object_is_type(value, json_type_array)) {
		size_t count = json_object_array_length(value);
		for (size_t i = 0; i < count; i++)
			left |= prune_inside(json_object_array_get_idx(value,
			    i), below, drop);
		/* That a push has no commits is worth knowing. */
		return left || count == 0;
	}
	if (!json_object_is_type(value, json_type_object))
		return false;
	prune_object(value, below, drop);
	return !is_empty(value);
}

static void
prune_object(struct json_object *object, const struct paths *paths,
    const char *const *drop)
{
	struct paths below;

	json_object_object_foreach(object, key, value) {
		bool listed = is_listed(key, drop);
		if (!listed && follow(paths, key, is_container(value), &below))
			drop_names(value, drop);
		else if (listed || !prune_inside(value, &below, drop))
			json_object_object_del(object, key);
	}
}

int
keep_prune(struct json_object *body, const char *const *keep,
    const char *const *drop)
{
	struct paths paths = { .count = 0 };

	if (keep == NULL) {
		drop_names(body, drop);
		return 0;
	}
	while (paths.count < PATHS_MAX && keep[paths.count] != NULL) {
		paths.left[paths.count] = keep[paths.count];
		paths.count++;
	}
	prune_object(body, &paths, drop);
	return 0;
}

/* A member that may be taken out. */
struct candidate {
	struct json_object *parent; /* an object; borrowed */
	char *path; /* its own name is what stands behind `name` bytes */
	size_t name;
	size_t len; /* of its JSON */
};

struct search {
	struct candidate values[VALUES_MAX]; /* the longest first */
	size_t count;
	struct candidate array; /* the longest, or without a path */
	struct candidate object;
	struct text path; /* of the value that is looked at */
	struct text scratch;
	bool failed;
};

static const char *
name_of(const struct candidate *candidate)
{
	return candidate->path + candidate->name;
}

/* Makes a candidate of the member that the search looks at. */
static struct candidate
make_candidate(struct search *s, struct json_object *parent, size_t name,
    size_t len)
{
	struct candidate made = { parent, strdup(text_string(&s->path)), name,
		len };

	s->failed |= made.path == NULL;
	return made;
}

static void
offer_value(struct search *s, struct json_object *parent, size_t name,
    size_t len)
{
	size_t at = s->count;

	if (len < LONG_BYTES || (s->count == VALUES_MAX &&
	    s->values[s->count - 1].len >= len))
		return;
	if (s->count == VALUES_MAX)
		free(s->values[--at].path);
	else
		s->count++;
	for (; at > 0 && s->values[at - 1].len < len; at--)
		s->values[at] = s->values[at - 1];
	s->values[at] = make_candidate(s, parent, name, len);
}

static void
offer_container(struct search *s, struct candidate *best,
    struct json_object *parent, size_t name, size_t len)
{
	if (best->path != NULL && best->len >= len)
		return;
	free(best->path);
	*best = make_candidate(s, parent, name, len);
}

/* Whether no element of an array is an object or array. */
static bool
is_flat(struct json_object *array)
{
	size_t count = json_object_array_length(array);

	for (size_t i = 0; i < count; i++)
		if (is_container(json_object_array_get_idx(array, i)))
			return false;
	return true;
}

static size_t
written_len(struct search *s, struct json_object *value)
{
	text_truncate(&s->scratch, 0);
	json_write(&s->scratch, value);
	s->failed |= s->scratch.failed;
	return s->scratch.len;
}

static size_t search_value(struct search *s, struct json_object *value);

/* Goes one name deeper into the path.  Returns where the name begins. */
static size_t
go_in(struct search *s, const char *name)
{
	if (s->path.len > 0)
		text_puts(&s->path, ".");
	text_puts(&s->path, name);
	s->failed |= s->path.failed;
	return s->path.len - strlen(name);
}

static size_t
search_object(struct search *s, struct json_object *object)
{
	size_t before = s->path.len, total = 2;

	json_object_object_foreach(object, key, value) {
		bool array = json_object_is_type(value, json_type_array);
		size_t name = go_in(s, key);
		size_t len = search_value(s, value);
		if (array ? is_flat(value) :
		    !json_object_is_type(value, json_type_object))
			offer_value(s, object, name, len);
		if (is_container(value))
			offer_container(s, array ? &s->array : &s->object,
			    object, name, len);
		total += len + strlen(key) + 4;
		text_truncate(&s->path, before);
	}
	return total;
}

/* The length of a value's JSON, or nearly; its members become candidates. */
static size_t
search_value(struct search *s, struct json_object *value)
{
	size_t before = s->path.len, total = 2, count;
	char index[24];

	if (json_object_is_type(value, json_type_object))
		return search_object(s, value);
	if (!json_object_is_type(value, json_type_array))
		return written_len(s, value);
	count = json_object_array_length(value);
	for (size_t i = 0; i < count; i++) {
		snprintf(index, sizeof(index), "%zu", i);
		go_in(s, index);
		total += 1 + search_value(s,
		    json_object_array_get_idx(value, i));
		text_truncate(&s->path, before);
	}
	return total;
}

static void
free_search(struct search *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->values[i].path);
	free(s->array.path);
	free(s->object.path);
	text_free(&s->path);
	text_free(&s->scratch);
	*s = (struct search){ 0 };
}

/* The object and the list of what is gone: `,"omitted":[…]`. */
static size_t
total_len(struct search *s, struct json_object *object,
    struct json_object *omitted)
{
	size_t len = written_len(s, object);

	if (json_object_array_length(omitted) == 0)
		return len;
	return len + strlen(",\"omitted\":") + written_len(s, omitted);
}

/* Takes the paths below one that goes itself off the list. */
static void
forget_below(struct json_object *omitted, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = json_object_array_length(omitted); i-- > 0;) {
		const char *other = json_object_get_string(
		    json_object_array_get_idx(omitted, i));
		if (strncmp(other, path, len) == 0 && other[len] == '.')
			json_object_array_del_idx(omitted, i, 1);
	}
}

static bool
note(struct json_object *omitted, const char *path)
{
	struct json_object *string = json_object_new_string(path);

	if (string != NULL && json_object_array_add(omitted, string) == 0)
		return true;
	json_object_put(string);
	return false;
}

/* Takes a candidate out.  Returns false when memory runs out. */
static bool
take_out(const struct candidate *candidate, struct json_object *omitted)
{
	forget_below(omitted, candidate->path);
	json_object_object_del(candidate->parent, name_of(candidate));
	return note(omitted, candidate->path);
}

/* Long values one by one, as long as it is too long. */
static bool
omit_values(struct json_object *object, size_t max,
    struct json_object *omitted)
{
	struct search s = { 0 };
	bool good = true;

	search_value(&s, object);
	for (size_t i = 0; good && !s.failed && i < s.count &&
	    total_len(&s, object, omitted) > max; i++)
		good = take_out(&s.values[i], omitted);
	good = good && !s.failed;
	free_search(&s);
	return good;
}

/* Arrays, then objects, the largest first. */
static bool
omit_containers(struct json_object *object, size_t max,
    struct json_object *omitted)
{
	bool good = true, any = true;

	for (int i = 0; good && any && i < CONTAINERS_MAX; i++) {
		struct search s = { 0 };
		any = total_len(&s, object, omitted) > max;
		if (any)
			search_value(&s, object);
		const struct candidate *largest = s.array.path != NULL ?
		    &s.array : &s.object;
		any = any && largest->path != NULL;
		if (any)
			good = !s.failed && take_out(largest, omitted);
		good = good && !s.failed;
		free_search(&s);
	}
	return good;
}

static bool
omit_all(struct json_object *object, struct json_object *omitted)
{
	json_object_object_foreach(object, key, value) {
		(void)value;
		json_object_object_del(object, key);
	}
	json_object_array_del_idx(omitted, 0,
	    json_object_array_length(omitted));
	return note(omitted, "*");
}

int
keep_shorten(struct json_object *object, size_t max,
    struct json_object **omitted)
{
	struct json_object *paths = json_object_new_array();
	struct search s = { 0 };
	bool good = paths != NULL;

	*omitted = NULL;
	if (good && total_len(&s, object, paths) > max) {
		good = omit_values(object, max, paths) &&
		    omit_containers(object, max, paths);
		if (good && total_len(&s, object, paths) > max)
			good = omit_all(object, paths);
	}
	good = good && !s.failed;
	free_search(&s);
	if (good && json_object_array_length(paths) > 0)
		*omitted = paths;
	else
		json_object_put(paths);
	return good ? 0 : -1;
}
