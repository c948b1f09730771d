<?php
// What a user of shared hosting would write instead: the same job for
// AgentGate's decisions, done honestly.  It checks the signature, decodes the
// JSON, and records event, session, agent and delivery in one transaction, in
// the same tables, with the same chain, dedup and durability.  The tables are
// made beforehand, from src/store/schema.sql, in a file in WAL mode.  The connection
// is kept from one request to the next, which is in PHP's favour.

declare(strict_types=1);

const JSON_AS_ECMASCRIPT = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
	| JSON_UNESCAPED_LINE_TERMINATORS | JSON_THROW_ON_ERROR;
const SOURCE = 'agentgate';
const TENANT = 'default';
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const EVENT_TYPES = [
	'request.approved' => 'approval_granted',
	'request.denied' => 'approval_denied',
	'request.expired' => 'approval_expired',
];

function answer(int $status, array $body): never
{
	http_response_code($status);
	header('Content-Type: application/json');
	header('Cache-Control: no-store');
	if ($status === 503) {
		header('Retry-After: 2');
	}
	echo json_encode($body, JSON_AS_ECMASCRIPT);
	exit;
}

function refuse(int $status, string $sentence): never
{
	answer($status, ['error' => $sentence, 'status' => $status]);
}

function timestamp(int $ms): string
{
	return gmdate('Y-m-d\TH:i:s', intdiv($ms, 1000)) . sprintf('.%03dZ', $ms % 1000);
}

// A ULID above the last one of the file.
function mint_id(int $ms, string $last): string
{
	$id = '';
	for ($shift = 45; $shift >= 0; $shift -= 5) {
		$id .= CROCKFORD[$ms >> $shift & 31];
	}
	foreach (str_split(random_bytes(16)) as $byte) {
		$id .= CROCKFORD[ord($byte) & 31];
	}
	if (strcmp($id, $last) > 0) {
		return $id;
	}
	for ($i = 25; $i >= 0; $i--) {
		$digit = strpos(CROCKFORD, $last[$i]) + 1;
		$last[$i] = CROCKFORD[$digit & 31];
		if ($digit < 32) {
			break;
		}
	}
	return $last;
}

function one(PDO $db, string $sql, array $values): array|false
{
	$statement = $db->prepare($sql);
	$statement->execute($values);
	$row = $statement->fetch(PDO::FETCH_NUM);
	$statement->closeCursor();
	return $row;
}

function run(PDO $db, string $sql, array $values): void
{
	$statement = $db->prepare($sql);
	foreach ($values as $i => $value) {
		match (true) {
			is_array($value) => $statement->bindValue($i + 1, $value[0], PDO::PARAM_LOB),
			is_int($value) => $statement->bindValue($i + 1, $value, PDO::PARAM_INT),
			default => $statement->bindValue($i + 1, $value),
		};
	}
	$statement->execute();
}

