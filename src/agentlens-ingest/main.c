/* agentlens-ingest: options, start-up, the workers, the end. */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#ifdef HAVE_MALLOPT
#include <malloc.h>
#endif

#include "agentlens-ingest/cgi.h"
#include "agentlens-ingest/fastcgi.h"
#include "agentlens-ingest/ingest.h"
#include "agentlens-ingest/reload.h"
#include "agentlens-ingest/reply.h"
#include "agentlens-ingest/watcher.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "settings.h"
#include "store/committer.h"
#include "store/database.h"
#include "webhook/mapping.h"
#include "webhook/own_sender.h"
#include "webhook/source_print.h"

/* The fewest workers, unless the settings say so: one request may be long. */
#define THREADS_MIN 2

/* Blocks from this size on are given back to the system when freed. */
#define MMAP_BYTES (128 * 1024)

/* How much free memory the heap keeps, so that it does not shrink and grow with
 * each batch. */
#define TRIM_BYTES (2 * 1024 * 1024)

static const char usage[] =
    "usage: agentlens-ingest "
    "[--check | --print-mapping | --version | --help]\n";

static const char help[] =
    "\n"
    "Receives AgentLens webhooks as a FastCGI or CGI program: as FastCGI when\n"
    "descriptor 0 is a listening socket, else as CGI for the request of the\n"
    "environment:\n"
    "\n"
    "  REQUEST_METHOD=POST HTTP_X_WEBHOOK_SIGNATURE=... \\\n"
    "      agentlens-ingest < body.json\n"
    "\n"
    "  -c, --check          check settings, file modes and a write; exit 78\n"
    "                       with a sentence saying what to do\n"
    "  -m, --print-mapping  print the tables of events and senders as Markdown\n"
    "  -V, --version        print the version, and those of the libraries\n"
    "  -h, --help           print this\n"
    "\n"
    "See agentlens-ingest(8), and agentlens-ingest.conf(5) for the settings.\n";

static int
print_version(void)
{
	printf("agentlens-ingest " PACKAGE_VERSION "\n"
	    "libfcgi %s\njson-c %s\nlibgcrypt %s\nSQLite %s\n",
	    fastcgi_library_version(), json_library_version(),
	    digest_library_version(), database_library_version());
	return EXIT_SUCCESS;
}

static int
print_mapping(void)
{
	struct text table = TEXT_EMPTY;

	mapping_print(&table);
	text_puts(&table, "\nThird-party senders, each at its path below the "
	    "endpoint:\n\n");
	source_print(&table);
	text_puts(&table, "\nSenders of one's own, SENDER_<NAME>_<COLUMN>:"
	    "\n\n");
	own_sender_print(&table);
	fputs(text_string(&table), stdout);
	text_free(&table);
	return EXIT_SUCCESS;
}

static void
note_outcome(struct job *job)
{
	enum refusal_code *code = job->context;

	*code = job->outcome.refusal;
}

/* Tries a write that is taken back, since opening alone proves nothing. */
static enum refusal_code
try_write(const struct settings *settings)
{
	struct committer *committer = committer_open(settings, false);
	enum refusal_code code = REFUSAL_NO_MEMORY;
	struct job job = { .done = note_outcome, .context = &code };

	if (committer == NULL)
		return code;
	committer_probe(committer, &job);
	committer_close(committer);
	return code;
}

/* Only those that are in use: there are many others. */
static void
print_sender(const struct settings *settings, const char *name)
{
	struct settings_source sender;

	settings_find_source(settings, name, &sender);
	if (sender.secrets[0] == NULL)
		return;
	printf("%s: deliveries at .../%s, %s%s%s\n", name, name,
	    sender.row->algorithm == SOURCE_TOKEN ?
	    "with the secret itself" : "signed", sender.secrets[1] != NULL ?
	    ", the secret before is good too" : "",
	    sender.approvals ? ", which may be approvals" : "");
}

static void
print_settings(const struct settings *settings, const struct sandbox *sandbox)
{
	static const char *const sandboxes[2][2] = {
		{ "none: this system has no Landlock and no seccomp for it",
		    "system calls only: this system has no Landlock" },
		{ "files only: this system has no seccomp for it",
		    "files and system calls" },
	};
	static const char *const unfiltered[2] = {
		"none: this system has no Landlock, and this program was built "
		"without libseccomp",
		"files only: this program was built without libseccomp",
	};

	printf("settings: %s\ndatabase: %s\n", settings->file != NULL ?
	    settings->file : "the environment only", settings->db_path);
	for (int i = 0; i < SOURCE_SENDER; i++) {
		if (settings->secrets[i][0] != NULL)
			printf("%s: signed deliveries%s\n", sources[i].name,
			    settings->secrets[i][1] == NULL ? "" :
			    ", with the previous secret too");
		else if (sources[i].signature_required)
			printf("%s: no secret set, deliveries are answered "
			    "500\n", sources[i].name);
		else
			printf("%s: no secret set, anybody may send\n",
			    sources[i].name);
	}
	for (int i = SOURCE_SENDER; i < SOURCES; i++)
		print_sender(settings, sources[i].name);
	for (size_t i = 0; i < settings->own.count; i++)
		print_sender(settings, settings->own.list[i].name);
	printf("sandbox: %s\n", !settings->sandbox ? "off" :
	    !sandbox->has_filter ? unfiltered[sandbox->closes_files] :
	    sandboxes[sandbox->closes_files][sandbox->filters_calls]);
}

