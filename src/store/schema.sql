-- AgentLens's tables, so that its server opens the file as it is.  It adds
-- its own indexes and its other tables by itself.  Times are ISO 8601 in UTC,
-- "2026-02-08T10:00:00.000Z"; tenant_id, org_id and project_id say to whom a
-- row belongs, project_id being the tenant here.

-- The events, which are never changed.
--   id                 a ULID, higher than all before it
--   timestamp          when it happened, or when it was received
--   session_id         the chain that it is in
--   agent_id           the agent that it is about
--   event_type         one of AgentLens's types
--   severity           always 'info' here
--   payload            JSON, its fields as the type has them
--   metadata           JSON: source, the event's own name, the context
--   prev_hash          the hash of the event before it in its session; NULL
--                      for the first
--   hash               SHA-256 over the columns above
--   verified_agent_id  AgentLens's; NULL here
--   pricing_version    AgentLens's; NULL here
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

-- A row for each session, which counts its events.
--   started_at ...       the time of its first event, and of one that ends it
--   status               'active', 'completed', or what AgentLens sets
--   event_count ...      how many events it has, and how many of some types
--   last_event_at        the time of its last event
-- agent_name, costs, tokens and tags are for AgentLens to fill.
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

-- A row for each agent.
--   name                 its id, until somebody gives it a name in AgentLens
--   first_seen_at ...    the times of its first event and of its last
--   session_count        how many sessions it has started
-- The other columns are for AgentLens to fill.
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
--   id               its number, in the order of arrival
--   sent_at          the time that the body itself carries, in ms; else 0
--   key              SHA-256 of source, NUL and body; NULL when it came
--                    unsigned, since unsigned ones may be repeated
--   idempotency_key  SHA-256 of source, header name and value; NULL without
--                    such a header, and for what was refused
--   event_id         the event it became; NULL when it was refused
--   reason           why it was refused; else NULL
--   source           the name of its source
--   received_at      when it was recorded
--   remote_addr      the address that the web server gave; NULL without one
--   signature        the sender's, in hex, to check the body against; NULL
--                    when it came unsigned
--   body             its bytes; empty once they were pruned
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

-- The same bytes carry the same time, so that a delivery is found as surely by
-- time and key.  Since keys are random, the time before the key lets new
-- entries come at the end of the index, whose cost so does not grow with the
-- file.
CREATE UNIQUE INDEX IF NOT EXISTS idx_ingest_key
	ON ingest_deliveries(sent_at, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS idx_ingest_idempotency_key
	ON ingest_deliveries(idempotency_key)
	WHERE idempotency_key IS NOT NULL;

-- The chains: finds the last event of a session in one step.
CREATE INDEX IF NOT EXISTS idx_ingest_chain
	ON events(tenant_id, session_id, timestamp, id);

-- What `agentlens-log prune` removed, so that it is accounted for: a row for
-- each delivery whose body it removed, each event, or both.
--   pruned_at      when it was removed
--   delivery_id    the delivery; or NULL
--   delivery_leaf  its leaf in a seal's tree of deliveries
--   position       the rowid that the event had; or NULL
--   event_id       the event, with its tenant_id and session_id
--   prev_hash      the event's link in its chain, as the event had it
--   hash           the event's own hash
--   event_leaf     its leaf in a seal's tree of events
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
