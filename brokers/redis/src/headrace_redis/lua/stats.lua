-- Counts. Returns: delayed, running, dead, paused, ms for which the oldest ready job is ready or
-- -1, then the ready jobs of each lane.
local running, oldest, ready = 0, -1, {}
for lane = 0, lanes - 1 do
  local pending, delivered = 0, '0-0'
  for _, group in ipairs(call('XINFO', 'GROUPS', LANE .. lane)) do
    if field(group, 'name') == GROUP then
      pending, delivered = field(group, 'pending'), field(group, 'last-delivered-id')
    end
  end
  running = running + pending
  ready[#ready + 1] = call('XLEN', LANE .. lane) - pending
  local next_one = call('XRANGE', LANE .. lane, '(' .. delivered, '+', 'COUNT', 1)[1]
  if next_one then
    oldest = math.max(oldest, now - string.match(next_one[1], '%d+'))
  end
end
return {
  call('ZCARD', DELAYED), running, call('ZCARD', GRAVES), paused and 1 or 0, oldest, unpack(ready)
}
