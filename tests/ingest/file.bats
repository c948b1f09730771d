# The database: AgentLens's tables, and the deliveries.
#
# run: cgi fcgi, 15 s

load ../lib/helper

generic='{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s","agentlens_agent_id":"a"}}'

# event TYPE [TIMESTAMP]: a generic event of session s and agent a.
event() {
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"$1\"},\"context\":{\"agentlens_session_id\":\"s\",\"agentlens_agent_id\":\"a\"}${2:+,\"timestamp\":\"$2\"}}"
	recorded "$1" s
}

# columns TABLE: names with their defaults, in order.
columns() {
	query "SELECT group_concat(name || iif(dflt_value IS NULL, '', '=' || dflt_value), ' ') FROM pragma_table_info('$1')"
}

@test "the columns are AgentLens's" {
	post "$generic"
	recorded custom
	equal events "id timestamp session_id agent_id event_type severity='info' payload metadata='{}' prev_hash hash tenant_id='default' verified_agent_id pricing_version org_id='default' project_id" \
		"$(columns events)"
	equal sessions "id agent_id agent_name started_at ended_at status='active' event_count=0 tool_call_count=0 error_count=0 total_cost_usd=0 llm_call_count=0 total_input_tokens=0 total_output_tokens=0 tags='[]' tenant_id='default' org_id='default' project_id last_event_at" \
		"$(columns sessions)"
	equal agents "id name description first_seen_at last_seen_at session_count=0 tenant_id='default' org_id='default' project_id model_override paused_at pause_reason" \
		"$(columns agents)"
	equal ingest_deliveries 'id sent_at key idempotency_key event_id reason source received_at remote_addr signature body' \
		"$(columns ingest_deliveries)"
	equal tables $'agents\nevents\ningest_deliveries\ningest_pruned\nsessions' \
		"$(query "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")"
	local table
	for table in sessions agents; do
		equal "key of $table" 'id tenant_id' \
			"$(query "SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info('$table') WHERE pk ORDER BY pk)")"
	done
}

@test "the only indexes are the deliveries' and the chain's" {
	post "$generic"
	equal indexes $'events(tenant_id,session_id,timestamp,id)\ningest_deliveries(idempotency_key)\ningest_deliveries(sent_at,key)' \
		"$(query "SELECT s.tbl_name || '(' || (SELECT group_concat(name) FROM pragma_index_info(s.name)) || ')'
			FROM sqlite_schema s WHERE s.type = 'index' AND s.sql IS NOT NULL ORDER BY 1")"
	equal 'unique indexes' 2 "$(query "SELECT count(*) FROM pragma_index_list('ingest_deliveries') WHERE [unique]")"
	equal 'events of the last link' 1 "$(query "EXPLAIN QUERY PLAN SELECT hash FROM events
		WHERE tenant_id = 'default' AND session_id = 's' ORDER BY timestamp DESC, id DESC LIMIT 1" |
		grep -c 'SEARCH events USING INDEX')"
}

@test "a row of events" {
	deliver agentgate '{"source":"agentgate","event":"test","data":{},"timestamp":"2025-02-08T10:00:00Z","context":{"agentlens_session_id":"s","agentlens_agent_id":"a"}}'
	recorded custom s
	equal row "$event_id|2025-02-08T10:00:00.000Z|s|a|custom|info|{\"type\":\"test\",\"data\":{}}|{\"source\":\"agentgate\",\"webhookEvent\":\"test\",\"agentlens_session_id\":\"s\",\"agentlens_agent_id\":\"a\"}|NULL|default|NULL|default|default" \
		"$(query "SELECT id, timestamp, session_id, agent_id, event_type, severity, payload, metadata, ifnull(prev_hash, 'NULL'), tenant_id, ifnull(verified_agent_id, 'NULL'), org_id, project_id FROM events")"
	matches hash '[0-9a-f]{64}' "$(column hash)"
	local text="{\"v\":2,\"id\":\"$event_id\",\"timestamp\":\"2025-02-08T10:00:00.000Z\",\"sessionId\":\"s\",\"agentId\":\"a\",\"eventType\":\"custom\",\"severity\":\"info\",\"payload\":{\"type\":\"test\",\"data\":{}},\"metadata\":{\"source\":\"agentgate\",\"webhookEvent\":\"test\",\"agentlens_session_id\":\"s\",\"agentlens_agent_id\":\"a\"},\"prevHash\":null}"
	stored hash "$(printf %s "$text" | sha256sum | cut -c 1-64)"
}

