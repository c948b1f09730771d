# Every row of the mapping: event type, session, agent, payload and metadata.
#
# run: cgi fcgi, 40 s

load ../lib/helper

# agentgate EVENT DATA [MEMBERS]: delivers the canonical envelope.  Each is
# made different by a member that nobody reads, or it would be a replay.
agentgate() {
	deliver agentgate "{\"source\":\"agentgate\",\"event\":\"$1\",\"data\":$2${3:+,$3},\"n\":$((++serial))}"
}

formbridge() {
	deliver formbridge "{\"source\":\"formbridge\",\"event\":\"$1\",\"data\":$2${3:+,$3},\"n\":$((++serial))}"
}

generic() {
	post "{\"source\":\"generic\",\"event\":\"$1\",\"data\":$2${3:+,$3}}"
}

# bare STATE [MEMBERS]: FormBridge's own body.
bare() {
	deliver formbridge "{\"submissionId\":\"sub_1\",\"intakeId\":\"contact\",\"state\":\"$1\"${2:+,$2},\"n\":$((++serial))}"
}

# becomes TYPE SESSION PAYLOAD
becomes() {
	recorded "$1" "$2"
	stored event_type "$1"
	stored session_id "$session"
	stored payload "$3"
	stored severity info
}

@test "agentgate: request.created" {
	agentgate request.created '{"requestId":"r1","action":"send","params":{"a":[1]},"urgency":"high"}'
	becomes approval_requested unlinked_r1 '{"requestId":"r1","action":"send","params":{"a":[1]},"urgency":"high"}'
	stored metadata '{"source":"agentgate","webhookEvent":"request.created"}'
	stored agent_id external
}

@test "agentgate: defaults of request.created" {
	agentgate request.created '{}'
	becomes approval_requested unlinked_EVENT '{"requestId":"","action":"","params":{},"urgency":"normal"}'
	agentgate request.created '{"requestId":null,"action":null,"params":null,"urgency":null}'
	becomes approval_requested unlinked_EVENT '{"requestId":"","action":"","params":{},"urgency":"normal"}'
}

@test "agentgate: the order of the payload is the table's, whatever the delivery's" {
	agentgate request.created '{"urgency":"low","params":{"b":1,"a":2},"more":true,"action":"x","requestId":"r1"}'
	becomes approval_requested unlinked_r1 '{"requestId":"r1","action":"x","params":{"b":1,"a":2},"urgency":"low"}'
}

@test "agentgate: the decisions" {
	local event type
	while read -r event type; do
		row "$event"
		agentgate "$event" '{"requestId":"r1","action":"send","decidedBy":"ann","reason":"known"}'
		becomes "$type" unlinked_r1 '{"requestId":"r1","action":"send","decidedBy":"ann","reason":"known"}'
		stored metadata "{\"source\":\"agentgate\",\"webhookEvent\":\"$event\"}"
		agentgate "$event" '{}'
		becomes "$type" unlinked_EVENT '{"requestId":"","action":"","decidedBy":"system"}'
	done <<-'END'
		request.approved approval_granted
		request.denied approval_denied
		request.expired approval_expired
	END
}

@test "agentgate: request.decided goes by its status" {
	local status type
	while read -r status type; do
		row "$status"
		agentgate request.decided "{\"requestId\":\"r1\",\"action\":\"a\",\"status\":\"$status\",\"decidedBy\":\"ann\",\"reason\":\"ok\"}"
		becomes "$type" unlinked_r1 '{"requestId":"r1","action":"a","decidedBy":"ann","reason":"ok"}'
		stored metadata '{"source":"agentgate","webhookEvent":"request.decided"}'
	done <<-'END'
		approved approval_granted
		denied approval_denied
	END
	counted events 2
	for status in '"pending"' '"expired"' '"Approved"' '""' null 1; do
		row "$status"
		agentgate request.decided "{\"requestId\":\"r1\",\"status\":$status}"
		refused_like 400 ".*'status'.*"
	done
	agentgate request.decided '{"requestId":"r1"}'
	refused_like 400 ".*'status'.*"
	counted events 2
}

@test "agentgate: what is kept as it came" {
	local event
	for event in test request.updated request.escalated policy.matched budget.threshold; do
		row "$event"
		agentgate "$event" '{"b":1,"a":{"c":null},"list":[]}'
		becomes custom unlinked_EVENT "{\"type\":\"$event\",\"data\":{\"b\":1,\"a\":{\"c\":null},\"list\":[]}}"
		stored metadata "{\"source\":\"agentgate\",\"webhookEvent\":\"$event\"}"
	done
}

