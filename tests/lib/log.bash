# shellcheck shell=bash
# What the tests of agentlens-log share; see helper.bash.

# tool COMMAND [ARGUMENT...]: agentlens-log with the settings of the test.
tool() {
	env -i "${settings[@]}" "${launcher[@]}" "$AGENTLENS_LOG" "$@"
}

# commands: those of --help, which are all that there are.
commands() {
	tool --help | awk '/^  [a-z]/ { print $1 }'
}

# options COMMAND: the long ones, without the dashes.
options() {
	tool "$1" --help | sed -nE 's/^  (-.,|   ) --([a-z-]+).*/\2/p'
}

# log_setup: the setup() of helper.bash, under a name that stays.
log_setup() {
	dir=$BATS_TEST_TMPDIR
	db=$dir/agentlens.db
	responders=()
	socket=
	launcher=()
	locker=
	: >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
	settings=(PATH="$PATH" HOME="$dir" INGEST_CONFIG="$dir/settings.conf" DB_PATH="$db"
		AGENTGATE_WEBHOOK_SECRET="$agentgate_secret" FORMBRIDGE_WEBHOOK_SECRET="$formbridge_secret")
}

# make_log FOLDER EVENTS: a file of so many events in 7 sessions, every second
# one signed, and the seal of it.
make_log() {
	local i body lines=$1/lines
	dir=$1 db=$1/agentlens.db
	responders=() launcher=() locker='' socket=''
	: >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
	settings=(PATH="$PATH" HOME="$dir" INGEST_CONFIG="$dir/settings.conf" DB_PATH="$db"
		AGENTGATE_WEBHOOK_SECRET="$agentgate_secret" FORMBRIDGE_WEBHOOK_SECRET="$formbridge_secret")
	for ((i = 1; i <= $2; i++)); do
		if ((i % 2)); then
			body='{"event":"request.approved","data":{"request":{"id":"r'$i'","action":"send","decidedBy":"alice","context":{"agentlens_session_id":"s'$((i % 7))'","agentlens_agent_id":"bot"}}},"timestamp":'$((1700000000000 + i))'}'
			printf 'HTTP_X_AGENTGATE_SIGNATURE=%s\t%s\n' "$(printf %s "$body" | sign "$agentgate_secret")" "$body"
		else
			body='{"source":"generic","event":"e","data":{"eventType":"tool_call","n":'$i'},"context":{"agentlens_session_id":"s'$((i % 7))'","agentlens_agent_id":"bot"},"timestamp":'$((1700000000000 + i))'}'
			printf 'HTTP_IDEMPOTENCY_KEY=k%s\t%s\n' "$i" "$body"
		fi
	done >"$lines"
	# In two halves: the 101st is never of the same millisecond as the 100th.
	for i in "1,100" "101,\$"; do
		sed -n "${i}p" "$lines" >"$lines.part"
		[ -s "$lines.part" ] || continue
		MODE=fcgi post_all "$lines.part" 1
		equal answers "$(wc -l <"$lines.part")" "$(grep -c '^201' "$dir/answers")"
	done
	stop
	responders=()
	sqlite3 -batch "$db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE' >/dev/null
	tool seal >"$dir/seal"
}

# arrivals: about 50 events a second, until $dir/enough is there; those that
# were answered before the test goes on are counted in $dir/arrived.
arrivals() {
	local n=0
	[ -n "$socket" ] || start
	while [ ! -e "$dir/enough" ]; do
		for _ in {1..10}; do
			printf '{"source":"generic","event":"e","data":{"n":%s}}\n' $((n += 1))
		done >"$dir/arriving"
		"$FCGI_REQUEST" -b "$dir/arriving" -c 1 "$socket" REQUEST_METHOD=POST SCRIPT_NAME=/api/events/ingest
		sleep 0.15
	done >"$dir/arrived" 3>&- &
	locker=$!
	until_true test -s "$dir/arrived"
}

no_more_arrivals() {
	: >"$dir/enough"
	wait "$locker"
	locker=
	rm "$dir/enough"
}
