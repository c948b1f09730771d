/*
 * A process beside the responder that looks at the settings file and tells when
 * it has changed: the responder itself cannot open the file once it is in its
 * sandbox, and shall not be able to.  It does not know what the file says.
 */
#ifndef WATCHER_H
#define WATCHER_H

#include <stdbool.h>

#include "base/text.h"

/* A change is told once the file was the same at two looks, so that one that is
 * still being written is not taken for whole.  So it takes at most twice this
 * until a change is told; ms. */
#define WATCHER_LOOK_MS 500

enum watcher_news {
	WATCHER_CONTENT, /* the file's content */
	WATCHER_ERROR,   /* why it cannot be read */
	WATCHER_ENDED    /* there are no more news */
};

/*
 * Starts the process, which ends by itself when this one does.  To be called
 * before any thread is started and before the sandbox is entered; `sandbox`
 * says whether the process gets one of its own, around the file's folder.
 * Returns a descriptor, or -1 with errno set.
 */
int watcher_start(const char *path, bool sandbox);

/* Asks for the file's content, although it may not have changed. */
void watcher_ask(int fd);

/* Waits for news, and puts them into an empty text, which the caller wipes. */
enum watcher_news watcher_read(int fd, struct text *news);

/* Makes a watcher_read() on another thread return WATCHER_ENDED, and the
 * process end. */
void watcher_stop(int fd);

#endif
