# The responder as a process: under load, at its end, with slow and broken
# peers.  FastCGI only.
#
# run: once, 36 s

load ../lib/helper

# session_lines NUMBER: so many events of one session, for post_all.
session_lines() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":%d},\"context\":{\"agentlens_session_id\":\"s%d\"}}\n", i, i % 5 }'
}

answers_are_there() {
	[ "$(wc -l <"$dir/answers")" -ge "$1" ]
}

# load_begins: posts in the background, until some answers have come.
load_begins() {
	session_lines 60000 >"$dir/many"
	"$FCGI_REQUEST" -b "$dir/many" -c 32 "$socket" REQUEST_METHOD=POST >"$dir/answers" 3>&- &
	client=$!
	until_true answers_are_there 500
}

# answered_are_stored: every 201 has its event in the file.
answered_are_stored() {
	sed -n 's/^201\t.*"eventId":"\([^"]*\)".*/\1/p' "$dir/answers" | sort >"$dir/ids"
	equal 'ids of answers' "$(grep -c ^201 "$dir/answers")" "$(sort -u "$dir/ids" | wc -l)"
	query 'SELECT id FROM events ORDER BY id' >"$dir/stored"
	equal 'answered and not stored' '' "$(comm -23 "$dir/ids" "$dir/stored" | head -3)"
	equal 'links that are wrong' 0 "$(query "SELECT count(*) FROM (SELECT prev_hash IS
		lag(hash) OVER (PARTITION BY session_id ORDER BY timestamp, id) AS good FROM events) WHERE NOT good")"
	equal integrity ok "$(query 'PRAGMA integrity_check')"
}

# ends_in_order SIGNAL: in the middle of load, and nothing is lost.
ends_in_order() {
	start
	load_begins
	stop "$1"
	equal 'exit status' 0 "$exit_status"
	wait "$client"
	# It did come in the middle of it.
	[ "$(grep -c ^000 "$dir/answers")" -gt 0 ]
	equal 'other answers' '' "$(grep -v -e ^201 -e ^000 "$dir/answers" | head -3)"
	answered_are_stored
	# What was in hand was answered, so nothing else is stored.
	equal 'stored and not answered' '' "$(comm -13 "$dir/ids" "$dir/stored" | head -3)"
}

@test "SIGTERM in the middle of load loses no answered event" {
	ends_in_order TERM
}

@test "SIGUSR1 in the middle of load loses no answered event" {
	ends_in_order USR1
}

@test "SIGKILL in the middle of load loses no answered event" {
	start
	load_begins
	stop KILL
	wait "$client"
	answered_are_stored
	# And the next one goes on with it.
	: >"$dir/answers"
	session_lines 20 >"$dir/many"
	post_all "$dir/many" 4
	equal answers 20 "$(grep -c ^201 "$dir/answers")"
	answered_are_stored
}

@test "a disk that is full in the middle of load loses no answered event" {
	small_disk 4m
	db=$dir/small/agentlens.db
	query() {
		"${launcher[@]}" sqlite3 -batch -cmd '.timeout 10000' "$db" "$1"
	}
	awk 'BEGIN { for (i = 1; i <= 2000; i++)
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":\"%02000d\"},\"context\":{\"agentlens_session_id\":\"s%d\"}}\n", i, i % 5 }' >"$dir/many"
	post_all "$dir/many" 16
	equal 'other answers' '' "$(grep -v -e ^201 -e ^503 "$dir/answers" | head -3)"
	[ "$(grep -c ^201 "$dir/answers")" -gt 100 ]
	[ "$(grep -c ^503 "$dir/answers")" -gt 100 ]
	answered_are_stored
	equal 'stored and not answered' '' "$(comm -13 "$dir/ids" "$dir/stored" | head -3)"
	equal 'events of the sessions' "$(wc -l <"$dir/ids")" "$(query 'SELECT sum(event_count) FROM sessions')"
}

@test "an idle responder ends with status 0, at once" {
	local signal
	for signal in TERM USR1 INT; do
		row "$signal"
		start
		request GET PATH_INFO=/health </dev/null
		answered 200
		stop "$signal"
		equal 'exit status' 0 "$exit_status"
	done
}

