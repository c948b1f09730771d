# agentlens-log, the reading half: list, show, timeline, tail, stats, refused,
# sign.
#
# run: once, 5 s

load ../lib/helper
load ../lib/log

MODE=cgi

teardown() {
	local pid
	for pid in "${followers[@]}" "${responders[@]}"; do
		{ kill "$pid" && wait "$pid"; } 2>/dev/null || :
	done
	chmod -R u+w "$dir"
}

# ask ID ACTION TIME SESSION / decide EVENT ID TIME SESSION REASON
ask() {
	deliver agentgate '{"source":"agentgate","event":"request.created","data":{"requestId":"'"$1"'","action":"'"$2"'"},"timestamp":"'"$3"'","context":{"agentlens_session_id":"'"$4"'","agentlens_agent_id":"bot"}}'
	recorded approval_requested
}

decide() {
	deliver agentgate '{"source":"agentgate","event":"request.'"$1"'","data":{"requestId":"'"$2"'","action":"pay","decidedBy":"alice","reason":"'"$5"'"},"timestamp":"'"$3"'","context":{"agentlens_session_id":"'"$4"'"}}'
	answered 201
}

story() {
	ask r1 pay 2026-01-02T10:00:00Z s1
	decide approved r1 2026-01-02T10:00:42Z s1 fine
	ask r2 drop 2026-01-02T11:00:00Z s1
	post '{"source":"generic","event":"e","data":{"n":1},"context":{"agentlens_session_id":"s2"},"timestamp":"2026-01-03T00:00:00Z"}'
}

@test "a generic delivery's own fields are told" {
	post '{"source":"generic","event":"e","data":{"eventType":"tool_call","toolName":"search"}}'
	post '{"source":"generic","event":"e","data":{"eventType":"tool_error","tool":"search","error":"no answer"}}'
	equal what $'external called search\nsearch failed: no answer' "$(tool tail | sed 's/.*generic  *//')"
}

@test "list: the newest first, with every filter" {
	story
	equal order "$(query 'SELECT id FROM events ORDER BY id DESC')" "$(tool list | cut -d ' ' -f 1)"
	equal limit "$(query 'SELECT max(id) FROM events')" "$(tool list -n 1 | cut -d ' ' -f 1)"
	local options number
	while read -r number options; do
		row "$options"
		# shellcheck disable=SC2086
		equal events "$number" "$(tool list $options | wc -l)"
	done <<-'END'
		3 --session s1
		1 --session s2
		2 --agent bot
		1 --type approval_granted
		3 --type approval_*
		3 --source agentgate
		1 --source generic
		2 --since 2026-01-02T11:00:00Z
		2 --until 2026-01-02T10:30:00Z
		1 --since 2026-01-02T10:00:01Z --until 2026-01-02T10:30:00Z --session s1
		0 --since 1h
		0 --tenant other
	END
	run tool list --session nope
	equal status 1 "$status"
}

@test "a session that several tenants have is asked for with its tenant" {
	story
	with GENERIC_TENANT_ID=other
	post '{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s1"}}'
	recorded custom s1
	local command
	for command in 'list --session' 'tail --session' 'tail -f --session' 'stats --session' timeline; do
		row "$command"
		# shellcheck disable=SC2086
		run timeout 30 env -i "${settings[@]}" "$AGENTLENS_LOG" $command s1
		equal status 1 "$status"
		equal sentence "agentlens-log: several tenants have a session 's1': default, other; pick one with --tenant" "$output"
		[ "$command" != 'tail -f --session' ] || continue
		# shellcheck disable=SC2086
		tool $command s1 --tenant other >"$dir/out"
	done
}

