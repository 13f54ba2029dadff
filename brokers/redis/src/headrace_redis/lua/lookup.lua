-- Tells of jobs. ARGV: ids, the channel of one who waits for their end or ''.
-- Returns: for each state|attempt or state|attempt|result, or nil.
local function waiting_in(lane, entry)
  local fields = read(lane, entry)
  if not fields then
    return false
  end
  local row = row_of(lane, entry)
  local state = row and row[3] <= lease and 'running' or 'queued'
  return state .. '|' .. (field(fields, 'a') or '0')
end

local function delayed(id)
  local packed = call('HGET', BODIES, id)
  if not packed then
    return false
  end
  local _, fields = job_in(id, packed)
  return 'delayed|' .. (field(fields, 'a') or '0')
end

local function dead(id)
  local packed = call('HGET', LETTERS, id)
  return packed and 'dead|' .. letter_in(id, packed)[4]
end

local function live(id)
  if not tracked then
    return delayed(id)
  end
  local place = indexed('HGET', id)
  if place == 'z' then
    return delayed(id)
  end
  return place and waiting_in(entry_at(place))
end

-- If memory is full nobody is told: who waits asks again.
local function await(id)
  local channels = call('HGET', WAITERS, id)
  if not channels then
    redis.pcall('HSET', WAITERS, id, ARGV[2])
  elseif not string.find(channels, ARGV[2], 1, true) then
    redis.pcall('HSET', WAITERS, id, channels .. ' ' .. ARGV[2])
  end
  if not tracked then
    -- It may be over, or nobody's: then nothing would ever take this mark away.
    call('PEXPIRE', WAITERS, 3600000)
  end
end

local answers = {}
for number, id in ipairs(cmsgpack.unpack(ARGV[1])) do
  local final = redis.pcall('GET', RESULT .. id)
  if type(final) == 'table' then
    final = false
  end
  local waits = not final and live(id)
  answers[number] = final or waits or dead(id) or (not tracked and 'queued|0')
  if ARGV[2] ~= '' and (waits or (not tracked and not final)) then
    await(id)
  end
end
return answers