@test "each source has its tenant, and the project is the tenant" {
	with AGENTGATE_TENANT_ID='ten ant/ä' FORMBRIDGE_TENANT_ID=fb GENERIC_TENANT_ID=gen
	deliver agentgate '{"source":"agentgate","event":"test","data":{}}'
	recorded custom
	deliver formbridge '{"submissionId":"x","intakeId":"f","state":"draft"}'
	recorded form_submitted
	post "$generic"
	recorded custom
	local table
	for table in events sessions agents; do
		equal "$table" $'fb|fb|default\ngen|gen|default\nten ant/ä|ten ant/ä|default' \
			"$(query "SELECT tenant_id, project_id, org_id FROM $table ORDER BY 1")"
	done
}

@test "a session's chain begins with null and goes on with hashes" {
	local i
	for i in 1 2 3 4 5; do
		post "$generic"
		recorded custom s
	done
	equal beginnings 1 "$(query 'SELECT count(*) FROM events WHERE prev_hash IS NULL')"
	chain_intact
}

@test "ids ascend, also above what another program wrote" {
	post "$generic"
	recorded custom
	local first=$event_id
	post "$generic"
	recorded custom
	[[ $first < $event_id ]]
	# Some days ahead.
	local theirs=${event_id:0:4}ZZZZZZ0000000000000000
	query "UPDATE events SET id = '$theirs' WHERE id = '$event_id'"
	post "$generic"
	recorded custom
	[[ $theirs < $event_id ]]
	post "$generic"
	local last=$event_id
	recorded custom
	[[ $last < $event_id ]]
}

@test "a session's row follows its events" {
	event custom 2025-02-08T10:00:00Z
	equal row 's|a|2025-02-08T10:00:00.000Z|NULL|active|1|0|0|[]|default|2025-02-08T10:00:00.000Z' \
		"$(query "SELECT id, agent_id, started_at, ifnull(ended_at, 'NULL'), status, event_count, tool_call_count, error_count, tags, tenant_id, last_event_at FROM sessions")"
	event tool_call 2025-02-08T10:00:01Z
	event tool_call 2025-02-08T10:00:02Z
	event tool_error 2025-02-08T10:00:03Z
	event tool_response 2025-02-08T10:00:04Z
	equal row 'active|5|2|1|2025-02-08T10:00:00.000Z|2025-02-08T10:00:04.000Z' \
		"$(query 'SELECT status, event_count, tool_call_count, error_count, started_at, last_event_at FROM sessions')"
	event session_ended 2025-02-08T10:00:05Z
	equal row 'completed|6|2025-02-08T10:00:05.000Z|2025-02-08T10:00:05.000Z' \
		"$(query 'SELECT status, event_count, ended_at, last_event_at FROM sessions')"
	counted sessions 1
}

@test "an agent's row follows its sessions" {
	event session_started 2025-02-08T10:00:00Z
	equal row 'a|a|2025-02-08T10:00:00.000Z|2025-02-08T10:00:00.000Z|default' \
		"$(query 'SELECT id, name, first_seen_at, last_seen_at, tenant_id FROM agents')"
	event tool_call 2025-02-08T10:00:01Z
	equal row '2025-02-08T10:00:00.000Z|2025-02-08T10:00:01.000Z|1' \
		"$(query 'SELECT first_seen_at, last_seen_at, session_count FROM agents')"
	counted agents 1
	equal status active "$(query 'SELECT status FROM sessions')"
}

@test "a delivery's row is the evidence" {
	local body='{"source":"agentgate", "event":"test","data":{"é":"\u00e9"}}'$'\n\t '
	deliver agentgate "$body" HTTP_IDEMPOTENCY_KEY=k REMOTE_ADDR=2001:db8::1
	recorded custom
	equal row "1|$event_id|NULL|agentgate|2001:db8::1|$(printf %s "$body" | sign "$agentgate_secret")|32|32" \
		"$(query "SELECT id, event_id, ifnull(reason, 'NULL'), source, remote_addr, signature, length(key), length(idempotency_key) FROM ingest_deliveries")"
	query "SELECT writefile('$dir/raw', body) FROM ingest_deliveries"
	cmp "$dir/raw" "$dir/body"
	equal type blob "$(query 'SELECT typeof(body) FROM ingest_deliveries')"
	matches received_at '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z' \
		"$(query 'SELECT received_at FROM ingest_deliveries')"
	# The signature can be checked again from the file alone.
	equal signature "$(query 'SELECT signature FROM ingest_deliveries')" \
		"$(sign "$agentgate_secret" <"$dir/raw")"
}