@test "agentgate: what is kept as it came shares its request's session" {
	agentgate request.escalated '{"requestId":"r1","action":"a","toChannel":"c","reason":"late"}'
	becomes custom unlinked_r1 '{"type":"request.escalated","data":{"requestId":"r1","action":"a","toChannel":"c","reason":"late"}}'
}

@test "agentgate: other names of the fields" {
	agentgate request.created '{"id":"r2"}'
	becomes approval_requested unlinked_r2 '{"requestId":"r2","action":"","params":{},"urgency":"normal"}'
	agentgate request.approved '{"id":"r2","approvedBy":"ann","decisionReason":"ok"}'
	becomes approval_granted unlinked_r2 '{"requestId":"r2","action":"","decidedBy":"ann","reason":"ok"}'
	agentgate request.denied '{"id":"r2","deniedBy":"bob"}'
	becomes approval_denied unlinked_r2 '{"requestId":"r2","action":"","decidedBy":"bob"}'
}

@test "agentgate: the first name that has a value wins" {
	agentgate request.approved '{"id":"r2","requestId":"r1","deniedBy":"c","approvedBy":"b","decidedBy":"a","decisionReason":"y","reason":"x"}'
	becomes approval_granted unlinked_r1 '{"requestId":"r1","action":"","decidedBy":"a","reason":"x"}'
	agentgate request.approved '{"requestId":"r1","deniedBy":"c","approvedBy":"b"}'
	becomes approval_granted unlinked_r1 '{"requestId":"r1","action":"","decidedBy":"b"}'
	agentgate request.approved '{"requestId":null,"id":"r2","decidedBy":null,"approvedBy":null,"deniedBy":"c","reason":null,"decisionReason":"y"}'
	becomes approval_granted unlinked_r2 '{"requestId":"r2","action":"","decidedBy":"c","reason":"y"}'
}

@test "agentgate: an optional reason is left out when null or empty" {
	local reason
	for reason in null '""'; do
		row "$reason"
		agentgate request.denied "{\"requestId\":\"r1\",\"action\":\"a\",\"decidedBy\":\"b\",\"reason\":$reason}"
		becomes approval_denied unlinked_r1 '{"requestId":"r1","action":"a","decidedBy":"b"}'
	done
}

@test "agentgate: data.request, as its server sends it" {
	local body='{"event":"request.approved","data":{"request":{"id":"r1","action":"send","params":{"to":"x"},"context":{"agentId":"a1","agentlens_session_id":"s1"},"status":"approved","urgency":"high","createdAt":"2025-02-08T10:00:00.000Z","updatedAt":"2025-02-08T10:00:00.000Z","decidedAt":"2025-02-08T10:00:00.000Z","decidedBy":"ann","decisionReason":"ok","expiresAt":null,"slaRemainingMs":null}},"timestamp":1739008800000}'
	deliver agentgate "$body"
	becomes approval_granted s1 '{"requestId":"r1","action":"send","decidedBy":"ann","reason":"ok","responseTimeMs":0}'
	stored agent_id a1
	stored timestamp 2025-02-08T10:00:00.000Z
	stored metadata '{"source":"agentgate","webhookEvent":"request.approved","agentId":"a1","agentlens_session_id":"s1"}'
}

@test "agentgate: data.request by the escalation fallback, params and context as strings" {
	deliver agentgate '{"event":"request.denied","data":{"request":{"id":"r1","action":"a","params":"{\"k\":[1]}","context":"{\"agentlens_session_id\":\"s1\",\"agentlens_agent_id\":\"a1\"}","status":"pending","decidedBy":null,"decisionReason":null}},"timestamp":1739008800000}'
	becomes approval_denied s1 '{"requestId":"r1","action":"a","decidedBy":"system"}'
	stored agent_id a1
	stored metadata '{"source":"agentgate","webhookEvent":"request.denied","agentlens_session_id":"s1","agentlens_agent_id":"a1"}'
}

