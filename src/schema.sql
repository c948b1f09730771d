-- AgentLens's tables, so that its server opens the file as it is.  It adds
-- its own indexes and its other tables by itself.
CREATE TABLE IF NOT EXISTS events (
	id TEXT PRIMARY KEY,
	timestamp TEXT NOT NULL,
	session_id TEXT NOT NULL,
	agent_id TEXT NOT NULL,
	event_type TEXT NOT NULL,
	severity TEXT NOT NULL DEFAULT 'info',
	payload TEXT NOT NULL,
	metadata TEXT NOT NULL DEFAULT '{}',
	prev_hash TEXT,
	hash TEXT NOT NULL,
	tenant_id TEXT NOT NULL DEFAULT 'default',
	verified_agent_id TEXT,
	pricing_version TEXT,
	org_id TEXT NOT NULL DEFAULT 'default',
	project_id TEXT
);

CREATE TABLE IF NOT EXISTS sessions (
	id TEXT NOT NULL,
	agent_id TEXT NOT NULL,
	agent_name TEXT,
	started_at TEXT NOT NULL,
	ended_at TEXT,
	status TEXT NOT NULL DEFAULT 'active',
	event_count INTEGER NOT NULL DEFAULT 0,
	tool_call_count INTEGER NOT NULL DEFAULT 0,
	error_count INTEGER NOT NULL DEFAULT 0,
	total_cost_usd REAL NOT NULL DEFAULT 0,
	llm_call_count INTEGER NOT NULL DEFAULT 0,
	total_input_tokens INTEGER NOT NULL DEFAULT 0,
	total_output_tokens INTEGER NOT NULL DEFAULT 0,
	tags TEXT NOT NULL DEFAULT '[]',
	tenant_id TEXT NOT NULL DEFAULT 'default',
	org_id TEXT NOT NULL DEFAULT 'default',
	project_id TEXT,
	last_event_at TEXT,
	PRIMARY KEY (id, tenant_id)
);

CREATE TABLE IF NOT EXISTS agents (
	id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT,
	first_seen_at TEXT NOT NULL,
	last_seen_at TEXT NOT NULL,
	session_count INTEGER NOT NULL DEFAULT 0,
	tenant_id TEXT NOT NULL DEFAULT 'default',
	org_id TEXT NOT NULL DEFAULT 'default',
	project_id TEXT,
	model_override TEXT,
	paused_at TEXT,
	pause_reason TEXT,
	PRIMARY KEY (id, tenant_id)
);

-- What was delivered, byte for byte: a row for each delivery that was
-- recorded, and one for each signed delivery that was refused.
--   sent_at          the time that the body itself carries, in ms; else 0
--   key              SHA-256 of source, NUL and body; NULL when it came
--                    unsigned, because strangers may repeat themselves
--   idempotency_key  SHA-256 of source, header name and value; NULL without
--                    such a header, and for what was refused
--   event_id         the event it became; or NULL, and
--   reason           why it was refused
--   signature        the sender's, which the body can be checked against
CREATE TABLE IF NOT EXISTS ingest_deliveries (
	id INTEGER PRIMARY KEY,
	sent_at INTEGER NOT NULL,
	key BLOB,
	idempotency_key BLOB,
	event_id TEXT,
	reason TEXT,
	source TEXT NOT NULL,
	received_at TEXT NOT NULL,
	remote_addr TEXT,
	signature TEXT,
	body BLOB NOT NULL,
	CHECK ((event_id IS NULL) <> (reason IS NULL))
);

-- The same bytes carry the same time, so with the time before it the random
-- key is found as surely, and new entries come at the end of the index: its
-- cost does not grow with the file.
CREATE UNIQUE INDEX IF NOT EXISTS idx_ingest_key
	ON ingest_deliveries(sent_at, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS idx_ingest_idempotency_key
	ON ingest_deliveries(idempotency_key)
	WHERE idempotency_key IS NOT NULL;

-- The chain: the last event of a session is one step away.
CREATE INDEX IF NOT EXISTS idx_ingest_chain
	ON events(tenant_id, session_id, timestamp, id);

-- What `agentlens-log prune` removed, so that it is accounted for: a row for
-- each delivery whose body it removed, each event, or both.
--   delivery_id    the delivery
--   delivery_leaf  what a seal's tree of deliveries has for it
--   position       the rowid that the event had, its place in the file
--   event_id ...   of the event: the chain's links, without what they linked
--   event_leaf     what a seal's tree of events has for it
CREATE TABLE IF NOT EXISTS ingest_pruned (
	id INTEGER PRIMARY KEY,
	pruned_at TEXT NOT NULL,
	delivery_id INTEGER UNIQUE,
	delivery_leaf BLOB,
	position INTEGER UNIQUE,
	event_id TEXT,
	tenant_id TEXT,
	session_id TEXT,
	prev_hash TEXT,
	hash TEXT,
	event_leaf BLOB,
	CHECK ((delivery_id IS NULL) = (delivery_leaf IS NULL)),
	CHECK ((position IS NULL) = (event_leaf IS NULL))
);
