# What the conventions say about the source itself, as far as a grep can hold
# it.

load helper

src=$SOURCE_DIR/src
tool=$src/agentlens-log

@test "one foreign library, one door" {
	local header folder files
	# Of SQLite each of the two programs has its own.
	for header in fcgiapp.h gcrypt.h sqlite3.h; do
		for folder in "$src" "$tool"; do
			[ "$folder $header" != "$tool fcgiapp.h" ] || continue
			[ "$folder $header" != "$tool gcrypt.h" ] || continue
			row "$folder $header"
			files=$(grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$header" "$folder"/*.[ch])
			equal 'files that include it' 1 "$(wc -l <<<"$files")"
			matches 'the file' '.*\.c' "$files"
		done
	done
	fails grep -lE 'include[[:space:]]*[<"](fcgiapp|gcrypt)\.h' "$tool"/*.[ch]
	fails grep -rlE 'fcgi_stdio\.h|fcgi_config\.h' "$src"
}

@test "no function is longer than 80 lines" {
	awk 'FNR == 1 { start = 0 }
		/^\{/ { start = FNR }
		/^\}/ && start {
			if (FNR - start - 1 > 80) {
				printf "%s:%d: %d lines\n", FILENAME, start, FNR - start - 1
				long = 1
			}
			start = 0
			functions++
		}
		END {
			if (functions < 50) { print functions + 0, "functions only?"; long = 1 }
			exit long
		}' "$src"/*.c "$tool"/*.c
}

@test "numbers from outside go through a strict parser" {
	fails grep -nE '\b(atoi|atol|atoll|atof|sscanf|gets|strcpy|strcat|sprintf)[[:space:]]*\(' "$src"/*.[ch] "$tool"/*.[ch]
}

@test "SQL is bound, never formatted" {
	# But for names of columns in ALTER TABLE, which cannot be bound, and
	# come from our own schema.
	grep -nE -A 1 'sqlite3_(v|vm|m)?printf|sqlite3_snprintf' "$src"/*.c "$tool"/*.c |
		tr -d '\n' | sed 's/--/\n/g' >"$dir/formatted"
	grep -q . "$dir/formatted"
	fails grep -v '"ALTER TABLE %s ADD COLUMN ' "$dir/formatted"
}

@test "every header can be included alone" {
	command -v cc >/dev/null || skip 'cc is not installed'
	local header
	for header in "$src"/*.h "$tool"/*.h; do
		row "$header"
		case $header in */schema.h) continue ;; esac
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$dir/one.c"
		cc -std=gnu11 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I"$src" -I"$tool" "$dir/one.c"
	done
}

@test "the mapping's table has no row twice" {
	"$INGEST" --print-mapping >"$dir/mapping"
	equal 'rows that are there twice' '' "$(cut -d '|' -f 2,3 "$dir/mapping" | sort | uniq -d)"
}

@test "the manuals are clean" {
	command -v mandoc >/dev/null || skip 'mandoc is not installed'
	local manual
	for manual in agentlens-ingest.8 agentlens-ingest.conf.5 agentlens-log.1; do
		row "$manual"
		[ -e "$BUILD_DIR/man/$manual" ] || skip "$BUILD_DIR/man/$manual is not built"
		# Which other manuals this machine has is no fault of ours.
		equal 'what mandoc says' '' "$(mandoc -Tlint "$BUILD_DIR/man/$manual" 2>&1 |
			grep -v -e 'outdated mandoc.db' -e 'referenced manual not found')"
		equal 'names that were not filled in' '' "$(grep -n '@[A-Za-z]*@' "$BUILD_DIR/man/$manual")"
	done
}

@test "the manuals name every setting and every option" {
	local name
	while read -r name; do
		row "$name"
		# In a manual a list may write the suffix _PREVIOUS apart.
		grep -q "${name%_PREVIOUS}" "$SOURCE_DIR/man/agentlens-ingest.conf.5.in"
	done < <(sed -n 's/^#\([A-Z_]*\)=.*/\1/p' "$SOURCE_DIR/examples/agentlens-ingest.conf")
	for name in check print-mapping version help; do
		row "$name"
		grep -qE -- "(-|Fl |\\\\-)$name" "$SOURCE_DIR/man/agentlens-ingest.8.in"
	done
}

@test "shellcheck has nothing to say about any script" {
	command -v shellcheck >/dev/null || skip 'shellcheck is not installed'
	"$SOURCE_DIR/tests/lint" >"$dir/out" || { cat "$dir/out"; return 1; }
	matches 'what it read' 'shellcheck read [4-9][0-9] scripts' "$(cat "$dir/out")"
}
