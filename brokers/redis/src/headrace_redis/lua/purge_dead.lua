-- Drops up to ARGV[1] dead letters. Returns how many.
local ids = call('ZRANGE', GRAVES, 0, ARGV[1] - 1)
if #ids > 0 then
  call('ZREM', GRAVES, unpack(ids))
  call('HDEL', LETTERS, unpack(ids))
end
return #ids