@test "filters by request, action, decider and text: list, tail, timeline, export" {
	story
	deliver agentgate '{"source":"agentgate","event":"request.escalated","data":{"request":{"id":"r1","context":{"agentlens_session_id":"s1"}}},"timestamp":"2026-01-02T12:00:00Z"}'
	recorded custom s1
	local options number command
	while read -r number options; do
		row "$options"
		for command in list tail 'timeline s1' export; do
			# shellcheck disable=SC2086
			equal "$command" "$number" "$(tool $command $options | grep -cE '[0-7][0-9A-HJKMNP-TV-Z]{25}')"
		done
	done <<-'END'
		3 --request r1
		1 --request r2
		0 --request r
		2 --action pay
		1 --action dr*
		1 --by alice
		1 --by al*
		0 --by bob
		1 --text FINE
		1 --text "reason":"fine"
		1 --request r1 --by alice
		0 --request r2 --by alice
	END
	# An answer that is not shown is one all the same.
	[[ $(tool timeline s1 --request r1) == *'after 42 s'* ]]
	[[ $(tool timeline s1 --by nobody) == *'1 allowed, 0 refused, 0 expired, 1 waiting'* ]]
	equal csv 2 "$(tool export --csv --by alice | wc -l)"
	run tool export --deliveries --by alice
	equal status 64 "$status"
}

@test "a type or a source that there is not is an error" {
	story
	local options command
	for command in list tail stats; do
		for options in '-t aproval_granted' '-t nope_*' '-t Custom' '--source=nobody' '-S Agentgate'; do
			row "$command $options"
			# shellcheck disable=SC2086
			run tool $command $options
			equal status 64 "$status"
			[[ $output == *"is not"* ]]
		done
	done
	tool list -t 'approval_?ranted' | grep -q approval_granted
	# One that there is, and that has no events, is none.
	equal none '' "$(tool list -t llm_call -S formbridge)"
}

@test "list and tail say UTC, timeline has the ids" {
	story
	equal list 4 "$(tool list | grep -cE '  2026-01-0[23] [0-9:]{8}Z  ')"
	equal tail 4 "$(tool tail | grep -cE '  2026-01-0[23] [0-9:]{8}Z  ')"
	equal ids "$(query "SELECT id FROM events WHERE session_id = 's1' ORDER BY id")" \
		"$(tool timeline s1 | grep -oE '  [0-7][0-9A-HJKMNP-TV-Z]{25}$' | tr -d ' ')"
}

@test "a FIFO in place of the file is refused at once" {
	mkfifo "$dir/fifo"
	local command
	for command in list verify export 'import /dev/null' 'prune --before 1d -y'; do
		row "$command"
		# shellcheck disable=SC2086
		run timeout 20 env -i "${settings[@]}" "$AGENTLENS_LOG" $command -d "$dir/fifo"
		[[ $status != 0 && $status != 124 ]]
		[[ $output == *"it is not a file"* ]]
	done
}

@test "list --json: an object a line, as it was stored" {
	story
	equal lines 4 "$(tool list --json | wc -l)"
	equal one "$(query "SELECT json_object('id', id, 'timestamp', timestamp, 'sessionId', session_id, 'agentId', agent_id, 'eventType', event_type, 'severity', severity, 'payload', json(payload), 'metadata', json(metadata), 'prevHash', prev_hash, 'hash', hash, 'tenantId', tenant_id) FROM events WHERE event_type = 'approval_granted'")" \
		"$(tool list --json --type approval_granted)"
}

@test "what a stranger sent does not steer the terminal" {
	decide approved r1 2026-01-02T10:00:42Z s1 'x\u001b[31m\u009b\u202e\n你好'
	local out
	out=$(tool list; tool timeline s1; tool show "$(query "SELECT id FROM events")")
	fails grep -qP '\x1b|\xc2\x9b|\xe2\x80\xae' <<<"$out"
	[[ $out == *'x\x1b[31m\u009b\u202e\n你好'* ]]
}

@test "characters that are not seen are shown" {
	local point
	for point in 00ad 034f 061c 115f 1160 17b4 180e 200b 2028 2060 2800 3164 fe00 fe0f feff ffa0 fff9; do
		row "$point"
		post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"type\":\"a\\u${point}b\"}}"
		recorded custom
		[[ $(tool list -n 1) == *"a\\u${point}b"* ]]
	done
	# Above the first plane: a variation selector, a tag.
	post '{"source":"generic","event":"e","data":{"type":"a\udb40\udd00b\udb40\udc41c"}}'
	recorded custom
	tool list -n 1 | grep -qF 'a\ue0100b\ue0041c'
}

