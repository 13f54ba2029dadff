-- Keeps leases of one consumer alive. One look at its rows of each lane, one XCLAIM.
-- ARGV: consumer, leases. A lease: lane, entry, deliveries, id.
-- Returns: for each 0 lost, 1 kept, 2 kept and to be cancelled.
local consumer, leases = ARGV[1], cmsgpack.unpack(ARGV[2])

local function deliveries_in(lane)
  local deliveries, start = {}, '-'
  repeat
    local rows = rows_of(lane, start, '+', 1000, consumer)
    for _, row in ipairs(rows) do
      deliveries[row[1]] = row[4]
      start = '(' .. row[1]
    end
  until #rows < 1000
  return deliveries
end

local rows, kept, answers = {}, {}, {}
for number, one in ipairs(leases) do
  local lane, entry = one[1], one[2]
  if not rows[lane] then
    rows[lane], kept[lane] = deliveries_in(lane), {}
  end
  if rows[lane][entry] == one[3] then
    table.insert(kept[lane], entry)
    answers[number] = cancelled(one[4]) and 2 or 1
  else
    answers[number] = 0
  end
end
for lane, entries in pairs(kept) do
  if #entries > 0 then
    entries[#entries + 1] = 'JUSTID'
    call('XCLAIM', LANE .. lane, GROUP, consumer, 0, unpack(entries))
  end
end
return answers
