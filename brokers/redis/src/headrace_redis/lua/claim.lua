-- Leases jobs: those due are promoted, those abandoned are taken over, then the lanes in order.
-- ARGV: consumer, limit, first lane, ms between two sweeps.
-- Returns: ms until the next sweep, -1 if the queue is paused; then lane, jobs, lane, jobs ...
-- A job: entry, fields and, if it is not handed out for the first time, deliveries.
if paused then
  return { -1 }
end
local consumer, left, first = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local leased = { 0 }

-- A group may be missing. What other lanes gave must be handed out all the same.
local failure
local function try(...)
  local found = redis.pcall(...)
  if found and found.err then
    failure = found
    return false
  end
  return found
end

local function hand_out(lane, jobs)
  if #jobs > 0 then
    left = left - #jobs
    leased[#leased + 1] = lane
    leased[#leased + 1] = jobs
  end
end

-- From this delivery on a job may be what killed its workers. Those that died with it must not die
-- with it again: a consumer gets one such job at a time.
local SUSPECT = 3

local holds_suspect, put_back
local swept = {}
local function may_take_suspect()
  if holds_suspect == nil then
    holds_suspect = false
    for lane = 0, lanes - 1 do
      for _, row in ipairs(call('XPENDING', LANE .. lane, GROUP, '-', '+', 1000, consumer)) do
        local live = row[3] <= lease and not swept[lane .. ':' .. row[1]]
        holds_suspect = holds_suspect or (live and row[4] >= SUSPECT)
      end
    end
  end
  return not holds_suspect
end

local function take_over(lane, entry, jobs)
  local fields = read(lane, entry)
  if not fields or ends(lane, entry, fields) then
    return
  end
  -- Redis 6.2 answers without deliveries, and would not drop rows of deleted entries.
  local deliveries = row_of(lane, entry)[4] + 1
  local suspect = deliveries >= SUSPECT
  if suspect and not may_take_suspect() then
    -- As abandoned as it was, for the next one who sweeps.
    call(
      'XCLAIM', LANE .. lane, GROUP, consumer, 0, entry,
      'IDLE', lease + 1, 'RETRYCOUNT', deliveries - 1, 'JUSTID')
    put_back = true
    return
  end
  call('XCLAIM', LANE .. lane, GROUP, consumer, 0, entry, 'RETRYCOUNT', deliveries, 'JUSTID')
  holds_suspect = holds_suspect or suspect
  jobs[#jobs + 1] = { entry, fields, deliveries }
end

-- Looks at a bounded part of the leases; the next claim goes on where this one ended.
-- Returns when that may be.
local function sweep()
  local whole = true
  for lane = 0, lanes - 1 do
    if left <= 0 then
      whole = false
      break
    end
    local cursor = call('HGET', HOUSE, 'cursor' .. lane) or '0-0'
    local found = try(
      'XAUTOCLAIM', LANE .. lane, GROUP, consumer, lease + 1, cursor,
      'COUNT', math.min(left, 100), 'JUSTID') or { '0-0', {} }
    local jobs = {}
    for _, entry in ipairs(found[2]) do
      swept[lane .. ':' .. entry] = true
    end
    for _, entry in ipairs(found[2]) do
      take_over(lane, entry, jobs)
    end
    hand_out(lane, jobs)
    whole = whole and found[1] == '0-0'
    if found[1] ~= cursor then
      redis.pcall('HSET', HOUSE, 'cursor' .. lane, found[1])
    end
  end
  if not whole then
    return now
  end
  local due = now + (put_back and 20 or tonumber(ARGV[4]))
  redis.pcall('HSET', HOUSE, 'sweep', due)
  return due
end

-- Returns the jobs that may start; the table itself if all of them may.
local function fit(lane, jobs)
  local some
  for number, job in ipairs(jobs) do
    local out = (is_marked or #job[2] > 4) and ends(lane, job[1], job[2])
    if out and not some then
      some = { unpack(jobs, 1, number - 1) }
    elseif some and not out then
      some[#some + 1] = job
    end
  end
  return some or jobs
end

promote(math.max(left, 100))
local due = number_in(call('HGET', HOUSE, 'sweep'))
-- Nobody plans a sweep for later than that: the clock went back, or somebody wrote it there.
if not (due > now and due <= now + ARGV[4]) then
  due = sweep()
end
leased[1] = due - now
any_cancelled()
for turn = 0, lanes - 1 do
  local lane = (first + turn) % lanes
  while left > 0 do
    local found = try('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', left, 'STREAMS', LANE .. lane, '>')
    if not found then
      break
    end
    local jobs = found[1][2]
    local fitting = fit(lane, jobs)
    hand_out(lane, fitting)
    if fitting == jobs then
      break
    end
  end
end
return failure and #leased == 1 and failure or leased