@test "a terminal gets its width and colours, a pipe and NO_COLOR none" {
	command -v script >/dev/null || skip 'script is not installed'
	story
	settings+=(TERM=xterm)
	local command width
	printf -v command '%q ' env -i "${settings[@]}" "$AGENTLENS_LOG" list
	for width in 60 80 200; do
		row "$width"
		script -qc "stty cols $width; $command" /dev/null </dev/null | tr -d '\r' >"$dir/seen"
		grep -q $'\x1b\\[32m' "$dir/seen"
		[ "$width" -lt 80 ] || [ "$(sed 's/\x1b\[[0-9]*m//g' "$dir/seen" | LC_ALL=C.UTF-8 wc -L)" -le "$width" ]
	done
	script -qc "NO_COLOR=1 ${command/env -i/env -i NO_COLOR=1}" /dev/null </dev/null >"$dir/seen"
	fails grep -q $'\x1b' "$dir/seen"
	tool list >"$dir/seen"
	fails grep -q $'\x1b' "$dir/seen"
}

@test "show: event, delivery and place in the chain" {
	story
	local id out
	id=$(query "SELECT id FROM events WHERE event_type = 'approval_granted'")
	out=$(tool show "$id")
	[[ $out == *'2 of 3 in its session'* ]]
	[[ $out == *"$(query "SELECT hash FROM events WHERE id = '$id'")  good"* ]]
	[[ $out == *"previous    $(query "SELECT min(id) FROM events")  linked"* ]]
	[[ $out == *"$(query "SELECT signature FROM ingest_deliveries WHERE event_id = '$id'")  good"* ]]
	[[ $(tool show --json "$id") == *'"signatureState":"good"'* ]]
	run tool show 0000
	equal status 1 "$status"
	[[ $output == *"there is no event '0000'"* ]]
	run tool show 0
	equal 'status of several' 1 "$status"
	equal sentence "agentlens-log: several events have ids that begin with '0'" "$output"
	query "UPDATE events SET payload = '{}' WHERE id = '$id'"
	[[ $(tool show "$id") == *'WRONG: the row was changed'* ]]
	query "UPDATE events SET hash = 'x' WHERE id = '$id'"
	[[ $(tool show "$id") == *'BROKEN: its prevHash is not this hash'* ]]
	query "UPDATE ingest_deliveries SET body = '{}' WHERE event_id = '$id'"
	[[ $(tool show "$id") == *'WRONG: no secret'* ]]
}

@test "timeline: who asked, who allowed, after how long, why, what waits" {
	story
	local out
	out=$(tool timeline s1)
	[[ $out == *'bot asked for pay'*'alice allowed pay after 42 s: fine'*'1 allowed, 0 refused, 0 expired, 1 waiting'*'r2 has been waiting for'* ]]
	# AgentGate's own body tells what was not recorded.
	deliver agentgate '{"event":"request.denied","data":{"request":{"id":"r9","action":"go","createdAt":"2026-01-02T00:00:00Z","decidedAt":"2026-01-02T00:05:00Z","decidedBy":"bob"}}}'
	[[ $(tool timeline unlinked_r9) == *'bob refused go after 5 min'* ]]
}

@test "stats: counts, what waits, how long it took, what was refused" {
	story
	deliver agentgate '{"source":"agentgate","event":"nope","data":{}}'
	answered 400
	local out
	out=$(tool stats --json)
	[[ $out == *'"events":4,'*'"approval_requested":2'*'"agentgate":3'*'"2026-01-02":3'*'"requested":2,"granted":1'*'"medianMs":42000,"p95Ms":42000'*'"requestId":"r2"'*'"refused":1'* ]]
	[[ $(tool stats) == *'median 42 s'*'1 waiting'* ]]
	# Decided before it was asked, as the deliveries came.
	decide denied r3 2026-01-02T10:00:42Z s3 no
	ask r3 pay 2026-01-02T10:00:00Z s3
	fails grep -q r3 <<<"$(tool stats --json)"
}

