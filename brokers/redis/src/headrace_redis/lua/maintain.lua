-- One step of housekeeping by one elected worker. ARGV: worker, ms of its term, ms of a tick.
-- Returns: ms until it wants to be called again.
local term = call('HMGET', HOUSE, 'elected', 'term', 'collect')
local over_at = number_in(term[2])
if term[1] ~= ARGV[1] and over_at > now and over_at <= now + ARGV[2] then
  return over_at - now
end
redis.pcall('HSET', HOUSE, 'elected', ARGV[1], 'term', now + ARGV[2])

-- Ends cancelled jobs whose workers died; the others wait for a worker that claims.
local function end_cancelled()
  for lane = 0, lanes - 1 do
    for _, row in ipairs(call('XPENDING', LANE .. lane, GROUP, 'IDLE', lease + 1, '-', '+', 100)) do
      local fields = read(lane, row[1])
      if fields and cancelled(fields[2]) then
        ends(lane, row[1], fields)
      end
    end
  end
  call('ZREMRANGEBYSCORE', CANCELS, '-inf', now)
end

-- Forgets consumers of processes that ended. Rows of theirs would be lost with them: not those.
local function collect()
  for lane = 0, lanes - 1 do
    for _, consumer in ipairs(call('XINFO', 'CONSUMERS', LANE .. lane, GROUP)) do
      if field(consumer, 'pending') == 0 and field(consumer, 'idle') > 3600000 then
        call('XGROUP', 'DELCONSUMER', LANE .. lane, GROUP, field(consumer, 'name'))
      end
    end
  end
  redis.pcall('HSET', HOUSE, 'collect', now + 60000)
end

local promoted = promote(500)
if call('EXISTS', CANCELS) == 1 then
  end_cancelled()
end
local due_at = number_in(term[3])
if not (due_at > now and due_at <= now + 60000) then
  collect()
end
if promoted == 500 then
  return 0
end
local due = tonumber(call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')[2])
return due and math.max(0, math.min(ARGV[3], due - now)) or tonumber(ARGV[3])
