# Each system call and allocation fails once; see faults.mjs.  With TORTURE set
# each of them does, else some of each series.
#
# run: once, 40 s

load ../lib/helper

# fail_each MODE LIMIT
fail_each() {
	local SEED=${SEED:-$((RANDOM << 15 | RANDOM))} limit=$2
	command -v node >/dev/null || skip 'node is not installed'
	! grep -q __asan_init "$INGEST" || skip 'the sanitizers have an allocator of their own'
	echo "# SEED=$SEED tests/run faults repeats this run" >&3
	[ -z "${TORTURE-}" ] || limit=0
	SEED=$SEED node "$SOURCE_DIR/tests/faults/faults.mjs" "$dir" "$1" "$limit" >"$dir/table" 3>&- || {
		cat "$dir/table"
		return 1
	}
	sed 's/^/# /' "$dir/table" >&3
}

@test "each call of a FastCGI responder fails once" {
	fail_each fcgi 1
}

@test "each call of a CGI process fails once" {
	fail_each cgi 1
}