@test "a connection that is kept does not keep the responder" {
	start
	printf '{"source":"generic","event":"e","data":{}}' >"$dir/body"
	# A request whose body does not come, on a connection of its own.
	"$FCGI_REQUEST" -k -s 1 -e wait "$socket" REQUEST_METHOD=POST <"$dir/body" >"$dir/out" 2>&1 3>&- &
	local client=$!
	"$FCGI_REQUEST" -k -n 3 "$socket" REQUEST_METHOD=POST <"$dir/body" >"$dir/kept"
	equal answers 3 "$(grep -o 'Status: 201' "$dir/kept" | wc -l)"
	kill "$client"
	wait "$client" || :
	stop
	equal 'exit status' 0 "$exit_status"
	counted events 3
}

@test "many requests over connections that are kept" {
	start
	session_lines 400 >"$dir/many"
	"$FCGI_REQUEST" -k -b "$dir/many" -c 8 "$socket" REQUEST_METHOD=POST >"$dir/answers"
	equal answers 400 "$(grep -c ^201 "$dir/answers")"
	answered_are_stored
	counted events 400
}

@test "more connections than threads are served in turn" {
	with INGEST_THREADS=2
	session_lines 500 >"$dir/many"
	post_all "$dir/many" 40
	equal answers 500 "$(grep -c ^201 "$dir/answers")"
	answered_are_stored
}

@test "batches of one, and one thread" {
	with INGEST_THREADS=1 INGEST_BATCH=1
	session_lines 100 >"$dir/many"
	post_all "$dir/many" 8
	equal answers 100 "$(grep -c ^201 "$dir/answers")"
	answered_are_stored
}

@test "a connection that ends half-way records nothing" {
	# One thread: it has done with the broken ones when it answers the next.
	with INGEST_THREADS=1 INGEST_READ_TIMEOUT_MS=2000
	start
	printf '{"source":"generic","event":"e","data":{}}' >"$dir/body"
	local bytes ending
	for ending in close abort; do
		for bytes in 0 1 20 41; do
			row "$ending after $bytes bytes"
			"$FCGI_REQUEST" -s "$bytes" -e "$ending" "$socket" REQUEST_METHOD=POST \
				CONTENT_LENGTH=42 <"$dir/body" >"$dir/out"
			"$FCGI_REQUEST" -s "$bytes" -e "$ending" "$socket" REQUEST_METHOD=POST <"$dir/body" >"$dir/out"
		done
	done
	post '{"source":"generic","event":"last","data":{}}'
	recorded custom
	counted events 1
	counted ingest_deliveries 1
}

@test "a body may come in pieces" {
	start
	printf '{"source":"generic","event":"e","data":{"data":"%0500d"}}' 7 >"$dir/body"
	"$FCGI_REQUEST" -p 7 "$socket" REQUEST_METHOD=POST CONTENT_LENGTH="$(wc -c <"$dir/body")" \
		<"$dir/body" >"$dir/out" 2>"$dir/err"
	read_answer
	recorded custom
	stored 'length(payload)' 528
}

@test "a responder that is stopped and continued breaks no connection" {
	start
	printf '{"source":"generic","event":"e","data":{"data":"%0500d"}}' 7 >"$dir/body"
	"$FCGI_REQUEST" -p 50 -d 50 "$socket" REQUEST_METHOD=POST CONTENT_LENGTH="$(wc -c <"$dir/body")" \
		<"$dir/body" >"$dir/out" 2>"$dir/err" 3>&- &
	local client=$!
	# Each interrupts a call that waits for a part of the body.
	while kill -0 "$client" 2>/dev/null; do
		kill -STOP "$responder"
		kill -CONT "$responder"
		sleep 0.02
	done
	wait "$client"
	read_answer
	recorded custom
}

@test "a slow peer holds up nobody else" {
	start
	printf '{"source":"generic","event":"slow","data":{}}' >"$dir/body"
	local i slow=()
	for i in 1 2 3 4 5; do
		"$FCGI_REQUEST" -s 10 -e wait "$socket" REQUEST_METHOD=POST <"$dir/body" >/dev/null 2>&1 3>&- &
		slow+=($!)
	done
	session_lines 100 >"$dir/many"
	post_all "$dir/many" 8
	equal answers 100 "$(grep -c ^201 "$dir/answers")"
	for i in "${slow[@]}"; do
		kill -0 "$i"
		kill "$i"
	done
	wait "${slow[@]}" || :
	counted events 100
}

