# Others at the same file: what bounds its log while they read.  FastCGI only.
#
# run: once, 15 s

load ../lib/helper

# reader_begins / reader_ends: a program that holds a snapshot of the file.
reader_begins() {
	mkfifo "$dir/read.in"
	sqlite3 -batch "$db" <"$dir/read.in" >"$dir/read.out" 3>&- &
	locker=$!
	exec {read_fd}>"$dir/read.in"
	printf 'BEGIN;\nSELECT count(*) FROM events;\n' >&"$read_fd"
	until_true test -s "$dir/read.out"
}

reader_ends() {
	exec {read_fd}>&-
	wait "$locker"
	rm "$dir/read.in" "$dir/read.out"
	locker=
}

megabyte() {
	printf '{"source":"generic","event":"e","data":{"data":"%0*d"}}' 1000000 0 >"$dir/body"
}

@test "the log of a file that is read for long ends at INGEST_MAX_WAL_MB" {
	local i mode
	for mode in fcgi cgi; do
		row "$mode"
		MODE=$mode
		with INGEST_MAX_WAL_MB=4 INGEST_LOG=error
		megabyte
		post_file "$dir/body"
		recorded custom
		reader_begins
		for i in {1..12}; do
			post_file "$dir/body"
			[ "$code" = 201 ] || break
		done
		answered 503
		matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
		[ "$i" -gt 3 ]
		cat "$dir/err" "$dir/responder.log" | grep -q 'INGEST_MAX_WAL_MB.*end that program'
		# One event may go beyond it.
		[ "$(log_bytes)" -le $((6 * 1024 * 1024)) ]
		reader_ends
		post_file "$dir/body"
		recorded custom
		[ ! -e "$db-wal" ] || [ "$(log_bytes)" -le $((2 * 1024 * 1024)) ]
		equal integrity ok "$(query 'PRAGMA integrity_check')"
		stop
	done
}

@test "the log is cut short once who read for long has ended" {
	local i
	megabyte
	post_file "$dir/body"
	reader_begins
	for i in {1..70}; do
		post_file "$dir/body"
		recorded custom
	done
	[ "$(log_bytes)" -ge $((64 * 1024 * 1024)) ]
	reader_ends
	for i in {1..35}; do
		post_file "$dir/body"
		recorded custom
	done
	[ "$(log_bytes)" -le $((40 * 1024 * 1024)) ]
	counted events 106
}

# replicator_begins: a program as Litestream is one, which holds a read
# transaction but for the moments in which it makes a checkpoint.
replicator_begins() {
	mkfifo "$dir/replicate.in"
	sqlite3 -batch "$db" <"$dir/replicate.in" >"$dir/replicate.out" 3>&- &
	replicator=$!
	while kill -0 "$replicator" 2>/dev/null; do
		printf 'BEGIN;\nSELECT count(*) FROM events;\n'
		sleep 0.2
		printf 'COMMIT;\nPRAGMA wal_checkpoint;\n'
	done >"$dir/replicate.in" 2>/dev/null 3>&- &
	locker=$!
}

replicator_ends() {
	kill "$locker" "$replicator"
	wait "$locker" "$replicator" || :
	locker=
	rm "$dir/replicate.in"
}

@test "INGEST_CHECKPOINT=external: only the other program copies the log, and the limit holds" {
	local i mode pages
	for mode in fcgi cgi; do
		row "$mode"
		MODE=$mode
		rm -f "$db"*
		with INGEST_CHECKPOINT=external INGEST_MAX_WAL_MB=8 INGEST_LOG=error
		megabyte
		for i in {1..12}; do
			post_file "$dir/body"
			[ "$code" = 201 ] || break
		done
		answered 503
		[ "$i" -gt 6 ]
		cat "$dir/err" "$dir/responder.log" | grep -q 'INGEST_MAX_WAL_MB.*makes none.*start that program'
		[ "$(log_bytes)" -le $((10 * 1024 * 1024)) ]
		equal 'bytes of the file, which has its first page' 4096 "$(stat -c %s "$db")"
		stop
		# The end of the last connection copies nothing, nor does a tool.
		env -i "${settings[@]}" "$AGENTLENS_LOG" prune --before 2020-01-01 --yes
		equal 'bytes of the file, which has its first page' 4096 "$(stat -c %s "$db")"
		counted events $((i - 1))
		rm -f "$db"*
		post_file "$dir/body"
		recorded custom
		replicator_begins
		# Four times the limit: the log is begun anew each time.
		for i in {1..32}; do
			post_file "$dir/body"
			[ "$code" = 201 ] || { sleep 0.3; post_file "$dir/body"; }
			recorded custom
		done
		replicator_ends
		[ "$(log_bytes)" -le $((10 * 1024 * 1024)) ]
		[ "$(stat -c %s "$db")" -ge $((20 * 1024 * 1024)) ]
		counted events 33
		equal integrity ok "$(query 'PRAGMA integrity_check')"
		stop
	done
}

# waited_ms: what SQLite slept between its attempts, all in all.
waited_ms() {
	grep -o 'tv_nsec=[0-9]*' "$dir/trace" | awk -F = '{ n += $2 } END { print int(n / 1e6) }'
}

@test "who has the file to himself is waited for once, for INGEST_BUSY_MS" {
	command -v strace >/dev/null || skip 'strace is not installed (Debian: strace)'
	local journal
	for journal in wal delete; do
		row "$journal"
		MODE=cgi
		with INGEST_BUSY_MS=300 INGEST_JOURNAL="$journal"
		post '{"source":"generic","event":"e","data":{}}'
		recorded custom
		mkfifo "$dir/hold.in"
		sqlite3 -batch "$db" <"$dir/hold.in" >"$dir/hold.out" 3>&- &
		locker=$!
		exec {hold_fd}>"$dir/hold.in"
		echo "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM agents; SELECT 'held';" >&"$hold_fd"
		until_true grep -qx held "$dir/hold.out"
		# Who is traced cannot look for leaks.
		launcher=(env ASAN_OPTIONS=detect_leaks=0 strace -D -f -q -o "$dir/trace" -e 'trace=/nanosleep$')
		"${launcher[@]}" true 2>"$dir/err" || skip "nothing can be traced: $(cat "$dir/err")"
		post '{"source":"generic","event":"e","data":{}}'
		answered 503
		matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
		until_true grep -q 'exited with' "$dir/trace"
		echo "waited for $(waited_ms) ms"
		[ "$(waited_ms)" -ge 250 ]
		[ "$(waited_ms)" -le 350 ]
		launcher=()
		exec {hold_fd}>&-
		wait "$locker"
		locker=
		rm "$dir/hold.in" "$dir/hold.out"
		post '{"source":"generic","event":"e","data":{}}'
		recorded custom
		rm -f "$db"*
	done
}
