-- Stores jobs, each unless it is there.
-- ARGV: batch, ms for which the batch is remembered, jobs.
-- A job: lane, delay ms, id, body[, attempt, meta, unique, unique ms, expires ms]; false: not given.
-- Returns: for each job that was there its number (from 0) and the id of the job that is there.
local answered = call('GET', BATCH .. ARGV[1])
if answered then
  return cmsgpack.unpack(answered)
end
call('SET', BATCH .. ARGV[1], cmsgpack.pack({}), 'PX', ARGV[2])

local jobs = cmsgpack.unpack(ARGV[3])
local results, seen = {}, {}
for number, job in ipairs(jobs) do
  results[number] = RESULT .. job[3]
end
-- One look for all; only if it finds some does each job cost another.
local there = call('EXISTS', LETTERS, unpack(results))
local any_dead = there > 0 and call('EXISTS', LETTERS) == 1
local any_over = there > (any_dead and 1 or 0)

-- Tells whether a job is over or delayed; what waits or runs is found by its place in the index.
local function is_there(id)
  if not tracked and (seen[id] or call('HEXISTS', BODIES, id) == 1) then
    return true
  end
  return any_over and call('EXISTS', RESULT .. id) == 1
    or any_dead and call('HEXISTS', LETTERS, id) == 1
end

local function fields_of(job)
  local fields = { 'i', job[3], 'b', job[4] }
  for n, name in ipairs({ 'a', 'm', 'u', 'f' }) do
    if job[4 + n] then
      fields[#fields + 1] = name
      fields[#fields + 1] = job[4 + n]
    end
  end
  if job[9] then
    fields[#fields + 1] = 'e'
    fields[#fields + 1] = string.format('%d', now + job[9])
  end
  return fields
end

-- Returns the entry that a lane gets next, or false while this script has added none: the server
-- numbers the first, and nothing else is added while this script runs.
local reached = {}
local function next_entry(lane)
  local last = reached[lane]
  if not last then
    return false
  end
  last[2] = last[2] + 1
  return string.format('%s-%d', last[1], last[2])
end

local function add(lane, entry, ...)
  local added = call('XADD', LANE .. lane, entry or '*', ...)
  if not entry then
    local moment, number = string.match(added, '(%d+)-(%d+)')
    reached[lane] = { moment, tonumber(number) }
  end
  return added
end

-- Tells whether a job waits or runs. The index alone does not: somebody may have deleted a lane.
local function is_live(id)
  local place = indexed('HGET', id)
  if not place or place == 'z' then
    return place and call('HEXISTS', BODIES, id) == 1
  end
  local lane, entry = entry_at(place)
  return #call('XRANGE', LANE .. lane, entry, entry) > 0
end

-- Tells whether an id is free, and if so writes down where its job will be, if that is known.
local function claim_place(id, place)
  if not tracked or place and indexed('HSETNX', id, place) == 1 then
    return true
  elseif not place then
    return not is_live(id)
  end
  return not is_live(id) and indexed('HSET', id, place) == 0
end

-- Returns the id of the job that holds a unique key, or false.
local function holder_of(unique)
  local holder = call('HGET', UNIQUE, unique)
  return holder and (not tracked or is_live(holder)) and holder or call('GET', HELD .. unique)
end

local function hold(job)
  if job[8] then
    call('SET', HELD .. job[7], job[3], 'PX', job[8])
  else
    call('HSET', UNIQUE, job[7], job[3])
  end
end

-- Stores a job, or returns the id of the job that is there.
local function store(job)
  local lane, delay, id, unique = job[1], job[2], job[3], job[7]
  local holder = unique and holder_of(unique)
  if is_there(id) then
    return id
  end
  local entry = delay == 0 and next_entry(lane)
  local place = delay > 0 and 'z' or entry and lane .. ':' .. entry
  if holder then
    return tracked and is_live(id) and id or holder
  elseif not claim_place(id, place) then
    return id
  end
  if unique then
    hold(job)
  end
  if not tracked then
    seen[id] = true
    if cancelled(id) then
      call('ZREM', CANCELS, id)
    end
  end
  if delay > 0 then
    -- One more, because `now` is cut to whole milliseconds: never early.
    call('ZADD', DELAYED, now + delay + 1, id)
    call('HSET', BODIES, id, cmsgpack.pack({ lane, fields_of(job) }))
    return
  end
  if #job == 4 then
    entry = add(lane, entry, 'i', id, 'b', job[4])
  else
    entry = add(lane, entry, unpack(fields_of(job)))
  end
  if not place then
    track(id, lane .. ':' .. entry)
  end
end

local held = {}
for number, job in ipairs(jobs) do
  local existing = store(job)
  if existing then
    held[#held + 1] = number - 1
    held[#held + 1] = existing
  end
end
if #held > 0 then
  call('SET', BATCH .. ARGV[1], cmsgpack.pack(held), 'PX', ARGV[2])
end
return held
