/*
 * power: loses the power.
 *
 * A run was recorded by fault.c: each write, truncation, sync, creation and
 * removal of a file, and each answer that left.  This program makes the disk
 * as a cut may leave it before and after each sync, change of a name, and
 * answer: what was not synced is lost, or there, or torn; a name that was made
 * or removed is so only for certain after a sync of its folder.  Each time
 * SQLite opens what is left, and all of it is looked at.
 *
 * usage: power RECORD FOLDER JUDGE SEED CUTS [COMMAND]
 *
 * JUDGE is what may be lost: "nothing" that was answered; or "unsynced", what
 * was answered since the write-ahead log was synced last; or "all".  In each
 * case the file is whole, and holds the events up to a certain one.  CUTS is
 * at how many moments, by chance; 0 for all.  COMMAND is run on the file of
 * every 16th state, before anything else opens it, and records one event more.
 * Prints figures, and what is wrong; then the exit status is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/hex.h"

#define DATABASE "agentlens.db"
#define COMMAND_EVERY 16
#define ID_LEN 26

/* As fault.c writes it, with the name and the data behind it. */
struct record {
	uint8_t kind;
	uint8_t unused;
	uint16_t name_len;
	uint32_t data_len;
	uint64_t offset; /* S, D: where in the record the sync began */
};

/* A write, or a truncation to `offset`, that was not synced. */
struct change {
	const unsigned char *data; /* NULL: a truncation */
	size_t len;
	uint64_t offset;
	uint64_t at; /* in the record */
};

struct bytes {
	unsigned char *data;
	size_t len, size;
};

struct file {
	struct bytes durable;
	struct change *changes;
	size_t count, size;
};

/* The files of SQLite that outlive a power cut. */
static const char *const names[] = { DATABASE, DATABASE "-wal",
	DATABASE "-journal" };
#define NAMES (sizeof(names) / sizeof(names[0]))
#define WAL 1

/* What a name leads to from a moment on. */
struct naming {
	size_t name;
	struct file *file; /* NULL: it is removed */
	uint64_t at;
};

struct disk {
	struct file *live[NAMES];    /* as the program sees it */
	struct file *durable[NAMES]; /* as the folder was synced last */
	struct naming namings[64];   /* since */
	size_t count;
};

/* What becomes of that which was not synced, in percent that are kept. */
struct way {
	const char *name;
	size_t sector; /* is kept or lost as one */
	unsigned data, namings;
};

static const struct way ways[] = {
	{ "lost", 4096, 0, 0 },
	{ "there", 4096, 100, 100 },
	{ "names only", 4096, 0, 100 },
	{ "data only", 4096, 100, 0 },
	{ "torn by sectors", 512, 50, 50 },
	{ "torn by pages", 4096, 50, 50 },
	{ "mostly there", 512, 95, 95 },
	{ "mostly lost", 512, 5, 5 },
};

struct id {
	char text[ID_LEN + 1];
	uint64_t at; /* where in the record its answer left */
};

struct ids {
	struct id *list;
	size_t count, size;
};

enum judge { NOTHING, UNSYNCED, ALL };

struct run {
	const unsigned char *bytes;
	size_t len;
	const char *folder, *command;
	enum judge judge;
	unsigned cuts;
	struct disk disk;
	struct ids answered;
	size_t wal_synced; /* of those, surely in the synced log */
	unsigned states, commands, wrong;
	unsigned losing; /* states */
	size_t lost_most, syncs, moments, cut;
};

static uint64_t random_state;

/* splitmix64 */
static uint64_t
next_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool
percent(unsigned chance)
{
	return next_random() % 100 < chance;
}

static void *
grow(void *list, size_t count, size_t *size, size_t one)
{
	if (count < *size)
		return list;
	*size = *size * 2 + 64;
	list = realloc(list, *size * one);
	if (list == NULL)
		abort();
	return list;
}

static void
resize(struct bytes *bytes, size_t len)
{
	if (len > bytes->size) {
		bytes->size = len * 2;
		bytes->data = realloc(bytes->data, bytes->size);
		if (bytes->data == NULL)
			abort();
	}
	if (len > bytes->len)
		memset(bytes->data + bytes->len, 0, len - bytes->len);
	bytes->len = len;
}

static void
put(struct bytes *bytes, uint64_t offset, const unsigned char *data,
    size_t len)
{
	if (offset + len > bytes->len)
		resize(bytes, offset + len);
	memcpy(bytes->data + offset, data, len);
}

static void
apply(struct bytes *bytes, const struct change *change)
{
	if (change->data == NULL)
		resize(bytes, change->offset);
	else
		put(bytes, change->offset, change->data, change->len);
}

/* The disk, record by record. */

