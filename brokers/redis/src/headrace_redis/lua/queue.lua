-- The queue as it was declared. Before it stand the names of the keys, written by keys.py.
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

-- Returns a number that was written down; 0 for what is none.
local function number_in(text)
  return tonumber(text or 0) or 0
end
