-- Hands out again what a consumer was given in replies that it never saw.
-- ARGV: consumer, limit, the places (lane:entry) that it knows of. Returns: as claim.
local consumer, left = ARGV[1], tonumber(ARGV[2])
local known, leased = {}, { 0 }
for _, place in ipairs(cmsgpack.unpack(ARGV[3])) do
  known[place] = true
end

local function adopt(lane, row, jobs)
  local fields = read(lane, row[1])
  if fields and not ends(lane, row[1], fields) then
    call('XCLAIM', LANE .. lane, GROUP, consumer, 0, row[1], 'JUSTID')
    left = left - 1
    jobs[#jobs + 1] = { row[1], fields, row[4] }
  end
end

for lane = 0, lanes - 1 do
  local start, jobs = '-', {}
  repeat
    local rows = call('XPENDING', LANE .. lane, GROUP, start, '+', 1000, consumer)
    for _, row in ipairs(rows) do
      if left > 0 and row[3] <= lease and not known[lane .. ':' .. row[1]] then
        adopt(lane, row, jobs)
      end
      start = '(' .. row[1]
    end
  until #rows < 1000
  leased[#leased + 1] = lane
  leased[#leased + 1] = jobs
end
return leased
