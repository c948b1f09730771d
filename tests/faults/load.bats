# 64 connections to 4 processes on one file, while others read it for long;
# each 201 is there once, and an independent reader finds all of it right.
# LOAD_SECONDS is how long it goes on, LOAD_DELIVERIES the size of a round;
# `make torture` sets both.
#
# run: once, 14 s

load ../lib/helper

# read_long: one snapshot after the other, as AgentLens's pages may hold them.
read_long() {
	while [ ! -e "$dir/enough" ]; do
		sqlite3 -batch -cmd '.timeout 10000' "$db" 'BEGIN; SELECT count(*) FROM events;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
			SELECT max(i) FROM n; SELECT count(*) FROM events; COMMIT'
	done >"$1" 2>&1
}

# load_round: fresh processes and a fresh file, so that the reader's work does
# not grow with the time.
load_round() {
	local i pids=() readers=() log_bytes
	rm -f "$db"* "$dir/enough"
	SEED=$1
	env "${settings[@]}" SEED="$SEED" node "$SOURCE_DIR/tests/lib/generate.mjs" "$deliveries" >"$dir/lines"
	for i in 0 1 2 3; do
		awk -v part="$i" 'NR % 4 == part' "$dir/lines" >"$dir/lines.$i"
		start "part$i"
		pids+=("$responder")
	done
	local clients=()
	for i in 0 1 2 3; do
		"$FCGI_REQUEST" -b "$dir/lines.$i" -c 16 "$dir/part$i.sock" REQUEST_METHOD=POST >"$dir/answers.$i" 3>&- &
		clients+=($!)
	done
	until_true test -s "$db"
	for i in 1 2; do
		read_long "$dir/read.$i" 3>&- &
		readers+=($!)
	done
	wait "${clients[@]}"
	: >"$dir/enough"
	wait "${readers[@]}"
	log_bytes=$(stat -c %s "$db-wal")
	[ "$log_bytes" -le $((64 * 1024 * 1024)) ]
	for i in 0 1 2 3; do
		awk -v FS='\t' -v OFS='\t' -v part="$i" '{ $2 = ($2 - (part > 0)) * 4 + part; print }' "$dir/answers.$i"
	done >"$dir/answers"
	node "$SOURCE_DIR/tests/lib/verify.mjs" "$db" "$dir/lines" "$dir/answers"
	sed -n 's/^201\t.*"eventId":"\([^"]*\)".*/\1/p' "$dir/answers" | sort -u >"$dir/ids"
	query 'SELECT id FROM events ORDER BY id' >"$dir/stored"
	cmp "$dir/ids" "$dir/stored"
	equal 'no whole answer' 0 "$(grep -c -e ^000 -e ^503 "$dir/answers")"
	kill "${pids[@]}"
	wait "${pids[@]}"
	responders=()
	total=$((total + $(wc -l <"$dir/answers")))
}

@test "64 connections, 4 processes, and readers that take long" {
	command -v node >/dev/null || skip 'node is not installed'
	local end=$((SECONDS + ${LOAD_SECONDS:-1})) seed=${SEED:-$((RANDOM << 15 | RANDOM))}
	deliveries=${LOAD_DELIVERIES:-4000} total=0
	while
		echo "# SEED=$seed tests/run load repeats this round" >&3
		load_round "$seed"
		seed=$((seed + 1))
		((SECONDS < end))
	do :; done
	echo "# $total deliveries" >&3
}

# The log is begun anew only once it is copied to its end, and here it is
# written all the time.  At 8,000 pages the committer would copy all of it
# itself, with everybody waiting.
@test "the log is copied to its end beside the commits" {
	env "${settings[@]}" node "$SOURCE_DIR/tests/lib/generate.mjs" 24000 >"$dir/lines"
	start
	"$FCGI_REQUEST" -b "$dir/lines" -c 16 "$socket" REQUEST_METHOD=POST >"$dir/answers"
	echo "# $(($(stat -c %s "$db-wal") / 4120)) pages" >&3
	[ "$(stat -c %s "$db-wal")" -lt $((6000 * 4120)) ]
}