@test "a delivery's signature is kept in lower case, without its prefix" {
	local body='{"source":"agentgate","event":"test","data":{}}' signature
	signature=$(printf %s "$body" | sign "$agentgate_secret")
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="sha256=${signature^^} "
	recorded custom
	equal signature "$signature" "$(query 'SELECT signature FROM ingest_deliveries')"
}

@test "an unsigned delivery's row has no key and no signature" {
	post "$generic"
	recorded custom
	equal row "$event_id|NULL|NULL|NULL|NULL|generic|$generic" \
		"$(query "SELECT event_id, ifnull(reason, 'NULL'), ifnull(key, 'NULL'), ifnull(idempotency_key, 'NULL'), ifnull(signature, 'NULL'), source, CAST(body AS TEXT) FROM ingest_deliveries")"
}

@test "the body keeps its byte order mark and its odd bytes" {
	post_bytes '\xef\xbb\xbf{"source":"generic","event":"e","data":{"a":"\\ud83d\\u0000"}}\r\n'
	recorded custom
	query "SELECT writefile('$dir/raw', body) FROM ingest_deliveries"
	cmp "$dir/raw" "$dir/body"
}

@test "the file is for its owner alone" {
	umask 000
	post "$generic"
	recorded custom
	local file
	for file in "$db" "$db"-*; do
		[ ! -e "$file" ] || equal "mode of $file" 600 "$(stat -c %a "$file")"
	done
}

@test "INGEST_FILE_MODE says otherwise, whatever the umask" {
	umask 077
	with INGEST_FILE_MODE=0640
	post "$generic"
	recorded custom
	equal mode 640 "$(stat -c %a "$db")"
}

@test "an existing file keeps its mode" {
	sqlite3 "$db" 'CREATE TABLE other (x)'
	chmod 0644 "$db"
	post "$generic"
	recorded custom
	equal mode 644 "$(stat -c %a "$db")"
}

@test "the folder is not made" {
	with DB_PATH="$dir/missing/agentlens.db"
	post "$generic"
	[ "$code" != 201 ]
	[ ! -e "$dir/missing" ]
}

@test "journal: WAL, or none of it with delete" {
	post "$generic"
	equal journal_mode wal "$(query 'PRAGMA journal_mode')"
	stop
	db=$dir/other.db
	with DB_PATH="$db" INGEST_JOURNAL=delete
	post "$generic"
	recorded custom
	equal journal_mode delete "$(query 'PRAGMA journal_mode')"
	[ ! -e "$db-wal" ]
}

@test "a file inside DOCUMENT_ROOT is refused" {
	local root
	mkdir -p "$dir/www/below" "$dir/www/belo" "$dir/ww"
	ln -s "$dir/www" "$dir/link"
	db=$dir/www/below/agentlens.db
	with DB_PATH="$db"
	for root in "$dir/www" "$dir/www/" "$dir/www/below" "$dir" "$dir/link" "$dir/www/../www" /; do
		row "$root"
		post "$generic" DOCUMENT_ROOT="$root"
		answered 500
		[ ! -s "$db" ] || counted events 0
	done
	for root in "$dir/ww" "$dir/www/belo" "$dir/www/below/agentlens" "$dir/missing" ''; do
		row "$root"
		post "$generic" DOCUMENT_ROOT="$root"
		recorded custom
	done
	counted events 5
}

@test "a link into DOCUMENT_ROOT is followed" {
	mkdir "$dir/www"
	ln -s "$dir/www" "$dir/link"
	with DB_PATH="$dir/link/agentlens.db"
	post "$generic" DOCUMENT_ROOT="$dir/www"
	answered 500
	[ ! -s "$dir/www/agentlens.db" ]
}

