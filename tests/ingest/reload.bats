# Settings that change while a responder serves.
#
# run: once, 25 s

load ../lib/helper

serial=0

# written TEXT: the settings file gets this content, in place.
written() {
	printf '%s\n' "$1" >"$conf"
}

# replaced TEXT: another file takes its place.
replaced() {
	printf '%s\n' "$1" >"$conf.new"
	chmod 0600 "$conf.new"
	mv "$conf.new" "$conf"
}

# served TEXT: a responder is at work whose settings are in a folder of their
# own, with this secret of AgentGate in the file alone.
served() {
	conf=$dir/etc/ingest.conf
	mkdir -p "$dir/etc" "$dir/data"
	db=$dir/data/agentlens.db
	without AGENTGATE_WEBHOOK_SECRET
	with INGEST_CONFIG="$conf" DB_PATH="$db"
	replaced "$1"
	start
	# So that the change is not one of the first moment.
	until_true answers_to "${1#*=}"
}

# answers_to SECRET: whether what it signs is taken.
answers_to() {
	local body="{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{\"n\":$((++serial))}}"
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(printf %s "$body" | sign "$1")"
	[ "$code" = 201 ]
}

# in_time COMMAND...: comes true within two seconds, with half of one for a
# machine that has other things to do.
in_time() {
	local start=$EPOCHREALTIME now
	until "$@"; do
		now=$EPOCHREALTIME
		[ "$((${now/./} - ${start/./}))" -lt 2500000 ] || { echo "took too long: $*"; return 1; }
		sleep 0.05
	done
}

logged() {
	grep -qE "$1" "$dir/responder.log"
}

# watcher: the process that looks at the file.
watcher() {
	ps -o pid= --ppid "$responder" | tr -d ' '
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "a new secret takes effect within two seconds, however the file is changed" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	replaced AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789
	in_time answers_to second-secret-0123456789
	fails answers_to first-secret-0123456789
	written AGENTGATE_WEBHOOK_SECRET=third-secret-0123456789
	in_time answers_to third-secret-0123456789
	fails answers_to second-secret-0123456789
	# Of the same length, so that only the times tell, if anything does.
	written AGENTGATE_WEBHOOK_SECRET=forth-secret-0123456789
	in_time answers_to forth-secret-0123456789
	logged 'warn: settings="read anew" file='
}

@test "the sandbox stays as it is" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	"$INGEST" --version >/dev/null
	replaced AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789
	in_time answers_to second-secret-0123456789
	# Nothing of the file is open in the responder, and the watcher has not
	# the socket.
	fails grep -q "$dir/etc" <(readlink "/proc/$responder/fd"/*)
	[ "$(id -u)" != 0 ] || {
		equal 'sockets of the watcher' 1 "$(readlink "/proc/$(watcher)/fd"/* | grep -c socket)"
		is_sanitized || grep -qE '^Seccomp:[[:space:]]*2' "/proc/$(watcher)/status" || grep -q 'sandbox: off' <(
			env -i "${settings[@]}" "$INGEST" --check)
	}
}

@test "SIGHUP has the file read anew, and ends nothing" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	kill -HUP "$responder"
	in_time logged 'settings="read anew"'
	answers_to first-secret-0123456789
	replaced AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789
	kill -HUP "$responder"
	in_time answers_to second-secret-0123456789
	stop
	equal 'exit status' 0 "$exit_status"
}

@test "a file that is wrong or gone leaves the settings as they are" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	replaced 'AGENTGATE_WEBHOOK_SECRET="precious'
	in_time logged 'the settings stay as they are.*a quote is not closed'
	answers_to first-secret-0123456789
	rm "$conf"
	in_time logged 'the settings stay as they are.*No such file'
	answers_to first-secret-0123456789
	printf 'INGEST_THREADS=many\n' >"$conf.new"
	mv "$conf.new" "$conf"
	in_time logged 'the settings stay as they are.*INGEST_THREADS'
	chmod 0602 "$conf"
	in_time logged 'the settings stay as they are.*anybody can write'
	rm "$conf"
	mkfifo "$conf"
	in_time logged 'the settings stay as they are.*is not a file'
	answers_to first-secret-0123456789
	rm "$conf"
	replaced AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789
	in_time answers_to second-secret-0123456789
	fails grep -q precious "$dir/responder.log"
}

@test "a file that is being written is not taken for whole" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	local i
	for i in {1..20}; do
		: >"$conf"
		sleep 0.02
		written "AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789"
		answers_to first-secret-0123456789
		sleep 0.1
	done
}

@test "secrets of the environment stay, and the log says so" {
	with FORMBRIDGE_WEBHOOK_SECRET=environment-secret-0123456789
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	replaced $'AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789\nFORMBRIDGE_WEBHOOK_SECRET=file-secret-0123456789'
	in_time answers_to second-secret-0123456789
	logged 'from-the-environment-as-before=FORMBRIDGE_WEBHOOK_SECRET$'
	formbridge_secret=environment-secret-0123456789
	deliver formbridge '{"source":"formbridge","event":"submission.created","data":{"submissionId":"s"}}'
	recorded form_submitted
}

@test "without a file SIGHUP changes nothing, and the log says so" {
	without INGEST_CONFIG
	start
	deliver agentgate '{"source":"agentgate","event":"test","data":{}}'
	recorded custom
	equal watcher '' "$(watcher)"
	kill -HUP "$responder"
	in_time logged 'the settings stay as they are.*takes a restart'
	deliver agentgate '{"source":"agentgate","event":"test","data":{"n":1}}'
	recorded custom
}

@test "what does not change before the next start is named" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	replaced $'AGENTGATE_WEBHOOK_SECRET=second-secret-0123456789\nINGEST_THREADS=3\nINGEST_BATCH=7\nINGEST_MAX_BODY=100\nAGENTGATE_TENANT_ID=other'
	in_time answers_to second-secret-0123456789
	logged 'changes-at-the-next-start="INGEST_MAX_BODY INGEST_THREADS INGEST_BATCH"'
	equal tenant other "$(query 'SELECT tenant_id FROM events ORDER BY id DESC LIMIT 1')"
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"n\":\"$(printf '%100s' '')\"}}"
	recorded custom
}

@test "no request is lost while settings change" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	local i body
	for i in {1..3000}; do
		body="{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"n\":$i}}"
		printf 'REMOTE_ADDR=192.0.2.7\t%s\n' "$body"
	done >"$dir/requests"
	post_all "$dir/requests" 8 &
	local load=$!
	for i in {1..8}; do
		replaced "AGENTGATE_WEBHOOK_SECRET=secret-number-$i-0123456789"
		kill -HUP "$responder"
		sleep 0.3
	done
	wait "$load"
	equal 'requests answered 201' 3000 "$(grep -c '^201' "$dir/answers")"
	in_time answers_to secret-number-8-0123456789
	stop
	equal 'exit status' 0 "$exit_status"
}

@test "the watcher ends with the responder, whatever ends it" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	local watcher
	watcher=$(watcher)
	kill -TERM "$watcher"
	kill -0 "$watcher"
	stop
	equal 'exit status' 0 "$exit_status"
	until_true gone "$watcher"
	start
	watcher=$(watcher)
	[ -n "$watcher" ]
	stop KILL
	until_true gone "$watcher"
}

@test "a watcher that ends is told of, and nothing else comes of it" {
	served AGENTGATE_WEBHOOK_SECRET=first-secret-0123456789
	kill -KILL "$(watcher)"
	in_time logged 'not watched any more'
	answers_to first-secret-0123456789
	stop
	equal 'exit status' 0 "$exit_status"
}
