# Files that somebody made who wants to be believed, or to do harm: the
# responder records nothing in them, and no command runs what they bring, hangs,
# dies or writes what a terminal obeys.
#
# run: once, 60 s

load ../lib/helper
load ../lib/log

setup_file() {
	make_log "$BATS_FILE_TMPDIR" 12
}

setup() {
	log_setup
	cp "$BATS_FILE_TMPDIR/agentlens.db" "$db"
}

# alter SQL: changes a fresh copy, as somebody who knows SQLite well.
alter() {
	cp "$BATS_FILE_TMPDIR/agentlens.db" "$db"
	sqlite3 -batch "$db" "PRAGMA ignore_check_constraints = 1; $1" >"$dir/out"
	fails cmp -s "$BATS_FILE_TMPDIR/agentlens.db" "$db"
}

# ends STATUS COMMAND...
ends() {
	local status=0
	"${@:2}" >"$dir/out" 2>"$dir/err" || status=$?
	equal "status of ${*:2}" "$1" "$status" || { cat "$dir/out" "$dir/err"; return 1; }
}

event='{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s"}}'

# is_refused REGEX: by both programs, in a sentence that matches.
is_refused() {
	local status=0 command
	MODE=cgi post "$event"
	equal 'the answer' 503 "$code"
	grep -qE "$1" "$dir/err" || { echo "the log lacks: $1"; cat "$dir/err"; return 1; }
	for command in list verify 'prune --before 1d --yes' export; do
		status=0
		# shellcheck disable=SC2086
		tool $command >"$dir/out" 2>"$dir/err" || status=$?
		equal "$command" 2 "$status"
		grep -qE "$1" "$dir/err" || { echo "$command lacks: $1"; cat "$dir/err"; return 1; }
	done
}

@test "an object that may not be there is named, and nothing is recorded" {
	local sentence sql
	while IFS='|' read -r sentence sql; do
		row "$sentence"
		alter "$sql"
		is_refused "$sentence"
	done <<-'END'
		the file has a trigger 'x' on events|CREATE TRIGGER x BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END
		the file has a trigger 'y' on other|CREATE TABLE other (a); CREATE TRIGGER y AFTER INSERT ON other BEGIN DELETE FROM events; END
		events is a view|CREATE TABLE e AS SELECT rowid, * FROM events; DROP TABLE events; CREATE VIEW events AS SELECT * FROM e
		sessions is a view|DROP TABLE sessions; CREATE VIEW sessions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n
		ingest_pruned is a view|DROP TABLE ingest_pruned; CREATE VIEW ingest_pruned AS SELECT 1 AS id
		idx_ingest_key is a view|DROP INDEX idx_ingest_key; CREATE VIEW idx_ingest_key AS SELECT 1
		table 'ingest_deliveries'.* not the one|ALTER TABLE ingest_deliveries ADD COLUMN more TEXT
		table 'idx_ingest_key'|DROP INDEX idx_ingest_key; CREATE TABLE idx_ingest_key (a)
		index 'idx_ingest_chain'|DROP INDEX idx_ingest_chain; CREATE INDEX idx_ingest_chain ON events(tenant_id, session_id, timestamp, id) WHERE id > '4'
		index 'mine'|CREATE UNIQUE INDEX mine ON sessions(agent_id, id)
		index 'slow'|CREATE INDEX slow ON events(payload LIKE '%a%a%a%a%a%b')
		table 'sessions'.* rule|ALTER TABLE sessions ADD COLUMN more TEXT NOT NULL ON CONFLICT IGNORE DEFAULT 'x'
		table 'events'.* rule|ALTER TABLE events ADD COLUMN more TEXT GENERATED ALWAYS AS (id)
		table 'agents'.* rule|ALTER TABLE agents ADD COLUMN more TEXT COLLATE NOCASE
		column 'rowid'|ALTER TABLE events ADD COLUMN rowid TEXT
		column 'hash'|CREATE TABLE e AS SELECT * FROM events; DROP TABLE events; CREATE TABLE events AS SELECT id, timestamp, session_id, agent_id, event_type, severity, payload, metadata, prev_hash, CAST(1 AS INTEGER) AS hash, tenant_id FROM e
	END
}

@test "the name of an object is not written as it is" {
	alter "CREATE TRIGGER \"z"$'\e'"[31m\" AFTER DELETE ON sessions BEGIN SELECT 1; END"
	is_refused "trigger 'z\?\[31m' on sessions"
	alter "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE VIEW "$'\e'"[31m', name = '"$'\e'"[31m' WHERE name = 'agents'"
	fails tool list >"$dir/out" 2>"$dir/err"
	fails grep -q $'\e' "$dir/err"
}

