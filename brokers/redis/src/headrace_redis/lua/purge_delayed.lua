-- Drops up to ARGV[1] jobs that wait for their time. Returns how many.
local ids = call('ZRANGE', DELAYED, 0, ARGV[1] - 1)
for _, id in ipairs(ids) do
  local _, fields = unpostpone(id)
  forget(id, fields and key_of(fields))
end
return #ids