@test "a payload of 10240 bytes stays, one more does not" {
	local text size=10240
	# {"type":"t","data":"…"} is 22 bytes and the text.
	printf -v text "%0$((size - 22))d" 0
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\"$text\"}}"
	recorded custom
	stored payload "{\"type\":\"t\",\"data\":\"$text\"}"
	stored 'length(payload)' 10240
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\"0$text\"}}"
	recorded custom
	local preview
	preview="{\\\"type\\\":\\\"t\\\",\\\"data\\\":\\\"$(printf %0180d 0)"
	stored payload "{\"type\":\"_truncated\",\"data\":{\"_truncated\":true,\"originalSize\":10241,\"maxSize\":10240,\"preview\":\"$preview...\"}}"
	# Nothing is lost by it.
	query "SELECT writefile('$dir/raw', body) FROM ingest_deliveries WHERE event_id = '$event_id'"
	cmp "$dir/raw" "$dir/body"
	chain_intact
}

@test "a payload's size is counted in bytes, its preview in UTF-16 units" {
	local text rest
	printf -v text '%05109d' 0
	text=${text//0/é}
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\"$text\"}}"
	recorded custom
	stored 'length(CAST(payload AS BLOB))' 10240
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\"$text.\"}}"
	recorded custom
	printf -v rest '%0180d' 0
	stored payload "{\"type\":\"_truncated\",\"data\":{\"_truncated\":true,\"originalSize\":10241,\"maxSize\":10240,\"preview\":\"{\\\"type\\\":\\\"t\\\",\\\"data\\\":\\\"${rest//0/é}...\"}}"
	# 180 units are left after the 20 of {"type":"t","data":": 90 pairs fit.
	printf -v text '%03000d' 0
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\"${text//0/😀}\"}}"
	recorded custom
	printf -v rest '%090d' 0
	stored payload "{\"type\":\"_truncated\",\"data\":{\"_truncated\":true,\"originalSize\":12022,\"maxSize\":10240,\"preview\":\"{\\\"type\\\":\\\"t\\\",\\\"data\\\":\\\"${rest//0/😀}...\"}}"
	# One byte more before them, and the last pair is cut in two.
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"t\",\"data\":\".${text//0/😀}\"}}"
	recorded custom
	printf -v rest '%089d' 0
	stored payload "{\"type\":\"_truncated\",\"data\":{\"_truncated\":true,\"originalSize\":12023,\"maxSize\":10240,\"preview\":\"{\\\"type\\\":\\\"t\\\",\\\"data\\\":\\\".${rest//0/😀}�...\"}}"
	chain_intact
}

@test "metadata of 10240 bytes stays, one more does not" {
	local text
	# {"source":"generic","webhookEvent":"e","k":"…"} is 46 bytes and the text.
	printf -v text '%010194d' 0
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"context\":{\"k\":\"$text\"}}"
	recorded custom
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",\"k\":\"$text\"}"
	stored 'length(metadata)' 10240
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"context\":{\"k\":\"0$text\",\"agentlens_session_id\":\"s\",\"agentId\":\"a\"}}"
	recorded custom s
	stored metadata '{"source":"generic","webhookEvent":"e","contextTruncated":true}'
	stored agent_id a
	chain_intact
}

@test "metadata that is cut keeps the reported time, last" {
	local text
	printf -v text '%011000d' 0
	post "$generic"
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"timestamp\":1730000000000,\"context\":{\"k\":\"$text\",\"agentlens_session_id\":\"s\"}}"
	recorded custom s
	stored metadata '{"source":"generic","webhookEvent":"e","contextTruncated":true,"reportedTimestamp":1730000000000}'
	chain_intact
}

@test "a file that an older AgentLens made is opened, and gets its missing columns" {
	sqlite3 "$db" "
		CREATE TABLE events (id TEXT PRIMARY KEY, timestamp TEXT NOT NULL, session_id TEXT NOT NULL,
			agent_id TEXT NOT NULL, event_type TEXT NOT NULL, severity TEXT NOT NULL DEFAULT 'info',
			payload TEXT NOT NULL, metadata TEXT NOT NULL DEFAULT '{}', prev_hash TEXT, hash TEXT NOT NULL,
			tenant_id TEXT NOT NULL DEFAULT 'default');
		CREATE TABLE sessions (id TEXT NOT NULL, agent_id TEXT NOT NULL, agent_name TEXT,
			started_at TEXT NOT NULL, ended_at TEXT, status TEXT NOT NULL DEFAULT 'active',
			event_count INTEGER NOT NULL DEFAULT 0, tool_call_count INTEGER NOT NULL DEFAULT 0,
			error_count INTEGER NOT NULL DEFAULT 0, total_cost_usd REAL NOT NULL DEFAULT 0,
			tags TEXT NOT NULL DEFAULT '[]', tenant_id TEXT NOT NULL DEFAULT 'default',
			PRIMARY KEY (id, tenant_id));
		CREATE TABLE agents (id TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
			first_seen_at TEXT NOT NULL, last_seen_at TEXT NOT NULL,
			session_count INTEGER NOT NULL DEFAULT 0, tenant_id TEXT NOT NULL DEFAULT 'default',
			PRIMARY KEY (id, tenant_id));
		CREATE INDEX idx_events_timestamp ON events(timestamp);
		CREATE TABLE alerts (id TEXT PRIMARY KEY);
		INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, hash)
			VALUES ('01JAAAAAAAAAAAAAAAAAAAAAAA', '2025-01-01T00:00:00.000Z', 's', 'a', 'custom', '{}', 'abc');
		INSERT INTO sessions (id, agent_id, started_at, event_count) VALUES ('s', 'a', '2025-01-01T00:00:00.000Z', 1);
		INSERT INTO agents (id, name, first_seen_at, last_seen_at, session_count)
			VALUES ('a', 'Agent A', '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z', 1)"
	post "$generic"
	recorded custom s
	stored prev_hash abc
	[[ 01JAAAAAAAAAAAAAAAAAAAAAAA < $event_id ]]
	stored "ifnull(verified_agent_id, 'NULL') || ifnull(pricing_version, 'NULL') || org_id || project_id" NULLNULLdefaultdefault
	equal 'old event' 'abc|default' "$(query "SELECT hash, org_id FROM events WHERE hash = 'abc'")"
	equal session "2|2025-01-01T00:00:00.000Z|$(column timestamp)" \
		"$(query 'SELECT event_count, started_at, last_event_at FROM sessions')"
	equal agent 'Agent A|1' "$(query 'SELECT name, session_count FROM agents')"
	# A second start finds nothing left to do.
	stop
	post "$generic"
	recorded custom s
	counted events 3
}

