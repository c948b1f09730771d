#include "store/sqlite/sql.h"

#include "store/columns.h"

#define EVENTS "SELECT " COLUMNS_EVENTS(COLUMN_NAME) " FROM events "
#define DELIVERIES \
	"SELECT " COLUMNS_DELIVERIES(COLUMN_NAME) " FROM ingest_deliveries "
#define PRUNED "SELECT " COLUMNS_PRUNED(COLUMN_NAME) " FROM ingest_pruned "

#define CONDITIONS " AND (?2 IS NULL OR agent_id = ?2)" \
	" AND (?3 IS NULL OR event_type GLOB ?3)" \
	" AND (?4 IS NULL OR timestamp >= ?4)" \
	" AND (?5 IS NULL OR timestamp <= ?5)"
#define OF_TENANT " AND (?1 IS NULL OR tenant_id = ?1)"
#define OF_SESSION "WHERE tenant_id = ?1 AND session_id = ?2"

/* Ids that begin with ?1 are below ?1 and the highest character. */
#define BEGINS_SO "WHERE id < ?1 || char(1114111)"

/* The order in which AgentLens walks all chains. */
#define CHAIN_ORDER "tenant_id, session_id, timestamp, id"

/* Both change when an event arrives for a session while prune is at work. */
#define HEAD(tenant, session) "(SELECT rowid FROM events AS h" \
	" WHERE h.tenant_id = " tenant " AND h.session_id = " session \
	" ORDER BY h.timestamp DESC, h.id DESC LIMIT 1)"
#define EVENT_COUNT(tenant, session) "(SELECT event_count FROM sessions AS s" \
	" WHERE s.tenant_id = " tenant " AND s.id = " session ")"
#define OF_SLICE " FROM prune_row WHERE tenant_id = ?1 AND session_id = ?2" \
	" AND number > ?3 AND number <= ?4"

/*
 * Inserts name every column and searches their index, so that preparing them
 * shows whether the file has them all.
 */