@test "an object whose text is of another one is found" {
	alter "PRAGMA writable_schema = ON; CREATE VIEW v AS SELECT 1;
		UPDATE sqlite_schema SET type = 'table', name = 'w', tbl_name = 'w' WHERE name = 'v'"
	is_refused "'w' of the file is made by a text that makes something else|malformed"
	alter "PRAGMA writable_schema = ON; CREATE TABLE other (a); CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END;
		UPDATE sqlite_schema SET type = 'index', name = 'u' WHERE name = 't'"
	is_refused "'u' of the file is made by a text that makes something else|malformed"
}

@test "what AgentLens makes is no fault" {
	alter "ALTER TABLE events ADD COLUMN span_id TEXT; ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
		CREATE INDEX idx_events_type ON events(event_type); CREATE TABLE alert_rules (id TEXT PRIMARY KEY, name TEXT);
		CREATE UNIQUE INDEX idx_alerts ON alert_rules(name); CREATE VIEW theirs AS SELECT * FROM events; ANALYZE"
	MODE=cgi post "$event"
	recorded custom s
	tool verify
	tool list >"$dir/out"
	# Its own tables, as its migrations leave them.
	alter "ALTER TABLE sessions RENAME TO old; CREATE TABLE sessions_new (id TEXT NOT NULL, agent_id TEXT NOT NULL, agent_name TEXT,
		started_at TEXT NOT NULL, ended_at TEXT, status TEXT NOT NULL DEFAULT 'active', event_count INTEGER NOT NULL DEFAULT 0,
		tool_call_count INTEGER NOT NULL DEFAULT 0, error_count INTEGER NOT NULL DEFAULT 0, total_cost_usd REAL NOT NULL DEFAULT 0,
		llm_call_count INTEGER NOT NULL DEFAULT 0, total_input_tokens INTEGER NOT NULL DEFAULT 0,
		total_output_tokens INTEGER NOT NULL DEFAULT 0, tags TEXT NOT NULL DEFAULT '[]',
		tenant_id TEXT NOT NULL DEFAULT 'default', org_id TEXT NOT NULL DEFAULT 'default', project_id TEXT, last_event_at TEXT,
		PRIMARY KEY (id, tenant_id));
		INSERT INTO sessions_new SELECT id, agent_id, agent_name, started_at, ended_at, status, event_count, tool_call_count,
		error_count, total_cost_usd, llm_call_count, total_input_tokens, total_output_tokens, tags, tenant_id, org_id, project_id,
		last_event_at FROM old; DROP TABLE old; ALTER TABLE sessions_new RENAME TO sessions"
	MODE=cgi post "$event"
	recorded custom s
	tool verify
}

@test "a running responder sees a trigger that comes, and goes on when it goes" {
	post "$event"
	recorded custom s
	query "CREATE TRIGGER x BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END"
	post "$event"
	answered 503
	grep -q "has a trigger 'x' on events" "$dir/responder.log"
	query 'DROP TRIGGER x'
	post "$event"
	recorded custom s
	tool verify
}

# page_of BELOW: prints an inner page of a table, each of whose 251 children is the
# page BELOW.
page_of() {
	local cells=250 out below pointers='' content='' i at=4096
	printf -v below '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255))
	for ((i = 0; i < cells; i++)); do
		((at -= 6))
		printf -v out '\\x%02x\\x%02x' $((at >> 8)) $((at & 255))
		pointers+=$out
		printf -v out '\\x%02x\\x%02x' $((0x81 + i / 128)) $((i % 128))
		content=$below$out$content
	done
	printf -v out '\\x05\\x00\\x00\\x%02x\\x%02x\\x%02x\\x%02x\\x00' $((cells >> 8)) $((cells & 255)) $((at >> 8)) $((at & 255))
	# shellcheck disable=SC2059
	printf "$out$below$pointers"
	head -c $((at - 12 - 2 * cells)) /dev/zero
	# shellcheck disable=SC2059
	printf "$content"
}

