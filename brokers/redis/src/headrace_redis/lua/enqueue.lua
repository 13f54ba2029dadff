-- Stores jobs, each unless it is there.
-- ARGV: batch, ms for which the batch is remembered, jobs.
-- A job: lane, delay ms, id, body[, attempt, meta, unique, unique ms, expires ms]; false: not given.
-- Returns: for each job that was there its number (from 0) and the id of the job that is there.
local answered = call('GET', BATCH .. ARGV[1])
if answered then
  return cmsgpack.unpack(answered)
end
call('SET', BATCH .. ARGV[1], cmsgpack.pack({}), 'PX', ARGV[2])

local any_dead = call('EXISTS', LETTERS) == 1
local seen = {}

local function is_there(id)
  if tracked then
    if call('HEXISTS', bucket(id), id) == 1 then
      return true
    end
  elseif seen[id] or call('HEXISTS', BODIES, id) == 1 then
    return true
  end
  return call('EXISTS', RESULT .. id) == 1 or (any_dead and call('HEXISTS', LETTERS, id) == 1)
end

local function fields_of(job)
  local fields = { 'i', job[3], 'b', job[4] }
  local function add(name, value)
    if value then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  if #job > 4 then
    add('a', job[5])
    add('m', job[6])
    add('u', job[7])
    add('f', job[8])
    add('e', job[9] and string.format('%d', now + job[9]))
  end
  return fields
end

local function hold(job)
  if job[8] then
    call('SET', HELD .. job[7], job[3], 'PX', job[8])
  else
    call('HSET', UNIQUE, job[7], job[3])
  end
end

local there = {}
for number, job in ipairs(cmsgpack.unpack(ARGV[3])) do
  local id, unique = job[3], job[7]
  local existing = is_there(id) and id
    or unique and (call('HGET', UNIQUE, unique) or call('GET', HELD .. unique))
  if existing then
    there[#there + 1] = number - 1
    there[#there + 1] = existing
  else
    if unique then
      hold(job)
    end
    if not tracked then
      seen[id] = true
      if cancelled(id) then
        call('ZREM', CANCELS, id)
      end
    end
    if job[2] > 0 then
      -- One more, because `now` is cut to whole milliseconds: never early.
      postpone(job[1], fields_of(job), now + job[2] + 1)
    else
      push(job[1], fields_of(job))
    end
  end
end
if #there > 0 then
  call('SET', BATCH .. ARGV[1], cmsgpack.pack(there), 'PX', ARGV[2])
end
return there