@test "agentgate: flat data, as its notifications have it" {
	deliver agentgate '{"event":"request.created","timestamp":1739008800000,"eventId":"evt_1","source":"server","data":{"requestId":"r1","action":"a","params":{"env":"prod"},"context":{"agentlens_session_id":"s1"},"urgency":"high","policyDecision":{"x":1}}}' HTTP_X_AGENTGATE_EVENTID=evt_1
	becomes approval_requested s1 '{"requestId":"r1","action":"a","params":{"env":"prod"},"urgency":"high"}'
	deliver agentgate '{"event":"request.expired","timestamp":1739008800001,"eventId":"evt_2","source":"server","data":{"requestId":"r1","action":"a","urgency":"high","pendingTimeMs":5}}'
	becomes approval_expired unlinked_r1 '{"requestId":"r1","action":"a","decidedBy":"system"}'
	deliver agentgate '{"event":"budget.threshold","timestamp":1739008800002,"eventId":"evt_3","source":"budget","data":{"agentId":"a9","threshold":0.8,"utilization":0.81,"spentUsd":8.1,"limitUsd":10}}'
	becomes custom unlinked_EVENT '{"type":"budget.threshold","data":{"agentId":"a9","threshold":0.8,"utilization":0.81,"spentUsd":8.1,"limitUsd":10}}'
}

@test "agentgate: data.request that is no object is no request" {
	agentgate request.created '{"request":"r9","requestId":"r1"}'
	becomes approval_requested unlinked_r1 '{"requestId":"r1","action":"","params":{},"urgency":"normal"}'
}

@test "agentgate: data.request and nothing else is looked at" {
	agentgate request.created '{"request":{"action":"in"},"requestId":"out","urgency":"out"}'
	becomes approval_requested unlinked_EVENT '{"requestId":"","action":"in","params":{},"urgency":"normal"}'
}

@test "agentgate: params that are a string holding an object are that object" {
	agentgate request.created '{"requestId":"r1","params":" {\"10\":1,\"a\":\"\\u00e9\",\"2\":1e3}"}'
	becomes approval_requested unlinked_r1 '{"requestId":"r1","action":"","params":{"2":1000,"10":1,"a":"é"},"urgency":"normal"}'
}

@test "formbridge: submission.created" {
	formbridge submission.created '{"submissionId":"s1","formId":"f1","formName":"Contact","fieldCount":3}'
	becomes form_submitted unlinked_s1 '{"submissionId":"s1","formId":"f1","formName":"Contact","fieldCount":3}'
	stored metadata '{"source":"formbridge","webhookEvent":"submission.created"}'
	stored agent_id external
	formbridge submission.created '{}'
	becomes form_submitted unlinked_EVENT '{"submissionId":"","formId":"","fieldCount":0}'
	formbridge submission.created '{"id":"s2","formName":null,"fieldCount":null}'
	becomes form_submitted unlinked_s2 '{"submissionId":"s2","formId":"","fieldCount":0}'
	formbridge submission.created '{"formName":""}'
	becomes form_submitted unlinked_EVENT '{"submissionId":"","formId":"","fieldCount":0}'
}

@test "formbridge: submission.completed" {
	formbridge submission.completed '{"submissionId":"s1","formId":"f1","completedBy":"ann","durationMs":1500.5}'
	becomes form_completed unlinked_s1 '{"submissionId":"s1","formId":"f1","completedBy":"ann","durationMs":1500.5}'
	formbridge submission.completed '{"id":"s1"}'
	becomes form_completed unlinked_s1 '{"submissionId":"s1","formId":"","completedBy":"unknown","durationMs":0}'
}

@test "formbridge: submission.expired" {
	formbridge submission.expired '{"submissionId":"s1","formId":"f1","expiredAfterMs":3600000}'
	becomes form_expired unlinked_s1 '{"submissionId":"s1","formId":"f1","expiredAfterMs":3600000}'
	formbridge submission.expired '{}'
	becomes form_expired unlinked_EVENT '{"submissionId":"","formId":"","expiredAfterMs":0}'
}

