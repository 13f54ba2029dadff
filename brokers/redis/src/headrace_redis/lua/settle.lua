-- Ends deliveries. XACK comes first: it says whether the outcome counts, and frees memory.
-- ARGV: outcomes. An outcome begins with kind, lane, entry, id, unique and goes on
--   done:        keep ms, state, attempt, result
--   reschedule:  consumer, deliveries, attempt, meta, delay ms
--   release:     consumer, deliveries
--   dead:        consumer, deliveries, attempt, meta, reason, keep ms, result
-- Returns: for each 1 if it counts, else 0.
local function settled(lane, entry)
  local counts = call('XACK', LANE .. lane, GROUP, entry) == 1
  if counts then
    call('XDEL', LANE .. lane, entry)
  end
  return counts
end

-- Returns the fields of an entry if this consumer holds it in this delivery, else nothing.
local function held(lane, entry, consumer, deliveries)
  local row = row_of(lane, entry)
  if row and row[2] == consumer and row[4] == deliveries then
    return read(lane, entry)
  end
end

-- Puts a new copy into the queue, unless the job is cancelled or its time is over.
local function again(lane, fields, delay)
  local state = cancelled(fields[2]) and 'cancelled' or expired(fields) and 'expired'
  if state then
    over_as(fields, state)
  elseif delay > 0 then
    postpone(lane, fields, now + delay + 1)
  else
    push(lane, fields)
  end
end

-- Returns fields with another attempt and meta.
local function renewed(fields, attempt, meta)
  local copy = { 'i', fields[2], 'b', fields[4] }
  for _, name in ipairs({ 'u', 'f', 'e' }) do
    local value = #fields > 4 and field(fields, name)
    if value then
      copy[#copy + 1], copy[#copy + 2] = name, value
    end
  end
  if attempt > 0 then
    copy[#copy + 1], copy[#copy + 2] = 'a', attempt
  end
  if meta ~= '' then
    copy[#copy + 1], copy[#copy + 2] = 'm', meta
  end
  return copy
end

local verbs = {}

function verbs.done(_, lane, entry, id, unique, keep, state, attempt, result)
  if not settled(lane, entry) then
    return 0
  end
  over(id, unique, keep, state, attempt, result)
  return 1
end

function verbs.reschedule(_, lane, entry, _, _, consumer, deliveries, attempt, meta, delay)
  local fields = held(lane, entry, consumer, deliveries)
  if not fields then
    return 0
  end
  settled(lane, entry)
  again(lane, renewed(fields, attempt, meta), delay)
  return 1
end

function verbs.release(_, lane, entry, _, _, consumer, deliveries)
  local fields = held(lane, entry, consumer, deliveries)
  if not fields then
    return 0
  end
  settled(lane, entry)
  again(lane, fields, 0)
  return 1
end

function verbs.dead(_, lane, entry, id, unique, consumer, deliveries, attempt, meta, reason, keep, result)
  local fields = held(lane, entry, consumer, deliveries)
  if not fields then
    return 0
  end
  settled(lane, entry)
  local number = call('HINCRBY', HOUSE, 'letters', 1)
  call('ZADD', GRAVES, number, id)
  call('HSET', LETTERS, id, cmsgpack.pack({ lane, fields, meta, attempt, deliveries, reason, now }))
  over(id, unique, keep, 'dead', attempt, result)
  return 1
end

local answers = {}
for number, outcome in ipairs(cmsgpack.unpack(ARGV[1])) do
  answers[number] = verbs[outcome[1]](unpack(outcome))
end
return answers
