-- Drops up to ARGV[1] jobs that wait for a worker. Returns how many.
local left = tonumber(ARGV[1])
for lane = 0, lanes - 1 do
  local delivered = '0-0'
  for _, group in ipairs(call('XINFO', 'GROUPS', LANE .. lane)) do
    if field(group, 'name') == GROUP then
      delivered = field(group, 'last-delivered-id')
    end
  end
  if left > 0 then
    for _, entry in ipairs(call('XRANGE', LANE .. lane, '(' .. delivered, '+', 'COUNT', left)) do
      call('XDEL', LANE .. lane, entry[1])
      forget(entry[2][2], key_of(entry[2]))
      left = left - 1
    end
  end
end
return ARGV[1] - left