@test "formbridge: a bare body in every state" {
	local state type rest
	local times='"metadata":{"createdAt":"2025-02-08T10:00:00.000Z","updatedAt":"2025-02-08T10:00:01.250Z","createdBy":{"kind":"agent","id":"filler"}}'
	while read -r state type rest; do
		row "$state"
		bare "$state" "\"fields\":{\"a\":1,\"b\":{\"c\":2}},\"fieldAttribution\":{},$times"
		becomes "$type" unlinked_sub_1 "{\"submissionId\":\"sub_1\",\"formId\":\"contact\",$rest}"
		stored metadata "{\"source\":\"formbridge\",\"webhookEvent\":\"submission.$state\"}"
		stored agent_id filler
		stored timestamp 2025-02-08T10:00:01.250Z
	done <<-'END'
		submitted form_completed "completedBy":"filler","durationMs":1250
		approved form_completed "completedBy":"filler","durationMs":1250
		finalized form_completed "completedBy":"filler","durationMs":1250
		expired form_expired "expiredAfterMs":1250
		cancelled form_expired "expiredAfterMs":1250
		rejected form_expired "expiredAfterMs":1250
		draft form_submitted "fieldCount":2
		in_progress form_submitted "fieldCount":2
		awaiting_input form_submitted "fieldCount":2
		awaiting_upload form_submitted "fieldCount":2
		needs_review form_submitted "fieldCount":2
		of_tomorrow form_submitted "fieldCount":2
	END
}

@test "formbridge: who made a bare body's submission" {
	local creator by agent
	while read -r creator by agent; do
		row "$creator"
		bare submitted "\"fields\":{},\"metadata\":{\"createdBy\":$creator}"
		becomes form_completed unlinked_sub_1 "{\"submissionId\":\"sub_1\",\"formId\":\"contact\",\"completedBy\":\"$by\",\"durationMs\":0}"
		stored agent_id "$agent"
	done <<-'END'
		{"kind":"agent","id":"a1"} a1 a1
		{"kind":"human","id":"zoë@example.com","name":"Zoë"} zoë@example.com external
		{"kind":"system","id":"cron"} cron external
		{"kind":"agent"} unknown external
		"old-agent" old-agent old-agent
		null unknown external
	END
	bare submitted
	becomes form_completed unlinked_sub_1 '{"submissionId":"sub_1","formId":"contact","completedBy":"unknown","durationMs":0}'
}

@test "formbridge: a bare body's duration is never below 0" {
	bare expired '"metadata":{"createdAt":"2025-02-08T10:00:01.000Z","updatedAt":"2025-02-08T10:00:00.000Z"}'
	becomes form_expired unlinked_sub_1 '{"submissionId":"sub_1","formId":"contact","expiredAfterMs":0}'
	bare submitted '"metadata":{"createdAt":"2025-02-08T12:00:01.000+02:00","updatedAt":"2025-02-08T10:00:01.001Z"}'
	becomes form_completed unlinked_sub_1 '{"submissionId":"sub_1","formId":"contact","completedBy":"unknown","durationMs":1}'
}

@test "generic: type and data" {
	local data payload
	while read -r data payload; do
		row "$data"
		generic deploy "$data"
		becomes custom unlinked_EVENT "$payload"
		stored metadata '{"source":"generic","webhookEvent":"deploy"}'
		stored agent_id external
	done <<-'END'
		{"eventType":"custom","type":"t","data":{"k":"v"}} {"type":"t","data":{"k":"v"}}
		{"type":"t","data":[1]} {"type":"t","data":[1]}
		{"type":"t","data":"s"} {"type":"t","data":"s"}
		{"type":"t","data":0} {"type":"t","data":0}
		{"type":"t","data":false} {"type":"t","data":false}
		{"data":{}} {"type":"generic","data":{}}
		{"type":null,"data":{}} {"type":"generic","data":{}}
		{"k":"v"} {"type":"generic","data":{"k":"v"}}
		{"type":"t","k":"v"} {"type":"t","data":{"type":"t","k":"v"}}
		{"eventType":"custom","k":1} {"type":"generic","data":{"eventType":"custom","k":1}}
		{"eventType":null} {"type":"generic","data":{"eventType":null}}
		{} {"type":"generic","data":{}}
	END
}

@test "generic: the example of the API page" {
	post '{
"source": "generic",
"event": "custom",
"data": {
"eventType": "custom",
"type": "deployment",
"data": { "version": "2.0.0" }
},
"context": {
"agentlens_session_id": "sess_01HXYZ",
"agentlens_agent_id": "deploy-bot"
}
}'
	becomes custom sess_01HXYZ '{"type":"deployment","data":{"version":"2.0.0"}}'
	stored agent_id deploy-bot
	stored metadata '{"source":"generic","webhookEvent":"custom","agentlens_session_id":"sess_01HXYZ","agentlens_agent_id":"deploy-bot"}'
}