@test "a table whose pages go in circles ends every command" {
	local root pages command status i
	root=$(query "SELECT rootpage FROM sqlite_schema WHERE name = 'events'")
	pages=$(query 'PRAGMA page_count')
	# The table's root is moved to the end, below inner pages which have it
	# 251 times each: more rows than anybody can read.
	dd if="$db" of="$dir/leaf" bs=4096 skip=$((root - 1)) count=1 status=none
	for i in 1 2 3 4 5; do
		page_of $((pages + i + 1)) >>"$db"
	done
	cat "$dir/leaf" >>"$db"
	page_of $((pages + 1)) | dd of="$db" bs=4096 seek=$((root - 1)) conv=notrunc status=none
	printf '%08x' $((pages + 6)) | sed 's/../\\x&/g' >"$dir/count"
	# shellcheck disable=SC2059
	printf "$(cat "$dir/count")" | dd of="$db" bs=1 seek=28 conv=notrunc status=none
	matches 'what sqlite3 reads' '[0-9]+' "$(query 'SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1000)')"
	launcher=(timeout 60)
	for command in verify stats export 'list --text nowhere'; do
		row "$command"
		status=0
		# shellcheck disable=SC2086
		tool $command >/dev/null 2>"$dir/err" || status=$?
		matches "$command" '0|1|2' "$status"
		[ "$command" != export ] || grep -q 'takes far longer than its size explains' "$dir/err"
	done
}

# read_all: runs every reading command on the file of the test; each ends by
# itself, in time, and writes no byte that a terminal obeys.
read_all() {
	local command status
	while read -r command; do
		status=0
		# shellcheck disable=SC2086
		tool $command >"$dir/out" 2>"$dir/err" </dev/null || status=$?
		((status <= 3 || status == 64)) && ! LC_ALL=C tr -d '\n\r' <"$dir/out" | cat - "$dir/err" | LC_ALL=C tr -d '\n' | LC_ALL=C grep -q '[[:cntrl:]]' || {
			echo "$1: $command: status $status"
			head -c 2000 "$dir/err"
			cp "$db" "/tmp/hostile-fault.db"
			LC_ALL=C grep -n '[[:cntrl:]]' "$dir/out" | head -c 300 | cat -v
			faults+=1
		}
	done <"$BATS_FILE_TMPDIR/commands"
}

# Each column gets one value by chance, or with TORTURE set each of them.
@test "no value of any column ends or steers a command" {
	local table columns column value faults='' name chosen number loose=$dir/loose.db tables ids
	tool prune --before 2023-11-14T22:13:20.006Z --yes >"$dir/out"
	MODE=cgi deliver agentgate '{"event":"request.unheard-of","data":{}}'
	cp "$db" "$dir/original.db"
	ids=$(query "SELECT id FROM events LIMIT 1 OFFSET 2")
	cat >"$BATS_FILE_TMPDIR/commands" <<-END
		list
		list --json
		timeline s1
		timeline $(query "SELECT session_id FROM events ORDER BY id DESC LIMIT 1")
		tail
		tail --json -n 3
		stats
		stats --json
		verify
		verify --json
		verify --seal $BATS_FILE_TMPDIR/seal
		show $ids
		show --json $ids
		export
		export --deliveries
		export --csv
		refused
		refused --json
		prune --dry-run --before 1m
		seal
		prove $ids
	END
	cp "$db" "$loose"
	sqlite3 -batch "$loose" "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), ' STRICT', '') WHERE type = 'table'"
	launcher=(timeout 20)
	RANDOM=${SEED:=$RANDOM}
	echo "# SEED=$SEED tests/run hostile repeats this run" >&3
	tables=$(query "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
	for table in $tables; do
		columns=$(query "SELECT name FROM pragma_table_info('$table')")
		for column in $columns; do
			chosen=$((RANDOM % 9)) number=0
			while IFS='|' read -r name value; do
				[ -n "${TORTURE-}" ] || ((number++ == chosen)) || continue
				cp "$loose" "$db"
				sqlite3 -batch "$db" "PRAGMA ignore_check_constraints = 1; UPDATE OR IGNORE $table SET $column = $value
					WHERE rowid = (SELECT rowid FROM $table ORDER BY rowid LIMIT 1 OFFSET (SELECT count(*) / 2 FROM $table));
					ATTACH '$dir/original.db' AS o; PRAGMA writable_schema = ON;
					UPDATE main.sqlite_schema SET sql = (SELECT sql FROM o.sqlite_schema AS s WHERE s.name = sqlite_schema.name)" 2>"$dir/err" || :
				read_all "$table.$column = $name"
			done <<-'END'
				NULL|NULL
				blob|x'00ff1b5b33316d07'
				number|-9223372036854775808
				real|1e300
				NUL|'a' || char(0) || 'b' || char(27) || '[31m' || char(7) || char(155)
				controls|char(27) || ']0;x' || char(7) || char(13) || char(8)
				empty|''
				high|'ZZZZZZZZZZZZZZZZZZZZZZZZZZ'
				huge|printf('%.*c', 3000000, 'x')
			END
		done
	done
	equal 'faults' '' "$faults"
}

@test "ids, times and links of a time to come do not stop recording" {
	local first
	post "$event"
	recorded custom s
	first=$event_id
	stop
	query "INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, prev_hash, hash)
		SELECT '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', '9999-12-31T23:59:59.999Z', session_id, agent_id, event_type, payload, hash, 'theirs' FROM events WHERE id = '$first';
		INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, prev_hash, hash)
		SELECT 'zzz', 'zzzz', session_id, agent_id, event_type, payload, hash, 'other' FROM events WHERE id = '$first'"
	post "$event"
	recorded custom s
	[[ $first < $event_id && $event_id < 7ZZ ]]
	stored prev_hash "$(query "SELECT hash FROM events WHERE id = '$first'")"
	post "$event"
	recorded custom s
	counted events 17
}

