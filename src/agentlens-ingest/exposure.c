#include "agentlens-ingest/exposure.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* The second is where Apache names the root of a user's site, ~user. */
static const char *const roots[] = { "DOCUMENT_ROOT",
	"CONTEXT_DOCUMENT_ROOT" };

#define ROOTS (sizeof(roots) / sizeof(roots[0]))

static enum refusal_code
check_root(const struct request *request, const struct settings *settings,
    size_t which, struct refusal *refusal)
{
	/* The last roots that were found harmless, as they hardly ever
	 * change. */
	static _Thread_local char known[ROOTS][PATH_MAX];
	char *harmless = known[which];
	const char *root = request_variable(request, roots[which]);

	if (root == NULL || *root == '\0' || strcmp(root, harmless) == 0)
		return REFUSAL_NONE;
	const char *path = settings_path_inside(settings->db_path, root) ?
	    settings->db_path : settings->file != NULL &&
	    settings_path_inside(settings->file, root) ? settings->file : NULL;
	if (path == NULL) {
		snprintf(harmless, sizeof(known[which]), "%s", root);
		return REFUSAL_NONE;
	}

	bool database = path == settings->db_path;
	log_line(LOG_ERROR, database ? "database" : "settings", path,
	    "document_root", root, "error", "anybody could download it",
	    "hint", database ? "move it, and set DB_PATH to a folder outside" :
	    "move it outside the document root", NULL);
	return refusal_set_subject(refusal, REFUSAL_EXPOSED, "%s",
	    database ? "database" : "settings file");
}

enum refusal_code
exposure_check(const struct request *request, const struct settings *settings,
    struct refusal *refusal)
{
	enum refusal_code code = REFUSAL_NONE;

	for (size_t i = 0; i < ROOTS && code == REFUSAL_NONE; i++)
		code = check_root(request, settings, i, refusal);
	return code;
}
