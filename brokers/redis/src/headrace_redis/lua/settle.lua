-- Ends deliveries. XACK comes first: it says whether the outcome counts, and frees memory.
-- ARGV: outcomes. An outcome begins with kind, lane, entry, id, unique and goes on
--   done:        keep ms, state, attempt, result
--   reschedule:  consumer, deliveries, attempt, meta, delay ms
--   release:     consumer, deliveries
--   dead:        consumer, deliveries, attempt, meta, reason, keep ms, result
-- Returns: for each 1 if it counts, else 0.
local outcomes, answers = cmsgpack.unpack(ARGV[1]), {}

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

-- Ends jobs of one lane that are done. An entry that exists is not settled: XACK and XDEL go together.
local function finish(lane, numbers, entries)
  local all = call('XACK', LANE .. lane, GROUP, unpack(entries)) == #entries
  if all then
    call('XDEL', LANE .. lane, unpack(entries))
  end
  for n, number in ipairs(numbers) do
    if all or call('XDEL', LANE .. lane, entries[n]) == 1 then
      local _, _, _, id, unique, keep, state, attempt, result = unpack(outcomes[number])
      over(id, unique, keep, state, attempt, result)
      answers[number] = 1
    else
      answers[number] = 0
    end
  end
end

local holders = {}

function holders.reschedule(outcome, lane, fields)
  again(lane, renewed(fields, outcome[8], outcome[9]), outcome[10])
end

function holders.release(_, lane, fields)
  again(lane, fields, 0)
end

function holders.dead(outcome, lane, fields)
  local _, _, _, id, unique, _, deliveries, attempt, meta, reason, keep, result = unpack(outcome)
  bury(id, { lane, fields, meta, attempt, deliveries, reason, now })
  over(id, unique, keep, 'dead', attempt, result)
end

-- Ends a delivery in a way that only its holder may.
local function settle(outcome)
  local lane, entry = outcome[2], outcome[3]
  local fields = held(lane, entry, outcome[6], outcome[7])
  if not fields then
    return 0
  end
  remove(lane, entry)
  holders[outcome[1]](outcome, lane, fields)
  return 1
end

local done = {}
for number, outcome in ipairs(outcomes) do
  if outcome[1] == 'done' then
    local lane = done[outcome[2]]
    if not lane then
      lane = { numbers = {}, entries = {} }
      done[outcome[2]] = lane
    end
    table.insert(lane.numbers, number)
    table.insert(lane.entries, outcome[3])
  end
end
for lane, jobs in pairs(done) do
  finish(lane, jobs.numbers, jobs.entries)
end
for number, outcome in ipairs(outcomes) do
  answers[number] = answers[number] or settle(outcome)
end
return answers
