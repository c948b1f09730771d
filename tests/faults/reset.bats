# SQLite's WAL-reset bug: reset.c makes the moment long in which a commit must
# not begin the log anew, and tells which checkpoints could have met one. With
# the guard of src/store/sqlite/checkpoint.c none can; without it they do, at
# least with a SQLite before 3.51.3.
#
# run: once, 40 s

load ../lib/helper

# send_bursts NUMBER EVENTS: to a responder, with a pause behind each burst.
send_bursts() {
	local burst
	for burst in {1..8}; do
		head -n "$2" "$dir/lines" | sed "s/burst/$1.$burst/" >"$dir/lines.$1"
		"$FCGI_REQUEST" -b "$dir/lines.$1" -c 2 "$dir/part$1.sock" REQUEST_METHOD=POST
		sleep 0.05
	done >"$dir/answers.$1"
}

# record PROCESSES: so many responders over one file, which get bursts
# that all of them are to checkpoint the log for; leaves what reset.c told in
# $dir/told.
record() {
	local i clients=()
	rm -f "$db"* "$dir"/answers.*
	: >"$dir/told"
	launcher=(env LD_PRELOAD="$BUILD_DIR/tests/faults/reset.so" RESET_LOG="$dir/told" RESET_MS=20)
	for ((i = 0; i < $1; i++)); do
		start "part$i"
	done
	launcher=()
	awk 'BEGIN {
		for (i = 0; i < 120; i++)
			printf "{\"source\":\"generic\",\"event\":\"burst\",\"data\":{\"n\":%d,\"data\":\"%0*d\"}}\n", i, 60000, 0
	}' >"$dir/lines"
	for ((i = 0; i < $1; i++)); do
		send_bursts "$i" $((96 / $1)) 3>&- &
		clients+=($!)
	done
	wait "${clients[@]}"
	for i in "${responders[@]}"; do
		kill "$i"
		wait "$i"
	done
	responders=()
	echo "responders, $1 processes: $(sort "$dir/told" | uniq -c | xargs)"
}

# told WORD: how many checkpoints reset.c told this of.
told() {
	grep -cx "$1" "$dir/told" || :
}


# checkpoints PROGRAM PROCESSES: checkpoints beside commits, due or not; leaves
# what the program printed in $dir/out.
checkpoints() {
	rm -f "$dir"/t.db*
	: >"$dir/told"
	LD_PRELOAD="$BUILD_DIR/tests/faults/reset.so" RESET_LOG="$dir/told" RESET_MS=20 \
		"$BUILD_DIR/tests/faults/$1" "$dir/t.db" "$2" 2500 >"$dir/out" 2>&1
	echo "$1, $2 processes: $(sort "$dir/told" | uniq -c | xargs); $(xargs <"$dir/out")"
}

# none_could_meet_it: of those that reset.c told of.
none_could_meet_it() {
	[ "$(told begun)" -ge 3 ]
	equal 'begun on a log that was copied whole' 0 "$(told whole)"
	equal 'logs begun anew under a checkpoint' 0 "$(told met)"
	equal 'stale marks' 0 "$(told stale)"
}

@test "no checkpoint of ours can meet the WAL-reset bug" {
	not_sanitized
	local processes
	for processes in 1 3 6; do
		checkpoints checkpoints "$processes"
		none_could_meet_it
		equal 'rows that were committed' "$(sed -n 's/^committed //p' "$dir/out")" "$(sed -n 's/^rows //p' "$dir/out")"
		grep -qx ok "$dir/out"
	done
}

@test "without the guard they meet it" {
	not_sanitized
	local processes
	for processes in 1 3 6; do
		# The file may be damaged by then.
		checkpoints unguarded "$processes" || :
		[ "$(told whole)" -ge 1 ]
		[ "$(told met)" -ge 1 ]
	done
}

@test "no checkpoint of a responder can meet it" {
	not_sanitized
	local processes
	for processes in 1 3 6; do
		record "$processes"
		none_could_meet_it
		equal 'answers other than 201' 0 "$(cat "$dir"/answers.? | grep -vc ^201)"
		counted events "$(cat "$dir"/answers.? | wc -l)"
		equal integrity ok "$(query 'PRAGMA integrity_check')"
	done
}

@test "--check and the manual name the versions of SQLite that have the bug" {
	not_sanitized
	local version
	for version in 3007000 3040001 3044005 3045000 3050006 3051000 3051002; do
		row "$version"
		env -i "${settings[@]}" LD_PRELOAD="$BUILD_DIR/tests/faults/reset.so" RESET_VERSION="$version" \
			"$INGEST" --check >"$dir/out"
		grep -q '^SQLite: .*WAL-reset bug (3.7.0 to 3.51.2, mended in 3.51.3, 3.50.7 and 3.44.6.*wal_checkpoint' "$dir/out"
	done
	for version in 3044006 3044099 3050007 3050099 3051003 3052000 3053001; do
		row "$version"
		env -i "${settings[@]}" LD_PRELOAD="$BUILD_DIR/tests/faults/reset.so" RESET_VERSION="$version" \
			"$INGEST" --check >"$dir/out"
		fails grep -q 'WAL-reset' "$dir/out"
	done
	tr '\n' ' ' <"$SOURCE_DIR/man/agentlens-ingest.8.in" |
		grep -q 'SQLite 3.7.0 to 3.51.2 has .*WAL-reset bug.* mended in 3.51.3, 3.50.7 and 3.44.6.*wal_checkpoint'
}

@test "a checkpoint is begun in one place" {
	equal places checkpoint.c "$(cd "$SOURCE_DIR/src/store/sqlite" && grep -rlE 'sqlite3_wal_checkpoint|PRAGMA wal_checkpoint' ../.. | xargs -n 1 basename)"
}
