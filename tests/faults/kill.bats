# Responders of lighttpd are killed under load; see kill.mjs.  With TORTURE
# set 300 times in all, else a few times.
#
# run: once, 8 s

load ../lib/helper

# kill_some PROCESSES KILLS
kill_some() {
	local SEED=${SEED:-$((RANDOM << 15 | RANDOM))} tool lighttpd tries port
	PATH=$PATH:/usr/local/sbin:/usr/sbin
	for tool in node lighttpd ipcs; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	echo "# SEED=$SEED tests/run kill repeats this run" >&3
	run_dir=$dir/run
	mkdir -p "$run_dir/htdocs"
	printf '%s=%s\n' DB_PATH "$db" AGENTGATE_WEBHOOK_SECRET "$agentgate_secret" \
		FORMBRIDGE_WEBHOOK_SECRET "$formbridge_secret" >"$dir/settings.conf"
	sed "s/\"max-procs\" => 1,/\"max-procs\" => $1,/" "$SOURCE_DIR/examples/lighttpd.conf" >"$dir/lighttpd.conf"
	grep -q "\"max-procs\" => $1," "$dir/lighttpd.conf"
	for tries in {1..20}; do
		port=$((20000 + RANDOM % 12000))
		PROGRAM=$INGEST BIND=127.0.0.1 PORT=$port RUN_DIR=$run_dir SETTINGS=$dir/settings.conf \
			lighttpd -D -f "$dir/lighttpd.conf" >"$dir/lighttpd" 2>&1 </dev/null 3>&- &
		lighttpd=$!
		responders+=("$lighttpd")
		until_true settled
		! kill -0 "$lighttpd" 2>/dev/null || break
	done
	kill -0 "$lighttpd"
	SEED=$SEED node "$SOURCE_DIR/tests/faults/kill.mjs" "$dir" "http://127.0.0.1:$port/api/events/ingest" \
		"$lighttpd" "$2" "$db" >"$dir/figures" || { cat "$dir/figures"; return 1; }
	sed "s/^/# $1 processes: /" "$dir/figures" >&3
	node "$SOURCE_DIR/tests/lib/verify.mjs" "$db" "$dir/lines" "$dir/answers"
	kill "$lighttpd"
	wait "$lighttpd" || :
	until_true nothing_left
	equal integrity ok "$(query 'PRAGMA integrity_check')"
}

settled() {
	! kill -0 "$lighttpd" 2>/dev/null || (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# With the last process goes every lock, and with the last connection the log:
# of two that close at the same moment SQLite leaves it to whoever comes next.
nothing_left() {
	query 'BEGIN EXCLUSIVE; ROLLBACK' && [ ! -e "$db-wal" ]
}

@test "one responder, killed again and again under load" {
	kill_some 1 "$([ -n "${TORTURE-}" ] && echo 150 || echo 5)"
}

@test "four responders, killed again and again under load" {
	kill_some 4 "$([ -n "${TORTURE-}" ] && echo 170 || echo 8)"
}