@test "AgentLens may write the file at the same time" {
	post "$generic"
	recorded custom s
	local before=$event_id
	# Of the same millisecond, and with the last random part there is.
	query "INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, prev_hash, hash)
		SELECT '${before:0:10}ZZZZZZZZZZZZZZZZ', timestamp, session_id, agent_id, event_type, payload, hash, 'theirs' FROM events"
	post "$generic"
	recorded custom s
	stored prev_hash theirs
	[[ ${before:0:10}ZZZZZZZZZZZZZZZZ < $event_id ]]
}

@test "an event that fails by itself fails alone" {
	local i
	post "$generic"
	recorded custom s
	# Written when the event is, and its session.
	query "ALTER TABLE agents ADD COLUMN era TEXT CHECK (id <> 'poison')"
	# Sessions of their own, whose name is made of the event's id, and times
	# that are moved: what depends on the transaction.
	for i in {1..12}; do
		printf '{"source":"generic","event":"e","timestamp":"2020-01-01T00:00:00Z","data":{"data":"%s"},"context":{"agentlens_agent_id":"%s"%s}}\n' \
			"$( ((i % 6)) || echo poison)$i" "$( ((i % 6)) && echo bot || echo poison)" "$( ((i % 2)) || echo ',"agentlens_session_id":"s"')"
	done >"$dir/many"
	# While another program writes, they gather for one transaction.
	lock_database
	post_all "$dir/many" 12 {lock_fd}>&- &
	local posting=$!
	[ "$MODE" = cgi ] || until_true eval \
		'[ "$(find "/proc/$responder/fd" -lname "socket:*" | wc -l)" -gt 12 ]'
	unlock_database
	wait "$posting"
	equal answers "$(printf '201 %d\n' 1 2 3 4 5 7 8 9 10 11 | sort; printf '503 %d\n' 6 12 | sort)" \
		"$(awk '{ print $1, $2 }' "$dir/answers" | sort)"
	counted events 11
	counted ingest_deliveries 11
	equal 'events that failed' 0 "$(query "SELECT count(*) FROM events WHERE payload LIKE '%poison%'")"
	equal 'own sessions' 6 "$(query "SELECT count(*) FROM events WHERE session_id = 'unlinked_' || id")"
	equal 'times moved' 4 "$(query "SELECT count(*) FROM events WHERE metadata LIKE '%,\"reportedTimestamp\":\"2020-01-01T00:00:00Z\"}'")"
	equal 'times moved twice' 0 "$(query "SELECT count(*) FROM events WHERE metadata LIKE '%reportedTimestamp%reportedTimestamp%'")"
	equal 'counters' 12 "$(query 'SELECT sum(event_count) + 1 FROM sessions')"
	chain_intact
}