static void
print_engine(const struct settings *settings)
{
	const char *fault = database_library_fault();

	if (settings->checkpoint == SETTINGS_CHECKPOINT_EXTERNAL)
		printf("checkpoints: left to another program; without it the "
		    "log grows to INGEST_MAX_WAL_MB\n");
	printf("SQLite: %s%s%s\n", database_library_version(),
	    fault != NULL ? "; " : "", fault != NULL ? fault : "");
}

static void
print_doubts(const struct settings *settings)
{
	struct text doubts = TEXT_EMPTY;

	settings_doubt(settings, &doubts);
	for (const char *at = text_string(&doubts); *at != '\0';) {
		int len = (int)strcspn(at, "\n");
		fprintf(stderr, "agentlens-ingest: warning: %.*s\n", len, at);
		at += len + 1;
	}
	text_free(&doubts);
}

static int
check(const struct settings *settings, const struct sandbox *sandbox)
{
	struct error error = { "" };
	struct stat status;

	if (settings_check(settings, &error) != 0) {
		fprintf(stderr, "agentlens-ingest: %s\n", error.text);
		return EX_CONFIG;
	}
	if (try_write(settings) != REFUSAL_NONE) {
		fprintf(stderr, "agentlens-ingest: the database %s cannot be "
		    "written, for the reason above: its folder must exist and "
		    "be writable by the user that this runs as, now uid %ld\n",
		    settings->db_path, (long)geteuid());
		return EX_CONFIG;
	}
	if (stat(settings->db_path, &status) == 0 &&
	    (status.st_mode & 0777 & ~(mode_t)settings->file_mode) != 0) {
		fprintf(stderr, "agentlens-ingest: the database %s has mode "
		    "%03o, more than INGEST_FILE_MODE allows: chmod %03lo "
		    "it\n", settings->db_path,
		    (unsigned)(status.st_mode & 0777),
		    (unsigned long)settings->file_mode);
		return EX_CONFIG;
	}
	print_doubts(settings);
	print_settings(settings, sandbox);
	print_engine(settings);
	printf("a write was tried and taken back: all is well\n");
	return EXIT_SUCCESS;
}

/* Each connection needs a descriptor, and any number of them may wait. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The processors that this process may use. */
static long
count_processors(void)
{
	cpu_set_t processors;

	return sched_getaffinity(0, sizeof(processors), &processors) == 0 ?
	    CPU_COUNT(&processors) : 1;
}

static long
choose_threads(const struct settings *settings)
{
	long processors = count_processors();

	return settings->threads > 0 ? settings->threads :
	    processors < THREADS_MIN ? THREADS_MIN : processors;
}

/* By default malloc() has a heap for each thread, and keeps the memory of large
 * bodies in it.  That would cost memory and gain nothing here. */
static void
save_memory(void)
{
#ifdef HAVE_MALLOPT
	mallopt(M_ARENA_MAX, 2);
	/* Blocks that are not joined when they are freed have to be looked
	 * through later, which for a body of many small values takes longer
	 * than all the rest. */
	mallopt(M_MXFAST, 0);
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}

/* Until a signal ends it.  SIGHUP has the settings file read anew. */
static void
wait_for_the_end(const sigset_t *signals, struct reload *reload)
{
	int signal_number;

	while (sigwait(signals, &signal_number) == 0 &&
	    signal_number == SIGHUP)
		reload_ask(reload);
}