@test "agentgate: the example of the API page" {
	deliver agentgate '{
"source": "agentgate",
"event": "request.approved",
"data": {
"requestId": "req_123",
"action": "send_email",
"decidedBy": "admin@company.com",
"reason": "Approved for known recipient"
},
"timestamp": "2026-02-08T10:00:00.000Z",
"context": {
"agentlens_session_id": "sess_01HXYZ",
"agentlens_agent_id": "my-agent"
}
}'
	becomes approval_granted sess_01HXYZ '{"requestId":"req_123","action":"send_email","decidedBy":"admin@company.com","reason":"Approved for known recipient"}'
	stored agent_id my-agent
	stored timestamp 2026-02-08T10:00:00.000Z
}

@test "generic: each of AgentLens's event types" {
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	local type
	for type in session_started session_ended tool_call tool_response tool_error approval_requested \
		approval_granted approval_denied approval_expired form_submitted form_completed form_expired \
		cost_tracked llm_call llm_response alert_triggered alert_resolved error eval_result human_score \
		feedback skill_activated retrieval embedding chain_step custom; do
		row "$type"
		[ "$type" != llm_call ] || continue
		deliver generic "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"$type\",\"type\":\"t\",\"data\":1}}"
		becomes "$type" unlinked_EVENT '{"type":"t","data":1}'
	done
	counted events 25
}

@test "generic: unsigned, all but the products' types" {
	local type
	for type in session_started session_ended tool_call tool_response tool_error cost_tracked \
		llm_response alert_triggered alert_resolved error eval_result human_score feedback skill_activated \
		retrieval embedding chain_step custom; do
		row "$type"
		generic e "{\"eventType\":\"$type\"}"
		recorded "$type"
	done
}

@test "generic: an llm_call is what AgentLens's page reads, or refused" {
	local call='"callId":"c1","provider":"p","model":"m","messages":[{"role":"user","content":"Hi"}]' field rule
	# Also inside data.data; what else is there is kept.
	generic e "{\"eventType\":\"llm_call\",$call,\"systemPrompt\":\"s\"}"
	becomes llm_call unlinked_EVENT "{\"eventType\":\"llm_call\",$call,\"systemPrompt\":\"s\"}"
	generic e "{\"eventType\":\"llm_call\",\"type\":\"t\",\"data\":{$call}}"
	becomes llm_call unlinked_EVENT "{$call}"
	while read -r field rule; do
		row "$field"
		generic e "{\"eventType\":\"llm_call\",${call/\"$field\":/\"x\":}}"
		refused 400 "Field '$field' must be a $rule"
	done <<-'END'
		callId string
		provider string
		model string
		messages list
	END
	generic e "{\"eventType\":\"llm_call\",${call/\[*\]/\"Hi\"}}"
	refused 400 "Field 'messages' must be a list"
	generic e '{"eventType":"llm_call","type":"t","data":1}'
	refused 400 "Field 'callId' must be a string"
	counted events 2
}

@test "agentgate: how long a decision took" {
	local times response
	while read -r times response; do
		row "$times"
		agentgate request.approved "{\"request\":{\"id\":\"r1\",\"decidedBy\":\"ann\"$times}}"
		becomes approval_granted unlinked_r1 "{\"requestId\":\"r1\",\"action\":\"\",\"decidedBy\":\"ann\"$response}"
	done <<-'END'
		,"createdAt":"2026-02-08T10:00:00.000Z","decidedAt":"2026-02-08T10:01:00.250Z" ,"responseTimeMs":60250
		,"createdAt":"2026-02-08T10:00:00Z","decidedAt":"2026-02-08T12:00:00+02:00" ,"responseTimeMs":0
		,"createdAt":1770544800000,"decidedAt":1770544801500 ,"responseTimeMs":1500
		,"createdAt":"2026-02-08T10:00:01Z","decidedAt":"2026-02-08T10:00:00Z"
		,"createdAt":"2026-02-08T10:00:01Z","decidedAt":null
		,"createdAt":"2026-02-08T10:00:01Z"
		,"createdAt":"soon","decidedAt":"2026-02-08T10:00:00Z"
		,"createdAt":{},"decidedAt":"2026-02-08T10:00:00Z"
	END
}

@test "generic: any other type is refused" {
	local type
	for type in '"nope"' '""' '"Custom"' '"custom "' '"custom\u0000"' 1 '[]' '{}' true; do
		row "$type"
		generic e "{\"eventType\":$type}"
		answered 400
	done
	generic e '{"eventType":"nope"}'
	refused_like 400 '.*nope.*'
	nothing_recorded
}