const char *const sql[STATEMENTS] = {
	[BEGIN_WRITING] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[SAVEPOINT] = "SAVEPOINT one",
	[RELEASE] = "RELEASE one",
	[ROLLBACK_TO] = "ROLLBACK TO one",
	[SCHEMA_VERSION] = "PRAGMA user_version",
	[SCHEMA_COOKIE] = "PRAGMA schema_version",

	/* Another program's ids may be no ULIDs. */
	[LAST_ID] =
	    "SELECT id FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1",

	/* The order in which AgentLens walks a session's chain. */
	[LAST_EVENT] =
	    "SELECT timestamp, hash FROM events INDEXED BY idx_ingest_chain"
	    " WHERE tenant_id = ?1 AND session_id = ?2 AND timestamp <= ?3"
	    " ORDER BY timestamp DESC, id DESC LIMIT 1",

	[FIND_KEY] =
	    "SELECT id, event_id FROM ingest_deliveries"
	    " INDEXED BY idx_ingest_key WHERE sent_at = ?2 AND key = ?1",
	/* A body that was pruned cannot be compared, and counts as equal. */
	[FIND_IDEMPOTENCY_KEY] =
	    "SELECT event_id, length(body) = 0 OR body = ?2"
	    " FROM ingest_deliveries"
	    " INDEXED BY idx_ingest_idempotency_key WHERE idempotency_key = ?1",
	[FIND_EVENT] =
	    "SELECT event_type, session_id FROM events WHERE id = ?1",

	[INSERT_EVENT] =
	    "INSERT INTO events (" COLUMNS_EVENTS(COLUMN_NAME) ")"
	    " VALUES (" COLUMNS_EVENTS(COLUMN_PARAMETER) ")",
	[INSERT_DELIVERY] =
	    "INSERT INTO ingest_deliveries (" COLUMNS_DELIVERIES(COLUMN_NAME)
	    ") VALUES (" COLUMNS_DELIVERIES(COLUMN_PARAMETER) ")",

	/* For a delivery that was refused by an older mapping. */
	[ACCEPT_DELIVERY] =
	    "UPDATE ingest_deliveries SET event_id = ?2, reason = NULL,"
	    " idempotency_key = ?3 WHERE id = ?1",

	/* ?5 a new status or NULL, ?6 the end or NULL, ?7 to ?9 counters, ?10
	 * the number of events with which a new row begins. */
	[COUNT_SESSION] =
	    "INSERT INTO sessions (id, agent_id, agent_name, started_at,"
	    " ended_at, status, event_count, tool_call_count, error_count,"
	    " total_cost_usd, llm_call_count, total_input_tokens,"
	    " total_output_tokens, tags, tenant_id, org_id, project_id,"
	    " last_event_at) VALUES (?1, ?2, NULL, ?3, ?6,"
	    " coalesce(?5, 'active'), ?10, ?7, ?8, 0, ?9, 0, 0, '[]', ?4,"
	    " 'default', ?4, ?3)"
	    " ON CONFLICT DO UPDATE SET event_count = event_count + 1,"
	    " tool_call_count = tool_call_count + excluded.tool_call_count,"
	    " error_count = error_count + excluded.error_count,"
	    " llm_call_count = llm_call_count + excluded.llm_call_count,"
	    " status = coalesce(?5, status),"
	    " ended_at = coalesce(?6, ended_at),"
	    " last_event_at = excluded.last_event_at",
	[COUNT_AGENT] =
	    "INSERT INTO agents (id, name, description, first_seen_at,"
	    " last_seen_at, session_count, tenant_id, org_id, project_id,"
	    " model_override, paused_at, pause_reason) VALUES (?1, ?1, NULL,"
	    " ?2, ?2, ?3, ?4, 'default', ?4, NULL, NULL, NULL)"
	    " ON CONFLICT DO UPDATE SET"
	    " last_seen_at = max(last_seen_at, excluded.last_seen_at),"
	    " session_count = session_count + excluded.session_count",

	/* --- Reading -------------------------------------------------- */

	[EVENTS_BY_ID] = EVENTS "WHERE id >= ?7" OF_TENANT CONDITIONS
	    " ORDER BY id",
	[EVENTS_BY_ID_BACK] = EVENTS "WHERE id >= ?7" OF_TENANT CONDITIONS
	    " ORDER BY id DESC",
	[EVENTS_BY_SESSION] = EVENTS "WHERE tenant_id = ?1"
	    " AND session_id = ?6" CONDITIONS " ORDER BY timestamp, id",
	[EVENTS_BY_SESSION_BACK] = EVENTS "WHERE tenant_id = ?1"
	    " AND session_id = ?6" CONDITIONS
	    " ORDER BY timestamp DESC, id DESC",
	[EVENTS_AFTER_ROW] = EVENTS "WHERE rowid > ?7" OF_TENANT
	    " AND (?6 IS NULL OR session_id = ?6)" CONDITIONS
	    " ORDER BY rowid",
	[EVENTS_AFTER_ID] = EVENTS "WHERE id > ?7" OF_TENANT
	    " AND (?6 IS NULL OR session_id = ?6)" CONDITIONS " ORDER BY id",
	[EVENT_BY_PREFIX] = EVENTS BEGINS_SO " AND id >= ?1"
	    " ORDER BY id LIMIT 1",
	[OTHER_BY_PREFIX] = "SELECT 1 FROM events " BEGINS_SO
	    " AND id > ?2 LIMIT 1",
	[EVENT_AT_ROW] = "SELECT id FROM events WHERE rowid = ?1",
	[NEWEST_EVENT] =
	    "SELECT rowid, id FROM events ORDER BY rowid DESC LIMIT 1",
	/* There are few tenants: goes from one to the next in the index of the
	 * chains, and looks whether it has the session. */
	[TENANTS_OF_SESSION] = "WITH RECURSIVE tenants(name) AS ("
	    " SELECT min(tenant_id) FROM events UNION ALL"
	    " SELECT (SELECT min(tenant_id) FROM events"
	    " WHERE tenant_id > tenants.name)"
	    " FROM tenants WHERE tenants.name IS NOT NULL)"
	    " SELECT name FROM tenants WHERE name IS NOT NULL"
	    " AND (?1 IS NULL OR name = ?1) AND EXISTS (SELECT 1 FROM events"
	    " WHERE tenant_id = tenants.name AND session_id = ?2)",

	[SESSION_EXTENT] = "SELECT count(*), min(timestamp), max(timestamp)"
	    " FROM events " OF_SESSION,
	[SESSION_PLACE] = "SELECT count(*) FROM events " OF_SESSION
	    " AND (timestamp, id) <= (?3, ?4)",
	[EVENT_BEFORE] = "SELECT id, timestamp, hash, prev_hash FROM events "
	    OF_SESSION " AND (timestamp, id) < (?3, ?4)"
	    " ORDER BY timestamp DESC, id DESC LIMIT 1",
	[EVENT_BEHIND] = "SELECT id, timestamp, hash, prev_hash FROM events "
	    OF_SESSION " AND (timestamp, id) > (?3, ?4)"
	    " ORDER BY timestamp, id LIMIT 1",
	[EARLIER_DECISIONS] = "SELECT e.payload FROM events r, events e"
	    " WHERE r.id = ?1 AND e.tenant_id = r.tenant_id"
	    " AND e.session_id = r.session_id"
	    " AND (e.timestamp, e.id) < (r.timestamp, r.id)"
	    " AND e.event_type IN ('approval_granted', 'approval_denied',"
	    " 'approval_expired')",

	[LAST_DELIVERY] = "SELECT max(id) FROM ingest_deliveries",
	[DELIVERY_WITH_EVENT] = "SELECT id, event_id FROM ingest_deliveries"
	    " WHERE id >= ?1 AND id <= ?2 AND event_id IS NOT NULL"
	    " ORDER BY id LIMIT 1",
	[DELIVERY_BY_NUMBER] = DELIVERIES "WHERE id = ?1",
	[DELIVERY_BY_EVENT] = DELIVERIES "WHERE event_id = ?1",
	[REFUSED_DELIVERIES] = DELIVERIES "WHERE reason IS NOT NULL"
	    " AND id > ?1 AND (?2 = 0 OR id = ?2) ORDER BY id",
	[REFUSED_BY_SOURCE] = "SELECT source, count(*)"
	    " FROM ingest_deliveries WHERE reason IS NOT NULL"
	    " AND (?1 IS NULL OR source = ?1)"
	    " AND (?2 IS NULL OR received_at >= ?2)"
	    " AND (?3 IS NULL OR received_at <= ?3) GROUP BY source",
	[PRUNED_EVENT] = "SELECT pruned_at, session_id FROM ingest_pruned"
	    " WHERE event_id = ?1",

	[WALK_EVENTS] = EVENTS
	    "WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid",
	[WALK_DELIVERIES] = DELIVERIES
	    "WHERE id > ?1 AND id <= ?2 ORDER BY id",
	[WALK_PRUNED] = PRUNED
	    "WHERE position > ?1 AND position <= ?2 ORDER BY position",
	[LAST_ROW] = "SELECT coalesce(max(rowid), 0) FROM events",
	[LAST_DELIVERY_ROW] =
	    "SELECT coalesce(max(id), 0) FROM ingest_deliveries",
	[LAST_PRUNED_ROW] =
	    "SELECT coalesce(max(position), 0) FROM ingest_pruned",
	[PRUNED_LEAF] =
	    "SELECT delivery_leaf FROM ingest_pruned WHERE delivery_id = ?1",
	[INDEX_DELIVERIES] = "CREATE TEMP TABLE delivery_of AS"
	    " SELECT event_id, id FROM ingest_deliveries"
	    " WHERE event_id IS NOT NULL;"
	    "CREATE INDEX temp.delivery_of_event ON delivery_of (event_id)",
	[INDEXED_DELIVERY] =
	    "SELECT min(id) FROM delivery_of WHERE event_id = ?1",

	[COUNT_EVENTS] = "SELECT count(*) FROM events",
	[COUNT_DELIVERIES] = "SELECT count(*) FROM ingest_deliveries",
	[CHECK_PAGES] = "PRAGMA quick_check(1)",

	/* --- Verifying ------------------------------------------------ */

	[CHAINS_INDEXED] = EVENTS "WHERE (" CHAIN_ORDER ") >"
	    " (?1, ?2, ?3, ?4) ORDER BY " CHAIN_ORDER " LIMIT ?5",
	[CHAINS_SORTED] = EVENTS "ORDER BY " CHAIN_ORDER,
	[SESSION_ROW] = "SELECT event_count, tool_call_count, error_count,"
	    " llm_call_count, agent_id, started_at, ended_at, status,"
	    " last_event_at FROM sessions WHERE tenant_id = ?1 AND id = ?2",
	[EMPTY_SESSIONS] = "SELECT id, tenant_id, event_count"
	    " FROM sessions AS s WHERE event_count > 0 AND NOT EXISTS"
	    " (SELECT 1 FROM events AS e WHERE e.tenant_id = s.tenant_id"
	    " AND e.session_id = s.id)",
	[INDEX_KEPT_LINKS] = "CREATE TEMP TABLE kept_link AS"
	    " SELECT tenant_id, session_id, position, prev_hash, hash"
	    " FROM ingest_pruned WHERE position IS NOT NULL;"
	    "CREATE INDEX temp.kept_link_session"
	    " ON kept_link (tenant_id, session_id, position)",
	[KEPT_LINK] = "WITH kept AS (SELECT * FROM kept_link " OF_SESSION
	    " AND position < ?3)"
	    " SELECT (SELECT hash FROM kept ORDER BY position DESC LIMIT 1),"
	    " count(*) FROM kept WHERE position >= (SELECT max(position)"
	    " FROM kept WHERE prev_hash IS NULL)",
	[PRUNED_DELIVERY] =
	    "SELECT 1 FROM ingest_pruned WHERE delivery_id = ?1",
	[ORPHANED_DELIVERIES] = DELIVERIES "AS d WHERE event_id IS NOT NULL"
	    " AND NOT EXISTS (SELECT 1 FROM events AS e"
	    " WHERE e.id = d.event_id)"
	    " AND NOT EXISTS (SELECT 1 FROM ingest_pruned AS p"
	    " WHERE p.delivery_id = d.id AND p.event_id = d.event_id)"
	    " ORDER BY id",
	[DOUBLED_DELIVERIES] = "SELECT event_id, min(e.session_id),"
	    " min(e.tenant_id), min(e.timestamp)"
	    " FROM ingest_deliveries AS d JOIN events AS e ON e.id = event_id"
	    " GROUP BY event_id HAVING count(*) > 1",
	[BROKEN_PRUNED_CHAINS] = "SELECT tenant_id, session_id, event_id"
	    " FROM (SELECT *, lag(hash) OVER session AS last,"
	    " lag(pruned_at) OVER session AS last_time"
	    " FROM ingest_pruned WHERE position IS NOT NULL WINDOW session"
	    " AS (PARTITION BY tenant_id, session_id ORDER BY position))"
	    " WHERE prev_hash IS NOT last"
	    " AND (prev_hash IS NOT NULL OR pruned_at IS last_time)",
	[KEPT_EVENTS] = "SELECT p.*, d.event_id, d.idempotency_key FROM ("
	    PRUNED "WHERE position IS NOT NULL AND delivery_id IS NOT NULL)"
	    " AS p LEFT JOIN ingest_deliveries AS d ON d.id = p.delivery_id",
	[COUNT_PRUNED_EVENTS] = "SELECT count(*) FROM ingest_pruned"
	    " WHERE position IS NOT NULL AND delivery_id IS NOT NULL",
	[PRUNINGS] = "SELECT coalesce(max(id), 0) + count(position)"
	    " FROM ingest_pruned",
	[EVENT_INDEX] = "WITH place AS (SELECT rowid AS position FROM events"
	    " WHERE id = ?1 UNION ALL SELECT position FROM ingest_pruned"
	    " WHERE position IS NOT NULL AND event_id = ?1 LIMIT 1)"
	    " SELECT (SELECT count(*) FROM events WHERE rowid <"
	    " place.position) + (SELECT count(*) FROM ingest_pruned AS p"
	    " WHERE p.position < place.position) FROM place",

	/* --- Exporting and importing ---------------------------------- */

	[PRUNED_BY_POSITION] = PRUNED "WHERE position = ?1",
	[PRUNED_BY_DELIVERY] = PRUNED
	    "WHERE delivery_id = ?1 AND position IS NULL",
	[INSERT_PRUNED] =
	    "INSERT INTO ingest_pruned (" COLUMNS_PRUNED(COLUMN_NAME) ")"
	    " VALUES (" COLUMNS_PRUNED(COLUMN_PARAMETER) ")",
	/* For each session, the hash at the end of its chain of pruned events,
	 * and how many events that chain has from its beginning on. */
	[BEGIN_KEPT] = "CREATE TEMP TABLE kept (tenant_id TEXT,"
	    " session_id TEXT, hash TEXT, events INTEGER,"
	    " PRIMARY KEY (tenant_id, session_id)) WITHOUT ROWID;"
	    "INSERT INTO kept SELECT tenant_id, session_id, hash, events FROM"
	    " (SELECT tenant_id, session_id, hash, count(*) AS events,"
	    " max(position) FROM (SELECT *, max(iif(prev_hash IS NULL,"
	    " position, NULL)) OVER (PARTITION BY tenant_id, session_id)"
	    " AS first FROM ingest_pruned WHERE position IS NOT NULL)"
	    " WHERE position >= first GROUP BY tenant_id, session_id)",
	[KEPT_END] = "SELECT hash, events FROM kept " OF_SESSION,
	[KEEP_END] = "INSERT INTO kept VALUES (?1, ?2, ?3, 1)"
	    " ON CONFLICT DO UPDATE SET events = iif(?4 IS NULL, 1,"
	    " events + 1), hash = excluded.hash",

	/* --- Pruning -------------------------------------------------- */

	/* What is to be removed is collected before anything is locked. */
	[PRUNE_BEGIN] =
	    "CREATE TEMP TABLE prune_session (tenant_id TEXT, session_id TEXT,"
	    " head INTEGER, event_count INTEGER,"
	    " PRIMARY KEY (tenant_id, session_id)) WITHOUT ROWID;"
	    "CREATE TEMP TABLE prune_row (number INTEGER PRIMARY KEY,"
	    " delivery_id INTEGER, delivery_leaf BLOB, position INTEGER,"
	    " event_id TEXT, tenant_id TEXT, session_id TEXT, prev_hash TEXT,"
	    " hash TEXT, event_leaf BLOB);"
	    "CREATE INDEX temp.prune_row_session"
	    " ON prune_row (tenant_id, session_id)",
	/* The session of the newest event stays, since SQLite would give the
	 * highest rowids again once they were removed. */
	[PRUNE_CHOOSE_SESSIONS] =
	    "INSERT INTO prune_session SELECT tenant_id, session_id, "
	    HEAD("e.tenant_id", "e.session_id") ", "
	    EVENT_COUNT("e.tenant_id", "e.session_id") " FROM events AS e"
	    " GROUP BY tenant_id, session_id HAVING max(timestamp) < ?1"
	    " AND max(rowid) < (SELECT max(rowid) FROM events)",
	[PRUNE_IS_CHOSEN] = "SELECT 1 FROM prune_session " OF_SESSION,
	[PRUNE_NOTE] = "INSERT INTO prune_row (delivery_id, delivery_leaf,"
	    " position, event_id, tenant_id, session_id, prev_hash, hash,"
	    " event_leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[PRUNE_NEXT_SESSION] = "SELECT DISTINCT tenant_id, session_id"
	    " FROM prune_row WHERE (tenant_id, session_id) > (?1, ?2)"
	    " ORDER BY tenant_id, session_id LIMIT 1",
	[PRUNE_FIND_SLICE] = "SELECT max(number), (SELECT max(number)"
	    " FROM prune_row " OF_SESSION ") FROM (SELECT number"
	    " FROM prune_row " OF_SESSION
	    " AND number > ?3 ORDER BY number LIMIT ?4)",
	[PRUNE_IS_UNCHANGED] = "SELECT 1 FROM prune_session " OF_SESSION
	    " AND head IS " HEAD("?1", "?2")
	    " AND event_count IS " EVENT_COUNT("?1", "?2"),

	[PRUNE_KEEP] = "INSERT INTO ingest_pruned (pruned_at, delivery_id,"
	    " delivery_leaf, position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf) SELECT ?5, delivery_id,"
	    " delivery_leaf, position, event_id, tenant_id, session_id,"
	    " prev_hash, hash, event_leaf" OF_SLICE
	    " ORDER BY number ON CONFLICT (delivery_id) DO UPDATE SET"
	    " pruned_at = excluded.pruned_at, position = excluded.position,"
	    " event_id = excluded.event_id, tenant_id = excluded.tenant_id,"
	    " session_id = excluded.session_id,"
	    " prev_hash = excluded.prev_hash, hash = excluded.hash,"
	    " event_leaf = excluded.event_leaf",
	[PRUNE_KEEP_BODIES] = "INSERT INTO ingest_pruned (pruned_at,"
	    " delivery_id, delivery_leaf) SELECT ?5, delivery_id,"
	    " delivery_leaf" OF_SLICE " AND delivery_id IS NOT NULL"
	    " ORDER BY number ON CONFLICT (delivery_id) DO NOTHING",
	[PRUNE_EMPTY] = "UPDATE ingest_deliveries SET body = x'',"
	    " remote_addr = NULL, signature = NULL"
	    " WHERE id IN (SELECT delivery_id" OF_SLICE ")",
	[PRUNE_EMPTY_BODIES] = "UPDATE ingest_deliveries SET body = x''"
	    " WHERE id IN (SELECT delivery_id" OF_SLICE ")",
	[PRUNE_REMOVE_EVENTS] = "DELETE FROM events"
	    " WHERE rowid IN (SELECT position" OF_SLICE ")",
	[PRUNE_REMOVE_SESSION] = "DELETE FROM sessions"
	    " WHERE tenant_id = ?1 AND id = ?2",
};