@test "refused: a table, the reasons cut to the width of the terminal" {
	command -v script >/dev/null || skip 'script is not installed'
	local name command
	name=$(printf 'nope%.0s' {1..30})
	deliver agentgate '{"source":"agentgate","event":"'"$name"'","data":{}}'
	query "UPDATE ingest_deliveries SET received_at = '2026-01-02T03:04:05.678Z'"
	tool refused >"$dir/seen"
	equal table "NUMBER  RECEIVED (UTC)       SOURCE     REASON
     1  2026-01-02 03:04:05  agentgate  unknown-event: $name" "$(cat "$dir/seen")"
	printf -v command '%q ' env -i "${settings[@]}" TERM=xterm "$AGENTLENS_LOG" refused
	script -qc "stty cols 80; $command" /dev/null </dev/null | tr -d '\r' >"$dir/seen"
	sed -i 's/\x1b\[[0-9]*m//g' "$dir/seen"
	equal width 80 "$(LC_ALL=C.UTF-8 wc -L <"$dir/seen")"
	[[ $(tail -n 1 "$dir/seen") == *'  agentgate  unknown-event: nope'*… ]]
}

@test "refused --record: records what is known by now, once, with its own time" {
	local body='{"source":"agentgate","event":"test","data":{"n":1}}'
	deliver agentgate '{"source":"agentgate","event":"nope","data":{}}'
	deliver agentgate "$body"
	# As if this version had not known it.
	query "DELETE FROM events; DELETE FROM sessions; UPDATE ingest_deliveries SET event_id = NULL, reason = 'Unknown', received_at = '2026-01-02T03:04:05.678Z' WHERE id = 2"
	equal listed 2 "$(tool refused --json | wc -l)"
	[[ $(tool refused 2) == *"$body"* ]]
	[[ $(tool refused --record) == *'1: left, '*'2: recorded as '*'1 recorded, 1 left'* ]]
	counted events 1
	equal time 2026-01-02T03:04:05.678Z "$(query 'SELECT timestamp FROM events')"
	equal delivery 1 "$(query 'SELECT count(*) FROM ingest_deliveries d JOIN events e ON d.event_id = e.id WHERE d.id = 2 AND reason IS NULL')"
	[[ $(tool refused --record) == *'0 recorded, 1 left'* ]]
	counted events 1
	run tool refused --record 1
	equal status 1 "$status"
	chain_intact
}

@test "refused --record: what came under the key of another is recorded by its number only" {
	local out body='{"source":"agentgate","event":"test","data":{"n":2},"context":{"agentlens_session_id":"s"}}'
	deliver agentgate "${body/2/1}"
	recorded custom s
	# As it was kept before signed ones were recorded all the same.
	query "INSERT INTO ingest_deliveries (sent_at, key, reason, source, received_at, signature, body)
		VALUES (0, x'$(printf 'agentgate\0%s' "$body" | sha256sum | cut -c 1-64)', 'key-reused', 'agentgate',
			'2026-01-01T00:00:00.000Z', '$(printf %s "$body" | sign "$agentgate_secret")', CAST('$body' AS BLOB))"
	equal left '{"delivery":2,"recorded":false,"reason":"it came under the idempotency key of another; name its number to record it"}' \
		"$(tool refused --record --json | head -n 1)"
	counted events 1
	out=$(tool refused --record --json 2)
	matches recorded '\{"delivery":2,"recorded":true,"eventId":"'"$ulid"'","eventType":"custom","sessionId":"s"\}' \
		"$(head -n 1 <<<"$out")"
	counted events 2
	equal 'left over' '' "$(tool refused --json)"
	chain_intact
}

@test "refused --record: not with a body that its signature is not of" {
	deliver agentgate '{"source":"agentgate","event":"nope","data":{}}'
	query "UPDATE ingest_deliveries SET body = CAST('{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{}}' AS BLOB)"
	[[ $(tool refused --record) == *'its signature is wrong'* ]]
	counted events 0
}