@test "fields of the wrong kind are refused and named" {
	local event field value
	while read -r event field value; do
		row "$event $field $value"
		case $event in
		request.*) agentgate "$event" "{\"status\":\"approved\",\"$field\":$value}" ;;
		submission.*) formbridge "$event" "{\"$field\":$value}" ;;
		esac
		refused_like 400 "Field '$field' must .*"
	done <<-'END'
		request.created requestId 1
		request.created id {}
		request.created action []
		request.created params []
		request.created params 1
		request.created params "text"
		request.created params "[1]"
		request.created params "{"
		request.created urgency 5
		request.approved requestId true
		request.approved action 1
		request.approved decidedBy {}
		request.approved approvedBy 1
		request.approved deniedBy 1
		request.approved reason 1
		request.approved decisionReason []
		request.denied reason false
		request.expired requestId 0
		request.decided decidedBy 1
		submission.created submissionId 1
		submission.created formId 1
		submission.created formName {}
		submission.created fieldCount "3"
		submission.created fieldCount true
		submission.completed completedBy 1
		submission.completed durationMs "1"
		submission.expired expiredAfterMs []
	END
	counted events 0
}

@test "fields of the wrong kind inside data.request, bare bodies and generic ones" {
	agentgate request.created '{"request":{"id":7}}'
	refused 400 "Field 'id' must be a string"
	bare submitted '"fields":[1]'
	refused_like 400 ".*'fields'.*"
	bare submitted '"metadata":7'
	refused_like 400 ".*'metadata'.*"
	bare submitted '"metadata":{"createdBy":7}'
	refused_like 400 '.*createdBy.*'
	bare submitted '"metadata":{"updatedAt":"yesterday"}'
	refused_like 400 '.*updatedAt.*'
	deliver formbridge '{"submissionId":7,"intakeId":"f","state":"submitted"}'
	refused_like 400 ".*'submissionId'.*"
	deliver formbridge '{"submissionId":"s","intakeId":{},"state":"submitted"}'
	refused_like 400 ".*'intakeId'.*"
	generic e '{"type":1}'
	refused_like 400 ".*'type'.*"
	counted events 0
}

@test "context that is no object is refused" {
	local context
	for context in 1 '[]' true '"text"' '"[]"' '"{"'; do
		row "$context"
		generic e '{}' "\"context\":$context"
		refused_like 400 ".*'context'.*"
	done
	generic e '{}' '"context":null'
	recorded custom
	counted events 1
}

@test "context that is a string holding an object is that object" {
	generic e '{}' '"context":"{\"agentlens_session_id\":\"s1\",\"k\":1.0}"'
	recorded custom s1
	stored metadata '{"source":"generic","webhookEvent":"e","agentlens_session_id":"s1","k":1}'
}

@test "agentgate: the nearest context wins" {
	agentgate request.created '{"context":{"agentlens_session_id":"data"},"request":{"id":"r1","context":{"agentlens_session_id":"request"}}}' '"context":{"agentlens_session_id":"top"}'
	recorded approval_requested top
	agentgate request.created '{"context":{"agentlens_session_id":"data"},"request":{"id":"r1","context":{"agentlens_session_id":"request"}}}'
	recorded approval_requested request
	agentgate request.created '{"context":{"agentlens_session_id":"data"},"requestId":"r1"}'
	recorded approval_requested data
}

@test "only agentgate has a context in data" {
	generic e '{"context":{"agentlens_session_id":"data"}}'
	recorded custom unlinked_EVENT
	formbridge submission.created '{"submissionId":"s1","context":{"agentlens_session_id":"data"}}'
	recorded form_submitted unlinked_s1
}

@test "the agent: three names in order" {
	local context agent
	while read -r context agent; do
		row "$context"
		generic e '{}' "\"context\":$context"
		recorded custom
		stored agent_id "$agent"
	done <<-'END'
		{"agentId":"c","agent_id":"b","agentlens_agent_id":"a"} a
		{"agentId":"c","agent_id":"b"} b
		{"agentId":"c"} c
		{"agentlens_agent_id":null,"agentId":"c"} c
		{"AgentId":"c"} external
		{} external
	END
}