@test "a body that drips has no more time than one that stops" {
	with INGEST_READ_TIMEOUT_MS=300
	start
	printf '{"source":"generic","event":"slow","data":{}}%2000s' '' >"$dir/body"
	"$FCGI_REQUEST" -p 1 -d 10 "$socket" REQUEST_METHOD=POST <"$dir/body" >"$dir/out" 2>"$dir/err"
	read_answer
	refused_like 408 '.*'
	[ ! -s "$db" ] || counted events 0
}

@test "several processes and CGI on one file at once" {
	session_lines 120 >"$dir/many"
	local i pids=()
	for i in 1 2 3; do
		start "process$i"
		"$FCGI_REQUEST" -b "$dir/many" -c 4 "$socket" REQUEST_METHOD=POST >"$dir/answers$i" 3>&- &
		pids+=($!)
	done
	head -30 "$dir/many" >"$dir/few"
	MODE=cgi post_all "$dir/few" 2
	wait "${pids[@]}"
	cat "$dir"/answers[123] >>"$dir/answers"
	equal 'answers that are no 201' '' "$(grep -v ^201 "$dir/answers" | head -3)"
	counted events 390
	answered_are_stored
	equal 'events of the sessions' 390 "$(query 'SELECT sum(event_count) FROM sessions')"
}

@test "memory does not grow over 20,000 requests" {
	# What is recorded, replayed, refused, and thrown away; over and over.
	local signed='{"source":"agentgate","event":"test","data":{"n":1}}' signature
	signature=$(printf %s "$signed" | sign "$agentgate_secret")
	awk -v signed="$signed" -v signature="$signature" 'BEGIN {
		for (i = 1; i <= 22000; i++) {
			kind = i % 8
			if (kind == 0) printf "HTTP_X_WEBHOOK_SIGNATURE=%s\t%s\n", signature, signed
			else if (kind == 1) printf "HTTP_X_WEBHOOK_SIGNATURE=%s\t%s \n", signature, signed
			else if (kind == 2) printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":[%d\n", i
			else if (kind == 3) printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"form_expired\"}}\n"
			else if (kind == 4) printf "PATH_INFO=/x\t{}\n"
			else if (kind == 5) printf "HTTP_IDEMPOTENCY_KEY=k\t{\"source\":\"generic\",\"event\":\"e\",\"data\":{}}\n"
			else printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":[{\"a\":%d,\"a\":\"\\u00e9\"}]},\"context\":{\"agentlens_session_id\":\"s%d\"}}\n", i, i % 100
		} }' >"$dir/all"
	with INGEST_LOG=error
	start
	# SQLite's cache of pages grows to its limit first, and so do the stacks
	# and heaps of the threads: large events, and then some of all.
	awk 'BEGIN { for (i = 1; i <= 1500; i++)
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":\"%05000d\"}}\n", i }' >"$dir/many"
	head -2000 "$dir/all" >>"$dir/many"
	post_all "$dir/many" 32
	local before after
	before=$(memory_kb RssAnon)
	tail -n +2001 "$dir/all" >"$dir/many"
	post_all "$dir/many" 32
	after=$(memory_kb RssAnon)
	echo "from $before KiB to $after KiB"
	equal 'answers' 20000 "$(wc -l <"$dir/answers")"
	equal 'statuses' '200 0
201 10000
400 2500
401 5000
404 2500' "$(for i in 200 201 400 401 404; do echo "$i $(grep -c "^$i" "$dir/answers")"; done)"
	is_sanitized || [ $((after - before)) -le 1024 ]
}

@test "bodies of small objects at once take the memory of two, and give it back" {
	not_sanitized
	local i
	megabyte_of '{}' >"$dir/body"
	for i in {1..24}; do
		cat "$dir/body"
		echo
	done >"$dir/many"
	start
	post_all "$dir/many" 24
	equal answers 24 "$(grep -c ^201 "$dir/answers")"
	echo "at most $(memory_kb VmHWM) kB, now $(memory_kb VmRSS) kB"
	[ "$(memory_kb VmHWM)" -lt 400000 ]
	[ "$(memory_kb VmRSS)" -lt 100000 ]
}