static void
sync_file(struct file *file, uint64_t before)
{
	size_t left = 0;

	for (size_t i = 0; i < file->count; i++)
		if (file->changes[i].at < before)
			apply(&file->durable, &file->changes[i]);
		else
			file->changes[left++] = file->changes[i];
	file->count = left;
}

static void
sync_folder(struct disk *disk, uint64_t before)
{
	size_t left = 0;

	for (size_t i = 0; i < disk->count; i++)
		if (disk->namings[i].at < before)
			disk->durable[disk->namings[i].name] =
			    disk->namings[i].file;
		else
			disk->namings[left++] = disk->namings[i];
	disk->count = left;
}

static void
name_file(struct disk *disk, size_t name, struct file *file, uint64_t at)
{
	if (disk->count == sizeof(disk->namings) / sizeof(disk->namings[0]))
		abort();
	disk->live[name] = file;
	disk->namings[disk->count++] = (struct naming){ name, file, at };
}

static void
change_file(struct file *file, const struct record *head,
    const unsigned char *data, uint64_t at)
{
	file->changes = grow(file->changes, file->count, &file->size,
	    sizeof(*file->changes));
	file->changes[file->count++] = (struct change){
		.data = head->kind == 'T' ? NULL : data,
		.len = head->data_len,
		.offset = head->offset,
		.at = at,
	};
}

static void
note_answer(struct run *run, const unsigned char *data, size_t len,
    uint64_t at)
{
	static const char key[] = "\"eventId\":\"";
	const unsigned char *id = memmem(data, len, key, sizeof(key) - 1);
	struct ids *ids = &run->answered;

	if (id == NULL)
		return;
	ids->list = grow(ids->list, ids->count, &ids->size,
	    sizeof(*ids->list));
	struct id *new = &ids->list[ids->count++];
	memcpy(new->text, id + sizeof(key) - 1, ID_LEN);
	new->text[ID_LEN] = '\0';
	new->at = at;
}

/* The name of a record, or NAMES. */
static size_t
find_name(const struct record *head, const char *name)
{
	size_t i = 0;

	while (i < NAMES && (strlen(names[i]) != head->name_len ||
	    memcmp(names[i], name, head->name_len) != 0))
		i++;
	return i;
}

/* How many answers had left when the record came to `position`. */
static size_t
answered_before(const struct ids *answered, uint64_t position)
{
	size_t count = 0;

	while (count < answered->count &&
	    answered->list[count].at < position)
		count++;
	return count;
}

static void
play(struct run *run, const struct record *head, uint64_t at)
{
	const char *text = (const char *)run->bytes + at + sizeof(*head);
	const unsigned char *data = (const unsigned char *)text +
	    head->name_len;
	size_t name = find_name(head, text);
	struct disk *disk = &run->disk;

	run->syncs += head->kind == 'S' || head->kind == 'D';
	if (head->kind == 'A')
		note_answer(run, data, head->data_len, at);
	else if (head->kind == 'D')
		sync_folder(disk, head->offset);
	else if (name == NAMES)
		return;
	else if (head->kind == 'C')
		name_file(disk, name, calloc(1, sizeof(struct file)), at);
	else if (head->kind == 'U')
		name_file(disk, name, NULL, at);
	else if (head->kind == 'S')
		sync_file(disk->live[name], head->offset);
	else
		change_file(disk->live[name], head, data, at);
	if (head->kind == 'S' && name == WAL)
		run->wal_synced = answered_before(&run->answered,
		    head->offset);
}

/* What is left. */

static void
leave_file(const struct file *file, const struct way *way,
    struct bytes *bytes)
{
	resize(bytes, 0);
	put(bytes, 0, file->durable.data, file->durable.len);
	for (size_t i = 0; i < file->count; i++) {
		const struct change *change = &file->changes[i];
		if (change->data == NULL && percent(way->data))
			resize(bytes, change->offset);
		for (size_t done = 0; change->data != NULL &&
		    done < change->len;) {
			uint64_t offset = change->offset + done;
			size_t len = way->sector - offset % way->sector;
			if (len > change->len - done)
				len = change->len - done;
			if (percent(way->data))
				put(bytes, offset, change->data + done, len);
			done += len;
		}
	}
}

/* Names change in the order in which they were changed, or no more. */
static void
leave_names(const struct disk *disk, const struct way *way,
    struct file *left[NAMES])
{
	memcpy(left, disk->durable, sizeof(disk->durable));
	for (size_t i = 0; i < disk->count && percent(way->namings); i++)
		left[disk->namings[i].name] = disk->namings[i].file;
}

static int
write_file(const char *path, const struct bytes *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int result = fd >= 0 && write(fd, bytes->data, bytes->len) ==
	    (ssize_t)bytes->len ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return result;
}