@test "a bare FormBridge body can have a context too" {
	bare submitted '"context":{"agentlens_session_id":"s1","agentlens_agent_id":"a1"},"metadata":{"createdBy":{"kind":"agent","id":"filler"}}'
	recorded form_completed s1
	stored agent_id a1
}

@test "events of one request share a session" {
	agentgate request.created '{"requestId":"r1"}'
	recorded approval_requested unlinked_r1
	deliver agentgate '{"event":"request.approved","data":{"request":{"id":"r1"}}}'
	recorded approval_granted unlinked_r1
	equal sessions 'unlinked_r1|2' "$(query 'SELECT id, event_count FROM sessions')"
}

@test "ids: 256 bytes at most, no control characters" {
	local long
	printf -v long '%0254dé' 0
	agentgate request.created "{\"requestId\":\"$long\"}"
	recorded approval_requested "unlinked_$long"
	generic e '{}' "\"context\":{\"agentlens_session_id\":\"$long\",\"agentlens_agent_id\":\"$long\"}"
	recorded custom "$long"
	stored agent_id "$long"
	stored session_id "$long"
	local id
	for id in "x$long" 'a\u0000b' 'a\nb' '\u001f' '\u007f' '\u0080' 'x\u009f'; do
		row "$id"
		agentgate request.created "{\"requestId\":\"$id\"}"
		refused_like 400 "Field 'requestId' must .*"
		agentgate request.denied "{\"id\":\"$id\"}"
		refused_like 400 "Field 'id' must .*"
		formbridge submission.expired "{\"submissionId\":\"$id\"}"
		refused_like 400 "Field 'submissionId' must .*"
		formbridge submission.expired "{\"formId\":\"$id\"}"
		refused_like 400 "Field 'formId' must .*"
		generic e '{}' "\"context\":{\"agentlens_session_id\":\"$id\"}"
		refused_like 400 "Field 'agentlens_session_id' must .*"
		generic e '{}' "\"context\":{\"agentlens_agent_id\":\"$id\"}"
		refused_like 400 "Field 'agentlens_agent_id' must .*"
		generic e '{}' "\"context\":{\"agent_id\":\"$id\"}"
		refused_like 400 "Field 'agent_id' must .*"
		generic e '{}' "\"context\":{\"agentId\":\"$id\"}"
		refused_like 400 "Field 'agentId' must .*"
	done
	counted events 2
}

@test "ids of the wrong kind in the context are refused and named" {
	local name value
	for name in agentlens_session_id agentlens_agent_id agent_id agentId; do
		for value in 1 '{}' '["a"]' true; do
			row "$name $value"
			generic e '{}' "\"context\":{\"$name\":$value}"
			refused 400 "Field '$name' must be a string"
		done
	done
	nothing_recorded
}

@test "ids are kept as they are, whatever characters they have" {
	generic e '{}' '"context":{"agentlens_session_id":"sess_ödd 🚀 \"q\" \\ / '"'"'"}'
	answered 201
	equal session "sess_ödd 🚀 \"q\" \\ / '" "$(query 'SELECT session_id FROM events')"
	[[ $answer == *'"sessionId":"sess_ödd 🚀 \"q\" \\ / '"'"'"}' ]]
}

@test "metadata: the context's keys, but not those that are not the sender's" {
	generic e '{}' '"context":{"z":1,"source":"x","webhookEvent":"x","verifiedAgentId":"x","verifiedAgentMethod":"x","verifiedOnBehalfOf":"x","reportedTimestamp":"x","contextTruncated":"x","Source":"kept","note":{"source":"kept"}}'
	recorded custom
	stored metadata '{"source":"generic","webhookEvent":"e","z":1,"Source":"kept","note":{"source":"kept"}}'
	equal verified '' "$(column 'coalesce(verified_agent_id, project_id <> tenant_id OR NULL)')"
}

@test "metadata: reserved keys cannot be smuggled in by escapes" {
	generic e '{}' '"context":{"\u0073ource":"x","verified\u0041gentId":"x"}'
	recorded custom
	stored metadata '{"source":"generic","webhookEvent":"e"}'
}

@test "unknown members of the envelope are nobody's business" {
	generic e '{}' '"id":"x","severity":"critical","tenant_id":"x","hash":"x","agentId":"x","verifiedAgentId":"x"'
	becomes custom unlinked_EVENT '{"type":"generic","data":{}}'
	stored metadata '{"source":"generic","webhookEvent":"e"}'
	stored tenant_id default
	stored agent_id external
}
