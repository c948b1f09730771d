# The containers of examples/Dockerfile and examples/compose.yaml, with an event
# that goes through both.  Without a docker engine they cannot be tried.
#
# run: once, 150 s

load ../lib/helper

setup() {
	dir=$BATS_TEST_TMPDIR
	name=agentlens-test-$$
	command -v docker >/dev/null || skip 'docker is not installed'
	docker info >"$dir/engine" 2>&1 || skip 'no docker engine is at hand'
	docker image inspect debian:12-slim >"$dir/engine" 2>&1 ||
		docker pull -q debian:12-slim >"$dir/engine" 2>&1 ||
		skip 'the image debian:12-slim cannot be had'
	install -m 0640 "$SOURCE_DIR/examples/agentlens-ingest.conf" "$dir/settings.conf"
	chgrp 33 "$dir/settings.conf" || skip 'only root can give a file to the group of the containers'
	export SETTINGS=$dir/settings.conf PORT=$((20000 + RANDOM % 12000))
}

teardown() {
	docker rm -f "$name-ingest" "$name-web" || :
	docker volume rm "$name-events" "$name-socket" || :
	docker rmi "$name-ingest" "$name-web" || :
	! docker compose version || compose down -v --rmi local || :
} >/dev/null 2>&1

compose() {
	docker compose -p "$name" -f "$SOURCE_DIR/examples/compose.yaml" "$@"
}

# event_goes_through COMMAND...: an event that is posted is listed by
# agentlens-log, which the command runs in the container.
event_goes_through() {
	local url=http://127.0.0.1:$PORT/api/events/ingest
	until_true curl -fsS --noproxy '*' -o "$dir/answer" "$url/health"
	curl -sS --noproxy '*' -H 'Content-Type: application/json' -o "$dir/answer" \
		-d '{"source":"generic","event":"e","data":{"data":1}}' "$url"
	event_id=$(sed -n 's/.*"eventId":"\([^"]*\)".*/\1/p' "$dir/answer")
	[ -n "$event_id" ] || { cat "$dir/answer"; return 1; }
	"$@" agentlens-log list | grep -qF "$event_id"
	"$@" agentlens-ingest --check
}

@test "examples/Dockerfile: an event goes through nginx into the file" {
	local target volume
	for target in ingest web; do
		docker build -f "$SOURCE_DIR/examples/Dockerfile" --target "$target" -t "$name-$target" \
			"$SOURCE_DIR" >"$dir/build" 2>&1 || { tail -n 40 "$dir/build"; return 1; }
	done
	for volume in events socket; do
		docker volume create "$name-$volume"
	done
	docker run -d --name "$name-ingest" -v "$name-events:/var/lib/agentlens-ingest" \
		-v "$name-socket:/run/agentlens-ingest" -v "$SETTINGS:/etc/agentlens-ingest.conf:ro" "$name-ingest"
	docker run -d --name "$name-web" -v "$name-socket:/run/agentlens-ingest" \
		-p "127.0.0.1:$PORT:3400" "$name-web"
	event_goes_through docker exec "$name-ingest"
	docker restart "$name-ingest"
	event_goes_through docker exec "$name-ingest"
}

@test "examples/compose.yaml: an event goes through nginx into the file" {
	docker compose version >"$dir/engine" 2>&1 || skip 'docker compose is missing'
	compose up -d --build >"$dir/build" 2>&1 || { tail -n 40 "$dir/build"; return 1; }
	event_goes_through docker compose -p "$name" -f "$SOURCE_DIR/examples/compose.yaml" exec -T ingest
}