static void
leave(const struct run *run, const struct way *way)
{
	static struct bytes bytes;
	struct file *left[NAMES];
	char path[4096];

	leave_names(&run->disk, way, left);
	snprintf(path, sizeof(path), "%s/" DATABASE "-shm", run->folder);
	unlink(path);
	for (size_t i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%s/%s", run->folder, names[i]);
		unlink(path);
		if (left[i] == NULL)
			continue;
		leave_file(left[i], way, &bytes);
		if (write_file(path, &bytes) != 0) {
			perror(path);
			exit(2);
		}
	}
}

/* The judge. */

/* Says what is wrong with a state. */
static void
tell(struct run *run, const struct way *way, const char *what,
    const char *detail)
{
	if (++run->wrong <= 20)
		printf("WRONG cut %zu, %s: %s %s\n", run->cut, way->name, what,
		    detail == NULL ? "" : detail);
}

/* The first value of a question's first row, to be freed; NULL for none. */
static char *
ask(sqlite3 *db, const char *question)
{
	sqlite3_stmt *statement = NULL;
	char *answer = NULL;

	if (sqlite3_prepare_v2(db, question, -1, &statement, NULL) ==
	    SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		answer = strdup((const char *)
		    sqlite3_column_text(statement, 0));
	else
		answer = sqlite3_errcode(db) == SQLITE_DONE ? NULL :
		    strdup(sqlite3_errmsg(db));
	sqlite3_finalize(statement);
	return answer;
}

static void
want(struct run *run, const struct way *way, sqlite3 *db, const char *question,
    const char *wanted)
{
	char *answer = ask(db, question);

	if (answer == NULL || strcmp(answer, wanted) != 0)
		tell(run, way, question, answer);
	free(answer);
}

static bool
is_hash_of(const char *hash, const char *text)
{
	unsigned char digest[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 1];
	const struct iovec part = { (void *)text, strlen(text) };

	if (digest_sha256(&part, 1, digest) != 0)
		return false;
	hex_write(digest, DIGEST_BYTES, hex);
	return strcmp(hex, hash) == 0;
}

/* Recomputes each hash and link, as helper.bash does, and lists the ids. */
static void
check_chain(struct run *run, const struct way *way, sqlite3 *db,
    struct ids *ids)
{
	static const char events[] =
	    "SELECT id, hash, prev_hash IS lag(hash) OVER (PARTITION BY"
	    " tenant_id, session_id ORDER BY timestamp, id),"
	    " '{\"v\":2,\"id\":' || json_quote(id) || ',\"timestamp\":' ||"
	    " json_quote(timestamp) || ',\"sessionId\":' ||"
	    " json_quote(session_id) || ',\"agentId\":' ||"
	    " json_quote(agent_id) || ',\"eventType\":' ||"
	    " json_quote(event_type) || ',\"severity\":' ||"
	    " json_quote(severity) || ',\"payload\":' || payload ||"
	    " ',\"metadata\":' || metadata || ',\"prevHash\":' ||"
	    " json_quote(prev_hash) || '}' FROM events ORDER BY id";
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, events, -1, &statement, NULL);

	ids->count = 0;
	while (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		const char *id = (const char *)
		    sqlite3_column_text(statement, 0);
		if (!sqlite3_column_int(statement, 2))
			tell(run, way, "link of", id);
		if (!is_hash_of((const char *)
		    sqlite3_column_text(statement, 1), (const char *)
		    sqlite3_column_text(statement, 3)))
			tell(run, way, "hash of", id);
		ids->list = grow(ids->list, ids->count, &ids->size,
		    sizeof(*ids->list));
		snprintf(ids->list[ids->count++].text, ID_LEN + 1, "%s", id);
	}
	if (code != SQLITE_OK || sqlite3_errcode(db) != SQLITE_DONE)
		tell(run, way, "reading:", sqlite3_errmsg(db));
	sqlite3_finalize(statement);
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Holds what is there against what was answered. */
static void
check_answers(struct run *run, const struct way *way, const struct ids *there,
    bool one_more)
{
	size_t lost = 0, count = there->count - (one_more && there->count > 0);
	const char *last = count == 0 ? "" : there->list[count - 1].text;

	for (size_t i = 0; i < run->answered.count; i++) {
		const char *id = run->answered.list[i].text;
		if (bsearch(id, there->list, there->count, sizeof(struct id),
		    compare_ids) != NULL)
			continue;
		lost++;
		if (run->judge == NOTHING)
			tell(run, way, "answered and lost:", id);
		else if (strcmp(id, last) < 0)
			tell(run, way, "lost before others:", id);
		else if (run->judge == UNSYNCED && i < run->wal_synced)
			tell(run, way, "lost, though synced:", id);
	}
	run->losing += lost > 0;
	if (lost > run->lost_most)
		run->lost_most = lost;
}

static void
check_database(struct run *run, const struct way *way, const char *path,
    bool one_more)
{
	static struct ids there;
	sqlite3 *db = NULL;

	there.count = 0;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK || sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL,
	    NULL, NULL) != SQLITE_OK) {
		tell(run, way, "opening:", sqlite3_errmsg(db));
		sqlite3_close(db);
		return;
	}
	want(run, way, db, "PRAGMA integrity_check", "ok");
	char *tables = ask(db, "SELECT count(*) FROM sqlite_schema");
	if (tables != NULL && strcmp(tables, "0") != 0) {
		check_chain(run, way, db, &there);
		want(run, way, db, "SELECT count(*) FROM events WHERE id NOT"
		    " IN (SELECT event_id FROM ingest_deliveries WHERE"
		    " event_id IS NOT NULL)", "0");
		want(run, way, db, "SELECT (SELECT count(*) FROM events) -"
		    " (SELECT count(*) FROM ingest_deliveries)", "0");
		want(run, way, db, "SELECT (SELECT count(*) FROM events) -"
		    " (SELECT total(event_count) FROM sessions) = 0", "1");
	}
	free(tables);
	sqlite3_close(db);
	check_answers(run, way, &there, one_more);
}

