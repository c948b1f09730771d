# Transparency logs that others wrote, and ours: each opens the other's
# checkpoints and checks its proofs.  And a second verifier of journals, which
# knows doc/evidence.md and nothing else.
#
# run: once, 15 s

load ../lib/helper

peer=$BUILD_DIR/tests/tlog/peer
journal=$BUILD_DIR/tests/tlog/journal

# build_peer: Go's side, from what Debian installs, without a network.
build_peer() {
	local mod=/usr/share/gocode/src/golang.org/x/mod/sumdb
	command -v go >/dev/null || skip 'go is missing (Debian: apt install golang-go)'
	[ -d $mod/tlog ] || skip 'golang-golang-x-mod-dev is missing'
	HOME=$dir GOCACHE=$dir/cache GO111MODULE=off GOPROXY=off \
		GOPATH=/usr/share/gocode \
		go build -o "$dir/go-peer" "$BATS_TEST_DIRNAME/peer.go"
}

# keys COMMAND NAME: makes $private and $public.
keys() {
	local made
	made=$("$1" key "$2")
	private=${made%%$'\n'*}
	public=${made##*$'\n'}
}

@test "Go opens our checkpoints and checks our proofs" {
	build_peer
	"$peer" entries 33 >"$dir/entries"
	keys "$peer" log.example/agents
	"$peer" make "$private" "$dir"
	run "$dir/go-peer" check "$public" "$dir"
	equal answer '561 of each' "$output"
	# It would say so if one were wrong.
	sed -i '3s/index 7/index 8/' "$dir/proof-21-7"
	run "$dir/go-peer" check "$public" "$dir"
	[ "$status" = 1 ]
}

@test "we open Go's checkpoints and check its proofs" {
	build_peer
	"$peer" entries 33 >"$dir/entries"
	keys "$dir/go-peer" go.example/log
	"$dir/go-peer" make "$private" "$dir"
	run "$peer" check "$public" "$dir"
	equal answer '561 of each' "$output"
	sed -i '3s/index 7/index 8/' "$dir/proof-21-7"
	run "$peer" check "$public" "$dir"
	[ "$status" = 1 ]
}

@test "transparency-dev's Merkle vectors" {
	[ -n "${MERKLE_VECTORS-}" ] ||
		skip 'MERKLE_VECTORS is not the testdata of github.com/transparency-dev/merkle'
	mapfile -t files < <(find "$MERKLE_VECTORS" -name '*.json')
	run "$BUILD_DIR/tests/tlog/vectors" "${files[@]}"
	echo "$output"
	[ "$status" = 0 ]
}

@test "a second verifier of the journal, from its document alone" {
	command -v python3 >/dev/null || skip 'python3 is missing'
	mkdir "$dir/journal"
	"$journal" make "$dir/journal"
	run "$SOURCE_DIR/tests/second_verifier.py" journal "$dir/journal"
	equal verdict 'SOUND, NOT KEYED, GAP 10' "$output"
	run "$BATS_TEST_DIRNAME/plant.py" "$journal" "$dir/journal"
	grep -v '^ok ' <<<"$output"
	[ "$status" = 0 ]
}

@test "the second verifier checks our proofs" {
	command -v python3 >/dev/null || skip 'python3 is missing'
	local verifier=$SOURCE_DIR/tests/second_verifier.py
	"$peer" entries 21 >"$dir/entries"
	keys "$peer" log.example/agents
	"$peer" make "$private" "$dir"
	run "$verifier" proof "$public" "$dir/proof-21-20"
	equal verdict 'PROVEN, entry 21' "$output"
	run "$verifier" proof "$public" "$dir/proof-13-4"
	equal verdict 'PROVEN, entry 5' "$output"
	sed -i '4s/^./=/' "$dir/proof-13-4"
	run "$verifier" proof "$public" "$dir/proof-13-4"
	[ "$status" = 1 ]
}
