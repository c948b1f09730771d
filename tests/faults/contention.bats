# Others at the same file: what bounds its log while they read.  FastCGI only.
#
# run: once, 5 s

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