@test "8 clients on one session leave an intact chain" {
	local i
	for i in {1..200}; do
		printf '{"source":"generic","event":"e","data":{"data":%d},"context":{"agentlens_session_id":"s"}}\n' "$i"
	done >"$dir/many"
	post_all "$dir/many" 8
	equal 'other answers' '' "$(grep -v ^201 "$dir/answers"; cat "$dir"/err.* 2>/dev/null)"
	equal answers 200 "$(wc -l <"$dir/answers")"
	counted events 200
	equal 'different events' 200 "$(query 'SELECT count(DISTINCT payload) FROM events')"
	equal 'events of the session' 200 "$(query 'SELECT event_count FROM sessions')"
	chain_intact
}

@test "a file that root makes belongs to whom its folder does" {
	[ "$(id -u)" = 0 ] || skip 'only root can make files for others'
	mkdir "$dir/data"
	chown 65534:65534 "$dir/data"
	db=$dir/data/agentlens.db
	without DB_PATH
	with DB_PATH="$db"
	post '{"source":"generic","event":"x","data":{}}'
	recorded custom
	equal 'owner and mode' '65534:65534 600' "$(stat -c '%u:%g %a' "$db")"
}

# run_recipe WORDS [NAME=VALUE...]: runs them beside the file, as they stand.
run_recipe() {
	manual_recipe "$1" >"$dir/recipe"
	[ -s "$dir/recipe" ]
	(cd "${db%/*}" && env "${@:2}" bash -eu -o pipefail "$dir/recipe") >"$dir/out"
}

@test "the manual's ways to read the file do what it says" {
	deliver agentgate '{"source":"agentgate","event":"request.approved","data":{"requestId":"req_9","action":"send","decidedBy":"alice"},"context":{"agentlens_session_id":"sess_01HXYZ"}}'
	recorded approval_granted
	local signed=$event_id
	deliver agentgate '{"source":"agentgate","event":"request.nonsense","data":{}}'
	answered 400
	post '{"source":"generic","event":"e","data":{"n":1},"context":{"agentlens_session_id":"sess_01HXYZ"}}'
	recorded custom

	run_recipe 'AS who'
	grep -qE 'approval_granted +│ req_9 +│ send +│ alice ' "$dir/out"
	run_recipe "session_id = 'sess_01HXYZ'"
	equal 'events of the session' 2 "$(grep -c '│ external ' "$dir/out")"
	run_recipe 'reason IS NOT NULL'
	grep -q "│ agentgate │" "$dir/out"
	run_recipe writefile EVENT="$signed" SECRET="$agentgate_secret"
	equal 'the digits' "$(sed -n '1s/|.*//p' "$dir/out")" "$(sed -n '2s/.* //p' "$dir/out")"
	matches digits '[0-9a-f]{64}' "$(sed -n '2s/.* //p' "$dir/out")"
	PATH=$(dirname "$AGENTLENS_LOG"):$PATH run_recipe 'backup -d'
	equal 'events of the copy' 2 "$(sqlite3 "${db%/*}/copy.db" 'SELECT count(*) FROM events')"
}

@test "the manual's way to check the chain finds a change, and nothing without one" {
	local n
	for n in 1 2 3; do
		post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":\"a \\\"b\\\" \\\\\\\\ é $n\"},\"context\":{\"agentlens_session_id\":\"s\"}}"
		recorded custom
	done
	run_recipe sha256sum
	equal 'what it prints' '' "$(cat "$dir/out")"
	query "UPDATE events SET payload = replace(payload, ' 2', ' 4')"
	run_recipe sha256sum
	equal 'wrong hashes' 1 "$(grep -c '^{"v":2,' "$dir/out")"
	query "UPDATE events SET payload = replace(payload, ' 4', ' 2')"
	query "DELETE FROM events WHERE id = (SELECT id FROM events ORDER BY id LIMIT 1 OFFSET 1)"
	run_recipe sha256sum
	equal 'events without a link' "$event_id" "$(cat "$dir/out")"
}
