-- Stores jobs, each unless it is there.
-- ARGV: batch, ms for which the batch is remembered, jobs.
-- A job: lane, delay ms, id, body[, attempt, meta, unique, unique ms, expires ms]; false: not given.
-- Returns: for each job that was there its number (from 0) and the id of the job that is there.
if not call('SET', BATCH .. ARGV[1], cmsgpack.pack({}), 'NX', 'PX', ARGV[2]) then
  return cmsgpack.unpack(call('GET', BATCH .. ARGV[1]))
end

local jobs = cmsgpack.unpack(ARGV[3])
local results = {}
for number, job in ipairs(jobs) do
  results[number] = RESULT .. job[3]
end
-- One look for all; only if it finds some does each job cost another.
local there = call('EXISTS', LETTERS, unpack(results))
local any_dead = there > 0 and call('EXISTS', LETTERS) == 1
local any_over = there > (any_dead and 1 or 0)

local function is_over(id)
  return any_over and call('EXISTS', RESULT .. id) == 1
    or any_dead and call('HEXISTS', LETTERS, id) == 1
end

-- Stores the jobs at the head of the batch that are as most are: new, due now, without options.
-- What stands below costs even a script that does not call it.
local stored, places = 0, {}
for number, job in ipairs(jobs) do
  local lane, id = job[1], job[3]
  if not tracked or #job > 4 or job[2] > 0 or is_over(id) then
    break
  end
  local entry = call('XADD', streams[lane + 1], '*', 'i', id, 'b', job[4])
  places[lane] = places[lane] or lane .. ':'
  local hash, rest = index_of(id)
  if call('HSETNX', hash, rest, places[lane] .. entry) == 0 then
    call('XDEL', streams[lane + 1], entry)
    break
  end
  stored = number
end
if stored == #jobs then
  return {}
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

-- Tells whether a job waits or runs. The index alone does not: somebody may have deleted a lane.
local function is_live(id)
  local place = indexed('HGET', id)
  if not place or place == 'z' then
    return place and call('HEXISTS', BODIES, id) == 1
  end
  local lane, entry = entry_at(place)
  return #call('XRANGE', LANE .. lane, entry, entry) > 0
end

-- Writes down where a job is, unless there is one of the same id. Returns whether it did.
local function take_place(id, place)
  return not tracked or indexed('HSETNX', id, place) == 1
    or not is_live(id) and indexed('HSET', id, place) == 0
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

local seen = {}

-- Tells whether a job of an untracked queue is there, as far as that is known.
local function is_seen(id)
  local was_seen = seen[id]
  seen[id] = true
  return was_seen or call('HEXISTS', BODIES, id) == 1
end

-- Stores a job, or returns the id of the job that is there.
local function store(job)
  local lane, delay, id, unique = job[1], job[2], job[3], job[7]
  local holder = unique and holder_of(unique)
  if is_over(id) or not tracked and is_seen(id) then
    return id
  elseif holder then
    return tracked and is_live(id) and id or holder
  end
  if delay > 0 then
    if not take_place(id, 'z') then
      return id
    end
    -- One more, because `now` is cut to whole milliseconds: never early.
    call('ZADD', DELAYED, now + delay + 1, id)
    call('HSET', BODIES, id, cmsgpack.pack({ lane, fields_of(job) }))
  else
    local entry = call('XADD', LANE .. lane, '*', unpack(fields_of(job)))
    if not take_place(id, lane .. ':' .. entry) then
      call('XDEL', LANE .. lane, entry)
      return id
    end
  end
  if unique then
    hold(job)
  end
  if not tracked then
    call('ZREM', CANCELS, id)
  end
end

local held = {}
for number = stored + 1, #jobs do
  local existing = store(jobs[number])
  if existing then
    held[#held + 1] = number - 1
    held[#held + 1] = existing
  end
end
if #held > 0 then
  call('SET', BATCH .. ARGV[1], cmsgpack.pack(held), 'PX', ARGV[2])
end
return held