@test "import refuses numbers, ids and times that nothing could follow" {
	local line=$dir/line name expression
	tool export >"$dir/lines"
	while IFS='|' read -r name expression; do
		row "$name"
		sed -E "1$expression" "$dir/lines" >"$line"
		fails cmp -s "$dir/lines" "$line"
		rm -f "$dir/other.db"*
		ends 2 tool import -d "$dir/other.db" "$line"
		grep -q 'line 1: ' "$dir/err"
		[ ! -e "$dir/other.db" ] || equal events 0 "$(sqlite3 "$dir/other.db" 'SELECT count(*) FROM events')"
	done <<-'END'
		position 9.2e18|s/"position":[0-9]+/"position":9200000000000000000/
		position 1e300|s/"position":[0-9]+/"position":1e300/
		position -5|s/"position":[0-9]+/"position":-5/
		position 0|s/"position":[0-9]+/"position":0/
		position 1.5|s/"position":[0-9]+/"position":1.5/
		timestamp zzzz|s/"timestamp":"[^"]+"/"timestamp":"zzzz"/
		timestamp to come|s/"timestamp":"2/"timestamp":"9/
		id to come|s/"id":"0/"id":"7/
	END
}

@test "every command that opens a file is inside the sandbox" {
	local command
	command -v strace >/dev/null || skip 'strace is not installed (Debian: strace)'
	[ "$(tool_sandbox)" = 'files and system calls' ] || skip 'the sandbox is not whole here'
	strace -qq -o "$dir/trace" true 2>"$dir/err" || skip "nothing can be traced: $(cat "$dir/err")"
	tool export >"$dir/lines"
	for command in list 'timeline s1' tail stats verify seal export 'export --csv' refused 'prune --before 1d --yes' \
		"import -d $dir/other.db $dir/lines" "verify --seal $BATS_FILE_TMPDIR/seal"; do
		row "$command"
		launcher=(strace -f -qq -e "trace=landlock_restrict_self,seccomp,openat" -o "$dir/trace")
		# shellcheck disable=SC2086
		tool $command >"$dir/out" 2>"$dir/err"
		grep -q 'landlock_restrict_self(.*= 0' "$dir/trace"
		grep -q 'seccomp(SECCOMP_SET_MODE_FILTER.*= 0' "$dir/trace"
		# Nothing that it needs is refused to it.
		equal refused '' "$(grep -E 'EACCES|ENOSYS' "$dir/trace")"
	done
	with INGEST_SANDBOX=off
	tool list >"$dir/out"
	fails grep landlock_restrict_self "$dir/trace"
}

tool_sandbox() {
	env -i "${settings[@]}" "$INGEST" --check 2>>"$dir/err" | sed -n 's/^sandbox: //p'
}

@test "tail follows from inside" {
	tool tail -f >"$dir/out" 2>"$dir/err" 3>&- &
	local tail=$! inside
	until_true grep -q . "$dir/out"
	inside=$(pgrep -P "$tail" -x agentlens-log || echo "$tail")
	[ "$(tool_sandbox)" != 'files and system calls' ] || {
		grep -q '^Seccomp:[[:space:]]*2$' "/proc/$inside/status"
	}
	MODE=cgi post "$event"
	recorded custom s
	until_true grep -q 'custom' "$dir/out"
	kill "$inside"
	wait "$tail" || :
}
