-- What the verbs share. Before it stand the names of the keys, written by keys.py.
-- Where a verb must work although memory is full, its first write is one that frees memory: a
-- server that refuses writes for lack of memory lets a script go on that has written already.
local call = redis.call

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local config = call('HMGET', CONFIG, 'lanes', 'lease', 'track', 'ttl', 'paused')
if not config[1] then
  return redis.error_reply('NOQUEUE the queue is not declared')
end
local lanes, lease = tonumber(config[1]), tonumber(config[2])
local tracked, ttl, paused = config[3] == '1', tonumber(config[4]), config[5] == '1'

-- Before the first write: a script that fails half-way is not undone.
local streams = {}
for lane = 0, lanes - 1 do
  streams[lane + 1] = LANE .. lane
end
if call('EXISTS', unpack(streams)) < lanes then
  return redis.error_reply('NOQUEUE a lane is missing')
end

-- Returns the value of one field of a stream entry, or false.
local function field(fields, name)
  for n = 1, #fields, 2 do
    if fields[n] == name then
      return fields[n + 1]
    end
  end
  return false
end

-- Returns the unique key that a job holds until it is over, or false.
local function key_of(fields)
  return #fields > 4 and not field(fields, 'f') and field(fields, 'u')
end

-- Returns a number that was written down; 0 for what is none.
local function number_in(text)
  return tonumber(text or 0) or 0
end

-- What somebody else has written where jobs are kept stops nobody.
local function is_lane(lane)
  return type(lane) == 'number' and lane >= 0 and lane < lanes and lane % 1 == 0
end

local function is_job(fields, id)
  if type(fields) ~= 'table' or #fields < 4 or #fields > 32 or #fields % 2 == 1 then
    return false
  end
  for _, value in ipairs(fields) do
    if type(value) ~= 'string' and type(value) ~= 'number' then
      return false
    end
  end
  return fields[1] == 'i' and fields[2] == id and fields[3] == 'b' and type(fields[4]) == 'string'
end

-- Returns the lane and the fields of a delayed job; what is none is the body of one that no task
-- can read, and goes to the dead letters with it.
local function job_in(id, packed)
  local fine, job = pcall(cmsgpack.unpack, packed)
  if fine and type(job) == 'table' and is_lane(job[1]) and is_job(job[2], id) then
    return job[1], job[2]
  end
  return 0, { 'i', id, 'b', packed }
end

-- Returns a dead letter; what is none is the body of one.
local function letter_in(id, packed)
  local fine, letter = pcall(cmsgpack.unpack, packed)
  if fine and type(letter) == 'table' and is_lane(letter[1]) and is_job(letter[2], id) then
    local types = ''
    for n = 3, 7 do
      types = types .. string.sub(type(letter[n]), 1, 1)
    end
    if types == 'snnsn' then
      return letter
    end
  end
  return { 0, { 'i', id, 'b', packed }, '', 0, 0, 'not a dead letter', now }
end

-- Keeps a dead letter behind all others, whatever lies where they are counted.
local function bury(id, letter)
  local number = redis.pcall('HINCRBY', HOUSE, 'letters', 1)
  if type(number) ~= 'number' then
    number = number_in(call('ZRANGE', GRAVES, -1, -1, 'WITHSCORES')[2]) + 1
    redis.pcall('HSET', HOUSE, 'letters', number)
  end
  call('ZADD', GRAVES, number, id)
  call('HSET', LETTERS, id, cmsgpack.pack(letter))
end

-- The index: where a job waits. In many small hashes, because the server packs those tightly. The
-- tail of an id is in the name of its hash, the rest is its field.
local function indexed(verb, id, ...)
  return call(verb, INDEX .. string.sub(id, -4), string.sub(id, 1, -5), ...)
end

local function track(id, place)
  if tracked then
    indexed('HSET', id, place)
  end
end

-- Returns the lane and the entry that a place in the index names; one that is never there for what
-- names none.
local function entry_at(place)
  local lane, moment, number = string.match(place, '^(%d+):(%d+)%-(%d+)$')
  if not lane or #lane > 2 or #moment > 19 or #number > 19 then
    return '0', '0-0'
  end
  return lane, moment .. '-' .. number
end

local is_marked, is_waited

-- Tells whether any job at all is to be cancelled.
local function any_cancelled()
  if is_marked == nil then
    is_marked = call('EXISTS', CANCELS) == 1
  end
  return is_marked
end

-- Tells whether somebody asked to cancel a job.
local function cancelled(id)
  return any_cancelled() and call('ZSCORE', CANCELS, id)
end

-- What all channels of clients begin with.
local ours = string.match(HOUSE, '^[^:]*') .. ':over:'

-- Wakes those who wait for the end of a job.
local function tell(id)
  if is_waited == nil then
    is_waited = call('EXISTS', WAITERS) == 1
  end
  local channels = is_waited and call('HGET', WAITERS, id)
  if channels then
    call('HDEL', WAITERS, id)
    for channel in string.gmatch(channels, '%S+') do
      -- Somebody else may have written others there, which this user may not use.
      if string.sub(channel, 1, #ours) == ours then
        call('PUBLISH', channel, id)
      end
    end
  end
end

-- Forgets a job that is in no lane and not delayed any more.
local function forget(id, unique)
  if tracked then
    indexed('HDEL', id)
  end
  if unique and call('HGET', UNIQUE, unique) == id then
    call('HDEL', UNIQUE, unique)
  end
  if cancelled(id) then
    call('ZREM', CANCELS, id)
  end
  tell(id)
end

-- Makes a job final. Its state is kept for `keep` ms.
local function over(id, unique, keep, state, attempt, result)
  if keep > 0 then
    local value = state .. '|' .. attempt
    if result then
      value = value .. '|' .. result
    end
    call('SET', RESULT .. id, value, 'PX', keep)
  end
  forget(id, unique)
end

local function over_as(fields, state)
  over(fields[2], key_of(fields), ttl, state, field(fields, 'a') or '0')
end

local function remove(lane, entry)
  call('XACK', LANE .. lane, GROUP, entry)
  call('XDEL', LANE .. lane, entry)
end

-- Returns the fields of an entry, or false. Who deleted it has acknowledged it too, but for an
-- operator's XDEL: such a row is dropped.
local function read(lane, entry)
  local found = call('XRANGE', LANE .. lane, entry, entry)[1]
  if not found then
    call('XACK', LANE .. lane, GROUP, entry)
    return false
  end
  return found[2]
end

-- Returns rows of leased entries: id, consumer, idle ms, deliveries. None without a group; any other
-- trouble, a right that is missing, ends the script: it must not look as if nothing were leased.
local function rows_of(lane, ...)
  local rows = redis.pcall('XPENDING', LANE .. lane, GROUP, ...)
  if rows.err and not string.find(rows.err, 'NOGROUP', 1, true) then
    error(rows.err)
  end
  return rows.err and {} or rows
end

local function row_of(lane, entry)
  return rows_of(lane, entry, entry, 1)[1]
end

local function expired(fields)
  local moment = #fields > 4 and tonumber(field(fields, 'e') or nil)
  return moment and moment <= now
end

-- Ends a job that may not start, and tells whether it did so.
local function ends(lane, entry, fields)
  local state = cancelled(fields[2]) and 'cancelled' or expired(fields) and 'expired'
  if not state then
    return false
  end
  remove(lane, entry)
  over_as(fields, state)
  return true
end

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
