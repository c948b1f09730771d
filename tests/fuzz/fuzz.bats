# The corpora of the fuzz targets, replayed with the compiler at hand: what an
# input once made untrue stays true.  See fuzz/README.
#
# run: once, 2 s

load ../lib/helper

# replay TARGET: runs all of its corpus, and counts what was run.
replay() {
	local inputs=("$SOURCE_DIR/tests/fuzz/corpus/$1"/*)
	case $1 in
	json | mapping) inputs+=("$SOURCE_DIR"/tests/captures/*/*.body) ;;
	esac
	[ "${#inputs[@]}" -ge 8 ] || { echo "a corpus of ${#inputs[@]} files"; return 1; }
	"$FUZZ_REPLAY" -t "$1" "${inputs[@]}" >"$dir/told" 2>"$dir/err" 3>&- || {
		tail -n 5 "$dir/err"
		return 1
	}
	equal 'inputs that were run' "${#inputs[@]}" "$(grep -c '^input	' "$dir/told")"
}

@test "every target has a corpus, and every corpus its target" {
	equal targets "$("$FUZZ_REPLAY" -l | paste -sd ' ')" "$(cd "$SOURCE_DIR/tests/fuzz/corpus" && echo *)"
}

@test "no corpus is above 300 inputs or 500 KB" {
	local corpus
	for corpus in "$SOURCE_DIR"/tests/fuzz/corpus/*; do
		row "$corpus"
		find "$corpus" -type f -printf '%s\n' | awk '{ n += $1 } END { exit NR > 300 || n > 500000 }'
	done
}

@test "evidence: every input holds" { replay evidence; }

@test "fcgi: every input holds" { replay fcgi; }

@test "gateway: every input holds" { replay gateway; }

@test "json: every input holds" { replay json; }

@test "mapping: every input holds" { replay mapping; }

@test "sender: every input holds" { replay sender; }

@test "settings: every input holds" { replay settings; }

@test "signature: every input holds" { replay signature; }

@test "timestamp: every input holds" { replay timestamp; }

@test "json: node writes every input as we do" {
	command -v node >/dev/null || skip 'node is not installed'
	replay json
	node "$SOURCE_DIR/tests/fuzz/judge.mjs" json <"$dir/told"
}

@test "mapping: node finds every column a fixed point" {
	command -v node >/dev/null || skip 'node is not installed'
	replay mapping
	grep -q '^payload	' "$dir/told"
	node "$SOURCE_DIR/tests/fuzz/judge.mjs" mapping <"$dir/told"
}
