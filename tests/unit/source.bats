# What the conventions say about the source itself, as far as a grep can hold
# it; where things may stand is in layers.bats.
#
# run: once, 8 s

load ../lib/helper

src=$SOURCE_DIR/src

@test "numbers from outside go through a strict parser" {
	fails grep -rnE --include='*.[ch]' '\b(atoi|atol|atoll|atof|sscanf|gets|strcpy|strcat|sprintf)[[:space:]]*\(' "$src"
}

@test "SQL is bound, never formatted" {
	# But for names of columns in ALTER TABLE, which cannot be bound, and
	# come from our own schema.
	grep -rnE -A 1 --include='*.c' 'sqlite3_(v|vm|m)?printf|sqlite3_snprintf' "$src" |
		tr -d '\n' | sed 's/--/\n/g' >"$dir/formatted"
	grep -q . "$dir/formatted"
	fails grep -v '"ALTER TABLE %s ADD COLUMN ' "$dir/formatted"
}

# compiles COMMAND...: each file of src, without a warning.
compiles() {
	find "$src" -name '*.c' | xargs -P "$(nproc)" -I '{}' "$@" -D_GNU_SOURCE -DPACKAGE_NAME='"x"' -DPACKAGE_VERSION='"0"' \
		-DLIBFCGI_VERSION='"0"' -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' \
		-I"$BUILD_DIR/src" -I"$src" -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
		-Wformat=2 -Wvla -Wundef -Werror -fsyntax-only '{}'
}

@test "clang has nothing to warn of, with C17 either" {
	local clang
	clang=$(compgen -c clang | grep -xE 'clang(-[0-9]+)?' | head -n 1) || skip 'clang is not installed'
	compiles "$clang" -std=gnu17 -DHAVE_MALLOPT -DHAVE_MALLOC_TRIM -DHAVE_TWALK_R
}

@test "musl has all that is used, without what configure asks for" {
	command -v musl-gcc >"$dir/path" || skip 'musl-gcc is missing (Debian: musl-tools)'
	# Of this machine only the libraries, not the headers of its own C library.
	local header found
	mkdir "$dir/include"
	for header in sqlite3.h gcrypt.h gpg-error.h fcgiapp.h fcgios.h fcgi_config.h json-c linux asm asm-generic; do
		for found in "/usr/include/$header" /usr/include/*-linux-gnu/"$header" "/usr/include/fastcgi/$header"; do
			[ ! -e "$found" ] || ln -s "$found" "$dir/include/"
		done
	done
	compiles musl-gcc -std=gnu11 -idirafter "$dir/include"
}

@test "every header can be included alone" {
	command -v cc >/dev/null || skip 'cc is not installed'
	local header
	while IFS= read -r header; do
		row "$header"
		case $header in */store/schema.h) continue ;; esac
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$dir/one.c"
		cc -std=gnu11 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I"$src" "$dir/one.c"
	done < <(find "$src" -name '*.h')
}

@test "the mapping's table has no row twice" {
	"$INGEST" --print-mapping | sed '/^$/q' >"$dir/mapping"
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
