-- The load: each request is the next line of a file made by bodies.mjs
-- (signature, tab, body), so none is sent twice.
--
--   wrk -s wrk.lua URL -- FILE [loop] [tally]
--
-- loop   begins the file again at its end, for what does not care
-- tally  counts the answers by second and status (it costs wrk some speed)
--
-- At the end one line of JSON is printed.

local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

local file, head
local loop = false
exhausted = false
tally = {}

function init(args)
	file = assert(io.open(args[1], "rb"))
	for i = 2, #args do
		if args[i] == "loop" then loop = true end
		if args[i] == "tally" then response = count end
	end
	head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host
		.. "\r\nContent-Type: application/json\r\nX-AgentGate-Signature: "
end

local last

function request()
	local line = file:read("*l")
	if line == nil and loop then
		file:seek("set")
		line = file:read("*l")
	end
	if line == nil then
		exhausted = true
		wrk.thread:stop()
		return last
	end
	local body = line:sub(66)
	last = head .. line:sub(1, 64) .. "\r\nContent-Length: " .. #body
		.. "\r\n\r\n" .. body
	return last
end

-- Statuses of errors are told apart by whether they say when to come again.
function count(status, headers)
	local name = tostring(status)
	if status >= 300 then
		local again = headers["Retry-After"] or headers["retry-after"]
		name = name .. (again and " Retry-After" or " plain")
	end
	name = os.time() .. " " .. name
	tally[name] = (tally[name] or 0) + 1
end

local function object(pairs_of)
	return "{" .. table.concat(pairs_of, ",") .. "}"
end

function done(summary, latency)
	local e = summary.errors
	local counts, out = {}, false
	for _, thread in ipairs(threads) do
		out = out or thread:get("exhausted")
		for name, n in pairs(thread:get("tally")) do
			table.insert(counts, string.format('"%s":%d', name, n))
		end
	end
	print(object({
		'"answers":' .. summary.requests,
		'"seconds":' .. summary.duration / 1e6,
		'"p50":' .. latency:percentile(50) / 1e3,
		'"p99":' .. latency:percentile(99) / 1e3,
		'"max":' .. latency.max / 1e3,
		'"failed":' .. e.status,
		'"broken":' .. e.connect + e.read + e.write + e.timeout,
		'"exhausted":' .. tostring(out),
		'"tally":' .. object(counts),
	}))
end
