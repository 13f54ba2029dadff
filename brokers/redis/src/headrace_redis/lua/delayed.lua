-- Jobs that wait for their time, and how they come to a lane.

-- Puts a job at the end of its lane.
local function push(lane, fields)
  track(fields[2], lane .. ':' .. call('XADD', LANE .. lane, '*', unpack(fields)))
end

local function postpone(lane, fields, due)
  call('ZADD', DELAYED, due, fields[2])
  call('HSET', BODIES, fields[2], cmsgpack.pack({ lane, fields }))
  track(fields[2], 'z')
end

-- Takes a delayed job out and returns its lane and its fields, or nothing.
local function unpostpone(id)
  local packed = call('HGET', BODIES, id)
  call('ZREM', DELAYED, id)
  call('HDEL', BODIES, id)
  if packed then
    return job_in(id, packed)
  end
end

-- Moves jobs that are due to their lanes and returns how many. If memory is full they stay.
local function promote(limit)
  local due = call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, limit)
  for number, id in ipairs(due) do
    local packed = call('HGET', BODIES, id)
    if packed then
      local lane, fields = job_in(id, packed)
      if expired(fields) then
        call('ZREM', DELAYED, id)
        over_as(fields, 'expired')
      else
        local entry = redis.pcall('XADD', LANE .. lane, '*', unpack(fields))
        if entry.err then
          return number - 1
        end
        track(id, lane .. ':' .. entry)
      end
    end
    call('ZREM', DELAYED, id)
    call('HDEL', BODIES, id)
  end
  return #due
end
