#include "agentlens-ingest/reload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "agentlens-ingest/watcher.h"
#include "base/log.h"

struct reload {
	struct snapshot *snapshot;
	int watcher;
	atomic_bool stopping;
	pthread_t thread;
};

static const char *
or_none(const struct text *names)
{
	return names->len == 0 ? NULL : text_string(names);
}

static void
tell_kept(const char *reason)
{
	log_line(LOG_WARN, "warning", "the settings stay as they are",
	    "reason", reason, NULL);
}

static void
tell_changed(const struct settings *settings, const struct text *later)
{
	struct text environment = TEXT_EMPTY;

	settings_add_environment_secrets(&environment);
	log_line(LOG_WARN, "settings", "read anew", "file", settings->file,
	    "from-the-environment-as-before", or_none(&environment),
	    "changes-at-the-next-start", or_none(later), NULL);
	text_free(&environment);
}

static void
replace(struct reload *reload, const struct text *content)
{
	const struct settings *old = snapshot_take(reload->snapshot);
	struct settings settings;
	struct error error = { "" };
	struct text later = TEXT_EMPTY;

	if (settings_reload(&settings, old, content, &later, &error) != 0) {
		tell_kept(error.text);
	} else {
		enum log_level level = (enum log_level)settings.log_level;
		tell_changed(&settings, &later);
		if (snapshot_replace(reload->snapshot, &settings) == 0)
			log_set_level(level);
		else
			tell_kept("out of memory");
	}
	settings_free(&settings);
	text_free(&later);
	snapshot_give_back(reload->snapshot, old);
}

static void *
listen_to_watcher(void *context)
{
	struct reload *reload = context;
	enum watcher_news news;

	do {
		struct text text = TEXT_EMPTY;
		news = watcher_read(reload->watcher, &text);
		if (news == WATCHER_CONTENT)
			replace(reload, &text);
		else if (news == WATCHER_ERROR)
			tell_kept(text_string(&text));
		settings_wipe_text(&text);
	} while (news != WATCHER_ENDED);
	if (!reload->stopping)
		log_line(LOG_WARN, "warning", "the settings file is not "
		    "watched any more: a change of it takes a restart", NULL);
	return NULL;
}

struct reload *
reload_start(struct snapshot *snapshot, int watcher)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (reload == NULL)
		return NULL;
	reload->snapshot = snapshot;
	reload->watcher = watcher;
	if (watcher >= 0 && pthread_create(&reload->thread, NULL,
	    listen_to_watcher, reload) != 0) {
		free(reload);
		return NULL;
	}
	return reload;
}

void
reload_ask(struct reload *reload)
{
	if (reload == NULL || reload->watcher < 0)
		tell_kept("they are not from a file that is watched; a change "
		    "takes a restart");
	else
		watcher_ask(reload->watcher);
}

void
reload_stop(struct reload *reload)
{
	if (reload == NULL)
		return;
	reload->stopping = true;
	if (reload->watcher >= 0) {
		watcher_stop(reload->watcher);
		pthread_join(reload->thread, NULL);
		close(reload->watcher);
	}
	free(reload);
}