static void
try_state(struct run *run, const struct way *way)
{
	char path[4096];
	struct stat status;
	bool command = run->command != NULL &&
	    run->states % COMMAND_EVERY == COMMAND_EVERY - 1;

	run->states++;
	leave(run, way);
	if (command) {
		run->commands++;
		if (system(run->command) != 0)
			tell(run, way, "the command failed:", run->command);
	}
	snprintf(path, sizeof(path), "%s/" DATABASE, run->folder);
	if (stat(path, &status) == 0)
		check_database(run, way, path, command);
	else if (run->answered.count > 0)
		tell(run, way, "the database is gone", NULL);
}

/* All that can differ after a cut here. */
static void
cut(struct run *run)
{
	size_t pending = run->disk.count;

	for (size_t i = 0; i < NAMES; i++)
		if (run->disk.live[i] != NULL)
			pending += run->disk.live[i]->count;
	run->cut++;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (pending > 0 || i == 0)
			try_state(run, &ways[i]);
}

/* Whether it is worth a cut before and after this record. */
static bool
is_moment(const struct run *run, const struct record *head, uint64_t at)
{
	return strchr("SDUCT", head->kind) != NULL || (head->kind == 'A' &&
	    memmem(run->bytes + at + sizeof(*head), head->data_len,
	    "\"eventId\"", 9) != NULL);
}

static void
walk(struct run *run, bool cutting)
{
	struct record head;

	for (uint64_t at = 0; at + sizeof(head) <= run->len;
	    at += sizeof(head) + head.name_len + head.data_len) {
		memcpy(&head, run->bytes + at, sizeof(head));
		bool moment = is_moment(run, &head, at);
		if (!cutting) {
			run->moments += moment;
			continue;
		}
		moment = moment && (run->cuts == 0 ||
		    next_random() % run->moments < run->cuts);
		if (moment && head.kind != 'A')
			cut(run);
		play(run, &head, at);
		if (moment)
			cut(run);
	}
}

static int
read_record(struct run *run, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY);
	unsigned char *bytes = fd < 0 || fstat(fd, &status) != 0 ? NULL :
	    malloc((size_t)status.st_size + 1);
	ssize_t got = 1;

	while (bytes != NULL && run->len < (size_t)status.st_size && got > 0) {
		got = read(fd, bytes + run->len,
		    (size_t)status.st_size - run->len);
		run->len += got > 0 ? (size_t)got : 0;
	}
	run->bytes = bytes;
	if (fd >= 0)
		close(fd);
	return bytes != NULL && got > 0 && run->len > 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	static const char *const judges[] = { "nothing", "unsynced", "all" };
	struct run run = { 0 };

	if (argc < 6 || digest_init() != 0) {
		fprintf(stderr, "usage: power RECORD FOLDER "
		    "nothing|unsynced|all SEED CUTS [COMMAND]\n");
		return 2;
	}
	while (run.judge < ALL && strcmp(argv[3], judges[run.judge]) != 0)
		run.judge++;
	run.folder = argv[2];
	random_state = strtoull(argv[4], NULL, 10);
	run.cuts = (unsigned)strtoul(argv[5], NULL, 10);
	run.command = argv[6];
	if (read_record(&run, argv[1]) != 0) {
		perror(argv[1]);
		return 2;
	}
	walk(&run, false);
	walk(&run, true);
	printf("%zu moments, %zu syncs, %zu answers; %zu cuts, %u states, "
	    "%u of them written on; %u wrong; answered events lost in %u "
	    "states, at most %zu\n", run.moments, run.syncs,
	    run.answered.count, run.cut, run.states, run.commands, run.wrong,
	    run.losing, run.lost_most);
	return run.wrong == 0 && run.states > 0 ? 0 : 1;
}
