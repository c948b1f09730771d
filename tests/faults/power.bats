# The power is lost: a run is recorded, and power.c makes the disk as a cut at
# each moment may leave it.  With TORTURE set at all of them, else at some.
#
# run: once, 15 s

load ../lib/helper

setup_file() {
	export SEED=${SEED:-$((RANDOM << 15 | RANDOM))}
	echo "# SEED=$SEED tests/run power repeats this run" >&3
}

# events NUMBER BYTES: lines for post_all, each of another name.
events() {
	awk -v n="$1" -v bytes="$2" -v from="$((events_made += $1))" 'BEGIN {
		for (data = "d"; length(data) < bytes; data = data data) ;
		for (i = from; i > from - n; i--)
			printf "HTTP_IDEMPOTENCY_KEY=k%d\t{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":\"%s\"},\"context\":{\"agentlens_session_id\":\"s%d\"},\"n\":%d}\n",
				i, substr(data, 1, bytes), i % 4, i
	}'
}

# send_all NUMBER BYTES CONNECTIONS: all of them are answered with 201.
send_all() {
	events "$1" "$2" >"$dir/lines"
	post_all "$dir/lines" "$3"
	equal 'events recorded' "$1" "$(grep -c ^201 "$dir/answers")"
}

# record_run JOURNAL SYNCHRONOUS: alone and together, past what a checkpoint is
# made after, with and without an orderly end.
record_run() {
	! grep -q __asan_init "$INGEST" || skip 'the sanitizers have an allocator of their own'
	MODE=fcgi events_made=0
	dir=$(realpath "$dir")
	db=$dir/disk/agentlens.db
	mkdir "$dir/disk" "$dir/after"
	with DB_PATH="$db" INGEST_JOURNAL="$1" INGEST_SYNCHRONOUS="$2" INGEST_THREADS=8
	launcher=(env LD_PRELOAD="$FAULT" FAULT_RECORD="$dir/record" FAULT_FOLDER="$dir/disk")
	send_all 30 200 1
	send_all 60 1500 8
	send_all 6 900000 1
	send_all 30 500 1
	stop
	equal 'exit status' 0 "$exit_status"
	send_all 30 300 4
	stop KILL
	send_all 10 300 1
	stop
	launcher=()
}

# lose_power WHAT_MAY_BE_LOST CUTS: power's figures are left in $dir/figures.
lose_power() {
	local cuts=$2
	[ -z "${TORTURE-}" ] || cuts=0
	without DB_PATH
	# The program itself is to go on, before anything else has mended the file.
	{
		printf 'env -i '
		printf '%q ' "${settings[@]}" DB_PATH="$dir/after/agentlens.db" REQUEST_METHOD=POST CONTENT_LENGTH=42
		printf '%q <%q >%q && grep -q 201 %q && ' "$INGEST" "$dir/event" "$dir/out" "$dir/out"
		printf '%q verify -d %q >%q 2>&1\n' "$AGENTLENS_LOG" "$dir/after/agentlens.db" "$dir/verified"
	} >"$dir/go_on"
	printf %s '{"source":"generic","event":"e","data":{}}' >"$dir/event"
	"$POWER" "$dir/record" "$dir/after" "$1" "$SEED" "$cuts" ". $dir/go_on" >"$dir/figures" || {
		cat "$dir/figures" "$dir/verified"
		return 1
	}
	sed "s/^/# /" "$dir/figures" >&3
	# What the client has seen is what the record holds.
	matches figures ".* $events_made answers; .*" "$(cat "$dir/figures")"
}

@test "a power cut loses no answered event with a write-ahead log" {
	record_run wal full
	lose_power nothing 40
}

@test "a power cut loses no answered event with a rollback journal" {
	record_run delete full
	lose_power nothing 40
}

@test "with synchronous=normal a power cut takes events since the log was synced, and leaves a sound file" {
	record_run wal normal
	lose_power unsynced 40
	# It does take some: who wants none needs full.
	fails matches figures '.*at most 0' "$(cat "$dir/figures")"
}

@test "with synchronous=normal and a rollback journal a power cut takes the last events, and leaves a sound file" {
	record_run delete normal
	lose_power all 40
}
