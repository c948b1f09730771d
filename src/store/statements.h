/* What the file can be asked: a name for each statement, so that callers know
 * no SQL.  The engine has the texts, in one table.  After each name: the
 * parameters, then the columns of the rows. */
#ifndef STATEMENTS_H
#define STATEMENTS_H

enum statement {
	/* Recording: prepared once, when the file is opened to be written. */
	BEGIN_WRITING,
	COMMIT,
	ROLLBACK,
	SAVEPOINT,
	RELEASE,
	ROLLBACK_TO,
	SCHEMA_VERSION,
	SCHEMA_COOKIE,        /* a number that each change of it raises */
	LAST_ID,              /* below ?1: id */
	LAST_EVENT,           /* ?1 tenant, ?2 session, ?3 a time above which
			       * it is not: timestamp, hash */
	FIND_KEY,             /* ?1 sent_at, ?2 key: id, event_id */
	FIND_IDEMPOTENCY_KEY, /* ?1 key, ?2 body: event_id, same body */
	FIND_EVENT,           /* ?1 id: event_type, session_id */
	INSERT_EVENT,         /* columns_bind() */
	INSERT_DELIVERY,      /* columns_bind() */
	ACCEPT_DELIVERY,      /* ?1 id, ?2 event_id, ?3 idempotency_key */
	COUNT_SESSION,        /* record_count() */
	COUNT_AGENT,
	RECORDING_STATEMENTS,

	/* Events that are asked for: ?1 tenant, ?2 agent, ?3 type, ?4 since,
	 * ?5 until, ?6 session, ?7 an id or a row.  They give
	 * COLUMNS_EVENTS. */
	EVENTS_BY_ID = RECORDING_STATEMENTS,
	EVENTS_BY_ID_BACK,
	EVENTS_BY_SESSION,
	EVENTS_BY_SESSION_BACK,
	EVENTS_AFTER_ROW,
	EVENTS_AFTER_ID,
	EVENT_BY_PREFIX,   /* ?1 the beginning of an id */
	OTHER_BY_PREFIX,   /* ?1 the same, ?2 an id above which */
	EVENT_AT_ROW,      /* ?1 rowid: id */
	NEWEST_EVENT,      /* rowid, id */
	TENANTS_OF_SESSION, /* ?1 a tenant or NULL, ?2 session: tenant */

	/* An event's session: ?1 tenant, ?2 session, ?3 timestamp, ?4 id. */
	SESSION_EXTENT,  /* how many, first and last timestamp */
	SESSION_PLACE,   /* which of them the event is, from 1 */
	EVENT_BEFORE,    /* id, timestamp, hash, prev_hash */
	EVENT_BEHIND,    /* the same */
	EARLIER_DECISIONS, /* ?1 the id of a request: payload */

	/* Deliveries. */
	LAST_DELIVERY,            /* the highest number, or NULL */
	DELIVERY_WITH_EVENT,      /* from ?1 to ?2, the first: id, event_id */
	DELIVERY_BY_NUMBER,       /* ?1: COLUMNS_DELIVERIES */
	DELIVERY_BY_EVENT,        /* ?1: COLUMNS_DELIVERIES */
	REFUSED_DELIVERIES,       /* above ?1; or ?2: COLUMNS_DELIVERIES */
	REFUSED_BY_SOURCE,        /* ?1 source, ?2 since, ?3 until: source,
				   * how many */
	PRUNED_EVENT,             /* ?1 id: pruned_at, session_id */

	/* All rows in the order of writing, above number ?1 up to ?2; and the
	 * highest number of each table. */
	WALK_EVENTS,     /* COLUMNS_EVENTS */
	WALK_DELIVERIES, /* COLUMNS_DELIVERIES */
	WALK_PRUNED,     /* COLUMNS_PRUNED, by position */
	LAST_ROW,
	LAST_DELIVERY_ROW,
	LAST_PRUNED_ROW,
	PRUNED_LEAF,     /* ?1 a delivery: its leaf */
	INDEX_DELIVERIES, /* run it before the next one */
	INDEXED_DELIVERY, /* ?1 an event: the delivery's number */

	/* Of a copy. */
	COUNT_EVENTS,
	COUNT_DELIVERIES,
	CHECK_PAGES,     /* "ok", or what is wrong */

	/* Verifying. */
	CHAINS_INDEXED, /* above ?1 to ?4, ?5 rows: COLUMNS_EVENTS */
	CHAINS_SORTED,  /* the same without an index, all */
	SESSION_ROW,    /* ?1 tenant, ?2 session: event_count,
			 * tool_call_count, error_count, llm_call_count,
			 * agent_id, started_at, ended_at, status,
			 * last_event_at */
	EMPTY_SESSIONS, /* id, tenant_id, event_count */
	INDEX_KEPT_LINKS, /* run it before the next one */
	KEPT_LINK,      /* ?1 tenant, ?2 session, below position ?3: hash,
			 * number of links */
	PRUNED_DELIVERY, /* ?1 a delivery: whether it is */
	ORPHANED_DELIVERIES, /* COLUMNS_DELIVERIES */
	DOUBLED_DELIVERIES,  /* event_id, session_id, tenant_id, timestamp */
	BROKEN_PRUNED_CHAINS, /* tenant_id, session_id, event_id */
	KEPT_EVENTS,    /* COLUMNS_PRUNED; then of the delivery: event_id,
			 * idempotency_key */
	COUNT_PRUNED_EVENTS,
	PRUNINGS,       /* a number that each pruning changes */
	EVENT_INDEX,    /* ?1 id: how many are before it */

	/* Exporting and importing. */
	PRUNED_BY_POSITION, /* ?1: COLUMNS_PRUNED */
	PRUNED_BY_DELIVERY, /* ?1, without an event: COLUMNS_PRUNED */
	INSERT_PRUNED,      /* columns_bind() */
	BEGIN_KEPT,         /* run it before the next two */
	KEPT_END,           /* ?1 tenant, ?2 session: hash, events */
	KEEP_END,           /* ?1 tenant, ?2 session, ?3 hash, ?4 link */

	/* Pruning. */
	PRUNE_BEGIN,           /* run it before all that follow */
	PRUNE_CHOOSE_SESSIONS, /* ?1 a time */
	PRUNE_IS_CHOSEN,       /* ?1 tenant, ?2 session */
	PRUNE_NOTE,            /* ?1 to ?9 */
	PRUNE_NEXT_SESSION,    /* above ?1 tenant, ?2 session: both */
	PRUNE_FIND_SLICE, /* ?1 tenant, ?2 session, above ?3, ?4 rows: the
			   * last of them, the last of all */
	PRUNE_IS_UNCHANGED, /* ?1 tenant, ?2 session */

	/* Of a slice: ?1 tenant, ?2 session, above row ?3 to ?4, ?5 now. */
	PRUNE_KEEP,
	PRUNE_KEEP_BODIES,
	PRUNE_EMPTY,
	PRUNE_EMPTY_BODIES,
	PRUNE_REMOVE_EVENTS,
	PRUNE_REMOVE_SESSION,

	STATEMENTS
};

#endif
