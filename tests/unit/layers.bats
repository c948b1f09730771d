# The house: layers whose includes go down only, one door to each foreign
# library, SQL in one room, nothing too long.  LAYERS_SRC is the folder to look
# through, if not src/.
#
# run: once, 3 s

load ../lib/helper

src=${LAYERS_SRC:-$SOURCE_DIR/src}

# Layers from the lowest to the highest; each includes itself and those before
# it.  The programs come last, and do not include each other.
layers='base webhook settings store reader audit'
programs='agentlens-ingest agentlens-log'

# includes_of FOLDER: lines of a file and what it includes in double quotes.
includes_of() {
	(cd "$1" && grep -roE --include='*.[ch]' \
		'^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' .) |
		sed -E 's|^\./([^:]*):.*"(.*)"$|\1 \2|'
}

# including FOLDER REGEX: the files that include <REGEX> or "REGEX".
including() {
	(cd "$1" && grep -rlE --include='*.[ch]' \
		"^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2[>\"]" . || :) |
		sed 's|^\./||' | sort
}

# nothing_found: prints what comes in as it is wrong, and fails if any does.
nothing_found() {
	! grep . >&2
}

# The rules.  Each prints what breaks it in a folder, and fails then.

folders_are_layers() { # FOLDER
	{
		(cd "$1" && find . -mindepth 1 -type d) | sed 's|^\./||' |
			grep -vxE "($(tr ' ' '|' <<<"$layers $programs")|store/sqlite)"
		(cd "$1" && find . -maxdepth 1 -name '*.[ch]') | grep -vxE '\./settings(_[a-z]+)?\.[ch]'
	} | nothing_found
}