static int
serve_fastcgi(struct ingest *ingest, const struct settings *settings,
    int watcher)
{
	const struct fastcgi_settings how = {
		.timeout_ms = (int)settings->read_timeout_ms,
		.body_max = (size_t)settings->max_body,
		.threads = choose_threads(settings),
		.handler = ingest_handle,
		.context = ingest,
		.fallback = reply_fallback,
	};
	sigset_t signals;

	/* Blocked in all threads, so that sigwait() takes them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	save_memory();
	raise_descriptor_limit();
	ingest->committer = committer_open(settings, true);
	struct fastcgi *fastcgi = ingest->committer == NULL ? NULL :
	    fastcgi_open(&how);
	if (fastcgi == NULL) {
		log_line(LOG_ERROR, "error", "not enough memory or threads to "
		    "start", NULL);
		return EX_OSERR;
	}

	struct reload *reload = reload_start(ingest->settings, watcher);
	wait_for_the_end(&signals, reload);
	reload_stop(reload);
	fastcgi_stop(fastcgi);
	committer_close(ingest->committer);
	fastcgi_close(fastcgi);
	return EXIT_SUCCESS;
}

static int
serve_cgi(struct ingest *ingest, const struct settings *settings)
{
	int result;

	if (settings != NULL) {
		ingest->committer = committer_open(settings, false);
		if (ingest->committer == NULL) {
			ingest->settings = NULL;
			ingest->settings_error = "out of memory";
		}
	}
	result = cgi_serve(ingest_handle, ingest);
	if (ingest->committer != NULL)
		committer_close(ingest->committer);
	return result == 0 ? EXIT_SUCCESS : EX_IOERR;
}

enum task {
	SERVE,
	CHECK,
	PRINT_MAPPING,
	PRINT_VERSION,
	PRINT_HELP,
	REFUSE
};

static enum task
read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "print-mapping", no_argument, NULL, 'm' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct {
		int option;
		enum task task;
	} tasks[] = {
		{ 'c', CHECK },
		{ 'm', PRINT_MAPPING },
		{ 'V', PRINT_VERSION },
		{ 'h', PRINT_HELP },
	};
	enum task task = SERVE;
	int option;

	/* Some web servers turn a query string into arguments. */
	if (getenv("GATEWAY_INTERFACE") != NULL)
		return SERVE;
	while ((option = getopt_long(argc, argv, "cmVh", options, NULL)) !=
	    -1) {
		if (option == '?')
			return REFUSE;
		for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
			if (tasks[i].option == option)
				task = tasks[i].task;
	}
	return optind < argc ? REFUSE : task;
}

/* A standard descriptor that is closed would become the next file or connection
 * that is opened, and the log would be written into it. */
static void
open_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(EX_OSERR);
}

/* Serves with good settings, which it takes over. */
static int
serve(struct settings *settings, bool fastcgi, int watcher)
{
	struct snapshot *snapshot = snapshot_open(settings);
	struct ingest ingest = { .settings = snapshot };

	if (snapshot == NULL) {
		fputs("agentlens-ingest: out of memory\n", stderr);
		settings_free(settings);
		return EX_OSERR;
	}
	/* Those of the start are kept for what does not change. */
	const struct settings *first = snapshot_take(snapshot);
	int result = fastcgi ? serve_fastcgi(&ingest, first, watcher) :
	    serve_cgi(&ingest, first);
	snapshot_give_back(snapshot, first);
	snapshot_close(snapshot);
	return result;
}

/* Answers a request of CGI all the same; the log says why not better. */
static int
serve_without_settings(const char *reason)
{
	struct ingest ingest = { .settings_error = reason };

	return serve_cgi(&ingest, NULL);
}

/* The process that looks at the settings file for one that serves; -1 where
 * there is no file. */
static int
start_watcher(const struct settings *settings)
{
	int watcher = settings->file == NULL ? -1 :
	    watcher_start(settings->file, settings->sandbox);

	if (settings->file != NULL && watcher < 0)
		log_line(LOG_WARN, "warning", "the settings file is not "
		    "watched: a change of it takes a restart", NULL);
	return watcher;
}

/* Does a task that needs the settings. */
static int
run(enum task task, bool fastcgi)
{
	struct settings settings;
	struct sandbox sandbox = { 0 };
	struct error error = { "" };
	int result, watcher = -1;

	/* A peer that went away, and a limit on file sizes, shall be errors of
	 * write() and not end the process. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (digest_init() != 0) {
		fprintf(stderr, "agentlens-ingest: libgcrypt is too old\n");
		return EX_CONFIG;
	}
	if (settings_load(&settings, &error) != 0) {
		settings_free(&settings);
		if (task != CHECK && !fastcgi)
			return serve_without_settings(error.text);
		fprintf(stderr, "agentlens-ingest: %s\n", error.text);
		return EX_CONFIG;
	}
	log_set_level((enum log_level)settings.log_level);
	/* Both before any thread is started; and --check has the same sandbox
	 * as serving. */
	if (task != CHECK && fastcgi)
		watcher = start_watcher(&settings);
	if (settings.sandbox)
		sandbox_enter(&(struct sandbox_needs){
		    .database = settings.db_path }, &sandbox);
	if (task != CHECK)
		return serve(&settings, fastcgi, watcher);
	result = check(&settings, &sandbox);
	settings_free(&settings);
	return result;
}

int
main(int argc, char **argv)
{
	open_standard_descriptors();
	bool fastcgi = fastcgi_is_served();
	enum task task = read_options(argc, argv);

	switch (task) {
	case PRINT_HELP:
		printf("%s%s", usage, help);
		return EXIT_SUCCESS;
	case PRINT_VERSION:
		return print_version();
	case PRINT_MAPPING:
		return print_mapping();
	case SERVE:
		if (fastcgi || getenv("REQUEST_METHOD") != NULL)
			break;
		/* FALLTHROUGH */
	case REFUSE:
		fputs(usage, stderr);
		return EX_USAGE;
	case CHECK:
		break;
	}
	return run(task, fastcgi);
}
