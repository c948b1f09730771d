# The documents: short enough to be read, and every link leads somewhere.
#
# run: once, 1 s

load ../lib/helper

# anchors FILE: the names under which its headings are linked to.
anchors() {
	sed -nE 's/^#+ //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}

# leads_somewhere FILE TARGET: a link from the file, as it is written there.
leads_somewhere() {
	local path=${2%%#*} anchor=${2#*#} to
	case $2 in https://*) return 0 ;; esac
	to=${path:+$(dirname "$1")/$path}
	[ -e "${to:=$1}" ] || return 1
	[[ $2 != *'#'* ]] || anchors "$to" | grep -qxF -- "$anchor"
}

@test "README.md has at most 200 lines, and names every document" {
	local file
	[ "$(wc -l <"$SOURCE_DIR/README.md")" -le 200 ]
	for file in CONTRIBUTING.md NEWS SECURITY.md "$SOURCE_DIR"/doc/*.md; do
		row "$file"
		grep -qF "(${file#"$SOURCE_DIR"/}" "$SOURCE_DIR/README.md"
	done
}

@test "every link between the documents leads somewhere" {
	local file target count=0
	cd "$SOURCE_DIR"
	for file in *.md doc/*.md; do
		while IFS= read -r target; do
			row "$file: $target"
			leads_somewhere "$file" "$target"
			count=$((count + 1))
		done < <(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//')
	done
	[ "$count" -ge 40 ]
	fails leads_somewhere README.md doc/nothing.md
	fails leads_somewhere README.md '#nothing'
	fails leads_somewhere README.md 'doc/install.md#nothing'
}

@test "each document that is installed or packed is named in Makefile.am" {
	local file
	for file in "$SOURCE_DIR"/*.md "$SOURCE_DIR"/doc/*.md; do
		row "$file"
		grep -qE "(^|[[:space:]])${file#"$SOURCE_DIR"/}([[:space:]]|$)" "$SOURCE_DIR/Makefile.am"
	done
}

# packages_for USE: as ./packages names them.
packages_for() {
	sed -n "s/^$1|\\([^|]*\\)|.*/\\1/p" "$SOURCE_DIR/packages"
}

@test "each package stands once, and what cannot read ./packages says the same" {
	local package
	equal 'rows that are none' '' "$(grep -vE '^#|^(build|run|check|node|ci|container)\|[a-z0-9.+-]+\|[^|]*\|[^|]+$' "$SOURCE_DIR/packages")"
	equal 'packages for the tests that are there twice' '' \
		"$(for use in build run check node ci; do packages_for "$use"; done | sort | uniq -d)"
	equal doc/install.md "$(packages_for build | sort | xargs)" \
		"$(sed -n '/^    apt install build-essential/,/^$/ { s/apt install//; s/\\$//; /^$/q; p; }' \
			"$SOURCE_DIR/doc/install.md" | xargs -n 1 | sort | xargs)"
	while IFS= read -r package; do
		row "debian/control: $package"
		case $package in debhelper-compat | systemd-dev) continue ;; esac
		grep -qE "^(build|run|check)\|$package\|" "$SOURCE_DIR/packages"
	done < <(sed -n '/^Build-Depends:/,/^[A-Z]/s/^ \([a-z0-9-]*\).*/\1/p' "$SOURCE_DIR/debian/control")
	fails grep -E '(apt-get|apt) install.*[a-z]-dev' "$SOURCE_DIR"/{bootstrap,examples/Dockerfile}
}
