-- Creates a queue or changes nothing.
-- ARGV: lanes, lease ms, track, ttl ms. Returns: lanes, lease ms, track, how many parts were missing.
local held = redis.call('HMGET', CONFIG, 'lanes', 'lease', 'track')
local wanted = { ARGV[1], ARGV[2], ARGV[3] }
if held[1] and (held[1] ~= wanted[1] or held[2] ~= wanted[2] or held[3] ~= wanted[3]) then
  return held
end
local missing = held[1] and 0 or 1
redis.call('HSET', CONFIG, 'version', '1', 'lanes', ARGV[1], 'lease', ARGV[2], 'track', ARGV[3], 'ttl', ARGV[4])
for lane = 0, tonumber(ARGV[1]) - 1 do
  -- From 0: what is in the stream and not settled yet is to be run, whoever lost the group.
  local made = redis.pcall('XGROUP', 'CREATE', LANE .. lane, GROUP, '0', 'MKSTREAM')
  if not made.err then
    missing = missing + 1
  elseif not string.find(made.err, 'BUSYGROUP', 1, true) then
    return made
  end
end
wanted[4] = missing
return wanted