includes_go_down() { # FOLDER
	includes_of "$1" | awk -v layers="$layers" -v programs="$programs" '
		function layer(path) {
			sub(path ~ /\// ? "/.*" : "(_[a-z]+)?\\.[ch]$", "", path)
			return path
		}
		BEGIN {
			for (n = split(layers, name, " "); n > 0; n--)
				rank[name[n]] = n
			for (n = split(programs, name, " "); n > 0; n--)
				rank[name[n]] = 100
		}
		{ from = layer($1); to = layer($2) }
		!(from in rank) || !(to in rank) ||
			(from != to && rank[from] <= rank[to]) ||
			($2 ~ /^store\/sqlite\// && $1 !~ /^store\/sqlite\//)' |
		nothing_found
}

# At most or exactly so many files, by what it includes, and where they may be.
doors='
= 1  fcgi(app|os)\.h       agentlens-ingest/[^/]*\.c
= 1  gcrypt\.h             base/[^/]*\.c
= 1  json-c/[a-z_]+\.h     base/[^/]*\.[ch]
< 99 sqlite3\.h            store/sqlite/[^/]*\.c
< 1  (postgresql/)?libpq-fe\.h .*\.c
< 1  curl/curl\.h          .*\.c
< 1  seccomp\.h            .*\.c
< 0  fcgi_(stdio|config)\.h nowhere
'

one_door_each() { # FOLDER
	local how count header place files
	while read -r how count header place; do
		[ -n "$how" ] || continue
		files=$(including "$1" "$header")
		grep -vxE "$place" <<<"$files"
		set -- "$1" "$(grep -c . <<<"$files")"
		[[ $2 -le $count && ($how != '=' || $2 -eq $count) ]] ||
			echo "$header is included by $2 files: $(xargs <<<"$files")"
	done <<<"$doors" | nothing_found
}

# schema.c makes and changes the tables, which objects.c judges; anybody there may ask whether there is
# one at all, which is how a file is tried.
sql_has_one_room() { # FOLDER
	(
		cd "$1" || exit
		grep -rnE --include='*.[ch]' '"(SELECT|INSERT|UPDATE|DELETE FROM|PRAGMA) ' . |
			grep -vE '^\./store/sqlite/(statements|schema|objects)\.c:' |
			grep -vE '^\./store/sqlite/[^:]*:.*("SELECT [^"]*FROM (main\.)?sqlite_schema|"PRAGMA )'
	) | nothing_found
}

# But for base/log.c, to which all else hands its lines.
readers_print_nothing() { # FOLDER
	(
		cd "$1" || exit
		grep -rnE --include='*.[ch]' '\b((v?f?printf|f?puts|f?putc|putchar|fwrite|perror|isatty) ?\(|stdout\b|stderr\b)' \
			base webhook store reader audit |
			grep -vE '^base/log\.c:|:[0-9]+:[[:space:]]*(/\*| \*)|format\(printf,'
	) | nothing_found
}

nothing_is_long() { # FOLDER FUNCTIONS_AT_LEAST
	find "$1" -name '*.[ch]' -exec awk -v least="${2-1}" '
		FNR == 1 { start = 0 }
		FNR == 701 { print FILENAME ": more than 700 lines" }
		/^\{/ { start = FNR }
		/^\}/ && start {
			if (FNR - start - 1 > 50)
				printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1
			start = 0
			functions++
		}
		END { if (functions < least) print functions + 0, "functions only?" }' {} + |
		nothing_found
}

every_file_is_built() { # FOLDER
	local folder
	find "$1" -name '*.[ch]' ! -path "$1/store/schema.h" -printf '%P\n' | while IFS= read -r file; do
		folder=$1/${file%%/*}
		[ -d "$folder" ] || folder=$1
		grep -qE "(^|[[:space:]])src/${file//./\\.}([[:space:]]|$)" "$folder/Makefile.inc" || echo "$file"
	done | nothing_found
}

@test "every folder of src is a layer" { folders_are_layers "$src"; }

@test "includes go down only" {
	[ "$(includes_of "$src" | wc -l)" -ge 100 ]
	includes_go_down "$src"
}

@test "one foreign library, one door" { one_door_each "$src"; }

@test "SQL stands in store/sqlite, the statements in one file" { sql_has_one_room "$src"; }

@test "only the programs print" { readers_print_nothing "$src"; }

@test "no file is longer than 700 lines, and no function than 50" { nothing_is_long "$src" 500; }

@test "every file of src is in the fragment of its folder" { every_file_is_built "$src"; }

@test "agentlens-log has nothing of FastCGI" {
	command -v nm >/dev/null || skip 'nm is missing (Debian: binutils)'
	local program
	for program in "$INGEST" "$AGENTLENS_LOG"; do
		[ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || skip "$program is a script"
		{ nm "$program"; nm -D "$program"; } >"$dir/${program##*/}" 2>"$dir/err" || :
	done
	grep -q FCGX_ "$dir/${INGEST##*/}"
	grep -q sqlite3_ "$dir/${AGENTLENS_LOG##*/}"
	fails grep FCGX_ "$dir/${AGENTLENS_LOG##*/}"
}

# planted RULE FILE LINE...: a tree of few files keeps the rule; with these
# lines at the end of FILE it does not.
planted() {
	local house=$dir/house rule=$1 file=$2
	row "$*"
	rm -rf "$house"
	mkdir -p "$house"/{base,webhook,store/sqlite,reader,audit,agentlens-ingest,agentlens-log}
	printf '%s\n' '#include <gcrypt.h>' 'int' 'f(void)' '{' '}' 'int' 'g(void)' '{' '}' >"$house/base/a.c"
	echo '#include <json-c/json.h>' >"$house/base/json.h"
	echo '#include "base/json.h"' >"$house/webhook/a.c"
	echo '#include "webhook/a.h"' >"$house/settings.h"
	printf '%s\n' '#include <sqlite3.h>' '#include "store/a.h"' 'PRAGMA x' >"$house/store/sqlite/a.c"
	echo '"SELECT 1"' >"$house/store/sqlite/statements.c"
	echo '#include "settings.h"' >"$house/store/a.c"
	echo '#include "store/a.h"' >"$house/reader/a.c"
	echo '#include "reader/a.h"' >"$house/audit/a.c"
	printf '%s\n' '#include <fcgiapp.h>' '#include <fcgios.h>' 'printf("x");' >"$house/agentlens-ingest/a.c"
	echo '#include "audit/a.h"' >"$house/agentlens-log/a.c"
	(cd "$house" && for f in *.h */*.[ch] */*/*.[ch]; do
		folder=${f%%/*}
		[ -d "$folder" ] || folder=.
		echo "	src/$f \\" >>"$folder/Makefile.inc"
	done)
	"$rule" "$house"
	mkdir -p "$(dirname "$house/$file")"
	printf '%s\n' "${@:3}" >>"$house/$file"
	fails "$rule" "$house" 2>"$dir/found"
	[ -s "$dir/found" ]
}

@test "each rule finds what breaks it" {
	local lines
	planted folders_are_layers new/a.c ''
	planted folders_are_layers base/deep/a.c ''
	planted folders_are_layers other.c ''
	planted includes_go_down base/a.c '#include "webhook/a.h"'
	planted includes_go_down base/a.c '#include "settings.h"'
	planted includes_go_down webhook/a.c '#include "settings.h"'
	planted includes_go_down settings.h '#include "store/a.h"'
	planted includes_go_down webhook/a.c ' # include "reader/a.h"'
	planted includes_go_down store/a.c '#include "reader/a.h"'
	planted includes_go_down store/a.c '#include "store/sqlite/a.h"'
	planted includes_go_down reader/a.c '#include "store/sqlite/a.h"'
	planted includes_go_down reader/a.c '#include "audit/a.h"'
	planted includes_go_down audit/a.c '#include "agentlens-log/a.h"'
	planted includes_go_down agentlens-log/a.c '#include "agentlens-ingest/a.h"'
	planted includes_go_down agentlens-log/a.c '#include "a.h"'
	planted one_door_each webhook/a.c '#include <gcrypt.h>'
	planted one_door_each base/b.c '#include <gcrypt.h>'
	planted one_door_each base/b.c '#include <json-c/json_object.h>'
	planted one_door_each agentlens-ingest/b.c '#include "fcgiapp.h"'
	planted one_door_each agentlens-ingest/a.c '#include <fcgi_stdio.h>'
	planted one_door_each store/sqlite/a.h '#include <sqlite3.h>'
	planted one_door_each store/a.c '#include <sqlite3.h>'
	planted one_door_each base/b.h '#include <seccomp.h>'
	planted one_door_each base/json.h '#include <curl/curl.h>'
	planted sql_has_one_room audit/a.c 'x = "SELECT 1";'
	planted sql_has_one_room store/sqlite/a.c '"DELETE FROM events"'
	planted sql_has_one_room store/a.c '"PRAGMA user_version"'
	planted readers_print_nothing reader/a.c 'printf("x");'
	planted readers_print_nothing audit/a.c 'fputs("x", out);'
	planted readers_print_nothing store/sqlite/a.c 'write_all(stderr);'
	mapfile -t lines < <(yes ';' | head -n 51)
	planted nothing_is_long base/a.c 'int h(void)' '{' "${lines[@]}" '}'
	mapfile -t lines < <(yes '' | head -n 700)
	planted nothing_is_long base/a.c "${lines[@]}"
	planted every_file_is_built reader/b.c ''
	planted every_file_is_built store/sqlite/b.h ''
}
