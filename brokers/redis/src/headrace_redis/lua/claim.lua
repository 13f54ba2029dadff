-- Leases jobs: those due are promoted, those abandoned are taken over, then the lanes in order.
-- ARGV: consumer, limit, first lane, ms between two sweeps.
-- Returns: 1 if the queue is paused, else 0; then for each job: entry, fields, lane, deliveries.
if paused then
  return { 1 }
end
local consumer, left, first = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local leased = { 0 }

local function hand_out(entry, fields, lane, deliveries)
  left = left - 1
  leased[#leased + 1] = { entry, fields, lane, deliveries }
end

local function take_over(lane, entry)
  local fields = read(lane, entry)
  if fields and not ends(lane, entry, fields) then
    -- Redis 6.2 answers without deliveries, and would not drop rows of deleted entries.
    local deliveries = row_of(lane, entry)[4] + 1
    call('XCLAIM', LANE .. lane, GROUP, consumer, 0, entry, 'RETRYCOUNT', deliveries, 'JUSTID')
    hand_out(entry, fields, lane, deliveries)
  end
end

-- Looks at a bounded part of the leases; the next claim goes on where this one ended.
local function sweep()
  local whole = true
  for lane = 0, lanes - 1 do
    if left <= 0 then
      whole = false
      break
    end
    local cursor = call('HGET', HOUSE, 'cursor' .. lane) or '0-0'
    local found = call(
      'XAUTOCLAIM', LANE .. lane, GROUP, consumer, lease + 1, cursor,
      'COUNT', math.min(left, 100), 'JUSTID')
    for _, entry in ipairs(found[2]) do
      take_over(lane, entry)
    end
    whole = whole and found[1] == '0-0'
    if found[1] ~= cursor then
      redis.pcall('HSET', HOUSE, 'cursor' .. lane, found[1])
    end
  end
  if whole then
    redis.pcall('HSET', HOUSE, 'sweep', now + ARGV[4])
  end
end

promote(math.max(left, 100))
if now >= tonumber(call('HGET', HOUSE, 'sweep') or 0) then
  sweep()
end
for turn = 0, lanes - 1 do
  local lane = (first + turn) % lanes
  local all_fit = false
  while left > 0 and not all_fit do
    local found = call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', left, 'STREAMS', LANE .. lane, '>')
    if not found then
      break
    end
    all_fit = true
    for _, entry in ipairs(found[1][2]) do
      if ends(lane, entry[1], entry[2]) then
        all_fit = false
      else
        hand_out(entry[1], entry[2], lane, 1)
      end
    end
  end
end
return leased