# follow [OPTION...]: starts tail -f into $dir/tail.
follow() {
	env -i "${settings[@]}" "$AGENTLENS_LOG" tail -f --json "$@" >"$dir/tail" 2>"$dir/tail.err" </dev/null 3>&- &
	followers+=($!)
}

has_lines() {
	[ "$(wc -l <"$dir/tail")" = "$1" ]
}

@test "tail -f: follows all writers, over a new log and another file" {
	story
	equal last 2 "$(tool tail -n 2 | wc -l)"
	follow -n 1
	until_true has_lines 1
	post '{"source":"generic","event":"e","data":{"n":2}}'
	until_true has_lines 2
	# Another program, whose id is below the last one.
	query "INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, hash) VALUES ('00', '2026-01-01T00:00:00.000Z', 's', 'a', 'custom', '{}', 'h')"
	until_true has_lines 3
	query 'PRAGMA wal_checkpoint(TRUNCATE)'
	post '{"source":"generic","event":"e","data":{"n":3}}'
	until_true has_lines 4
	sqlite3 "$db" ".backup '$dir/copy'"
	mv "$dir/copy" "$db"
	rm -f "$db-wal" "$db-shm"
	post '{"source":"generic","event":"e","data":{"n":4}}'
	until_true has_lines 5
}

@test "tail -f: of four writers at once no event is lost, and none told twice" {
	local i writer pids=()
	post '{"source":"generic","event":"e","data":{"n":0}}'
	follow -n 1
	until_true has_lines 1
	for ((i = 0; i < 500; i++)); do
		printf 'HTTP_X=x\t{"source":"generic","event":"e","data":{"n":%d},"context":{"agentlens_session_id":"s%d"}}\n' "$i" $((i % 7))
	done >"$dir/lines"
	split -n r/4 "$dir/lines" "$dir/part."
	for writer in a b c d; do
		start "$writer"
		"$FCGI_REQUEST" -b "$dir/part.a$writer" -c 2 "$socket" REQUEST_METHOD=POST SCRIPT_NAME=/api/events/ingest \
			REMOTE_ADDR=192.0.2.7 >"$dir/answers.$writer" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	equal answers 500 "$(cat "$dir"/answers.* | grep -c '^201')"
	until_true has_lines 501
	equal ids "$(query 'SELECT id FROM events ORDER BY rowid')" "$(sed 's/^{"id":"\([0-9A-Z]*\)".*/\1/' "$dir/tail")"
}

@test "sign: the header of a body" {
	printf '{"source":"agentgate","event":"test","data":{}}' >"$dir/body"
	equal header "X-AgentGate-Signature: $(sign "$agentgate_secret" <"$dir/body")" "$(tool sign "$dir/body")"
	equal stdin "X-FormBridge-Signature: sha256=$(sign "$formbridge_secret" <"$dir/body")" "$(tool sign -S formbridge - <"$dir/body")"
}

@test "an empty file, a foreign one, a damaged one, none, none that may be read" {
	local command
	: >"$db"
	for command in list 'tail' stats refused 'list --json'; do
		row "$command"
		# shellcheck disable=SC2086
		tool $command >"$dir/out"
	done
	rm -f "$db"
	sqlite3 "$db" "CREATE TABLE t (x)"
	run tool list
	equal foreign 2 "$status"
	rm -f "$db"
	run tool list
	equal none 2 "$status"
	story
	query 'PRAGMA wal_checkpoint(TRUNCATE); DROP TABLE ingest_deliveries'
	for command in list stats refused 'timeline s1' 'tail'; do
		row "without deliveries: $command"
		# shellcheck disable=SC2086
		tool $command >"$dir/out"
	done
	query 'PRAGMA journal_mode = DELETE' >"$dir/out"
	head -c 6000 "$db" >"$dir/cut"
	run tool list -d "$dir/cut"
	equal cut 2 "$status"
	read_only_database
	chmod 0 "$db"
	run tool list
	equal 'not permitted' 2 "$status"
}