function record(PDO $db, string $body, string $signature, object $event): array
{
	$key = hash('sha256', SOURCE . "\0" . $body, true);
	$statement = $db->prepare('SELECT e.id, e.event_type, e.session_id FROM ingest_deliveries d'
		. ' JOIN events e ON e.id = d.event_id WHERE d.sent_at = ? AND d.key = ?');
	$statement->bindValue(1, $event->time, PDO::PARAM_INT);
	$statement->bindValue(2, $key, PDO::PARAM_LOB);
	$statement->execute();
	$same = $statement->fetch(PDO::FETCH_NUM);
	$statement->closeCursor();
	if ($same !== false) {
		header('Idempotent-Replayed: true');
		return $same;
	}

	$last = one($db, "SELECT id FROM events WHERE id < '8' ORDER BY id DESC LIMIT 1", []);
	$previous = one($db, 'SELECT timestamp, hash FROM events WHERE tenant_id = ? AND session_id = ?'
		. ' ORDER BY timestamp DESC, id DESC LIMIT 1', [TENANT, $event->session]);
	$now = (int) (microtime(true) * 1000);
	$id = mint_id($now, $last === false ? '' : $last[0]);

	// Within a session time never runs backwards, and is never in the future.
	$at = timestamp(min($now, $event->time));
	if ($previous !== false && strcmp($at, $previous[0]) < 0) {
		$at = $previous[0];
	}
	if ($at !== timestamp($event->time)) {
		$event->metadata['reportedTimestamp'] = $event->time;
	}
	$payload = json_encode($event->payload, JSON_AS_ECMASCRIPT);
	$metadata = json_encode($event->metadata, JSON_AS_ECMASCRIPT);
	$link = $previous === false ? null : $previous[1];
	$quoted = fn($value) => json_encode($value, JSON_AS_ECMASCRIPT);
	$hash = hash('sha256', '{"v":2,"id":' . $quoted($id) . ',"timestamp":' . $quoted($at)
		. ',"sessionId":' . $quoted($event->session) . ',"agentId":' . $quoted($event->agent)
		. ',"eventType":' . $quoted($event->type) . ',"severity":"info","payload":' . $payload
		. ',"metadata":' . $metadata . ',"prevHash":' . $quoted($link) . '}');

	run($db, 'INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, metadata,'
		. ' prev_hash, hash, tenant_id, project_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
		[$id, $at, $event->session, $event->agent, $event->type, $payload, $metadata, $link, $hash, TENANT, TENANT]);
	run($db, 'INSERT INTO sessions (id, agent_id, started_at, event_count, tenant_id, project_id, last_event_at)'
		. ' VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET event_count = event_count + 1,'
		. ' last_event_at = excluded.last_event_at',
		[$event->session, $event->agent, $at, TENANT, TENANT, $at]);
	run($db, 'INSERT INTO agents (id, name, first_seen_at, last_seen_at, tenant_id, project_id)'
		. ' VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET'
		. ' last_seen_at = max(last_seen_at, excluded.last_seen_at)',
		[$event->agent, $event->agent, $at, $at, TENANT, TENANT]);
	run($db, 'INSERT INTO ingest_deliveries (key, event_id, source, received_at, remote_addr, signature, body,'
		. ' sent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
		[[$key], $id, SOURCE, timestamp($now), $_SERVER['REMOTE_ADDR'], $signature, [$body],
		$event->time]);
	return [$id, $event->type, $event->session];
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
	refuse(405, 'Method not allowed');
}
$body = file_get_contents('php://input');
$signature = strtolower($_SERVER['HTTP_X_AGENTGATE_SIGNATURE'] ?? '');
if (!hash_equals(hash_hmac('sha256', $body, getenv('AGENTGATE_WEBHOOK_SECRET')), $signature)) {
	refuse(401, 'Invalid webhook signature');
}
try {
	$delivery = json_decode($body, false, 64, JSON_THROW_ON_ERROR);
} catch (JsonException $e) {
	refuse(400, 'Invalid JSON body: ' . $e->getMessage());
}
$type = EVENT_TYPES[$delivery->event ?? ''] ?? null;
if ($type === null) {
	refuse(400, 'Unknown event type');
}
$request = $delivery->data->request ?? null;
if (!is_object($request) || !is_string($request->id ?? null) || !is_int($delivery->timestamp ?? null)) {
	refuse(400, 'Missing or invalid data field');
}
$context = $request->context ?? new stdClass();
$payload = ['requestId' => $request->id, 'action' => $request->action ?? '', 'decidedBy' => $request->decidedBy ?? 'system'];
if (($request->decisionReason ?? '') !== '') {
	$payload['reason'] = $request->decisionReason;
}
$event = (object) [
	'type' => $type,
	'session' => $context->agentlens_session_id ?? 'unlinked_' . $request->id,
	'agent' => $context->agentlens_agent_id ?? 'external',
	'time' => $delivery->timestamp,
	'payload' => $payload,
	'metadata' => ['source' => SOURCE, 'webhookEvent' => $delivery->event] + (array) $context,
];

$db = null;
try {
	$db = new PDO('sqlite:' . getenv('DB_PATH'), null, null,
		[PDO::ATTR_PERSISTENT => true, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 30]);
	$db->exec('PRAGMA synchronous = ' . (getenv('INGEST_SYNCHRONOUS') ?: 'full'));
	$db->exec('BEGIN IMMEDIATE');
	[$id, $type, $session] = record($db, $body, $signature, $event);
	$db->exec('COMMIT');
} catch (PDOException $e) {
	error_log($e->getMessage());
	try {
		$db?->exec('ROLLBACK');
	} catch (PDOException) {
		// It had ended by itself.
	}
	refuse(503, 'The database cannot be written; send the event again');
}
answer(201, ['ok' => true, 'eventId' => $id, 'eventType' => $type, 'sessionId' => $session]);
