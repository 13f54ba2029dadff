-- Makes dead letters of entries that are no jobs. ARGV: places (lane:entry).
-- Returns: for each that was there the id of its letter, and the entry.
local NAME = '^[%w_-]+$'

-- Returns the id that the entry has; one made of all that it holds, if it has none that is one.
local function name_of(fields, raw)
  local id = field(fields, 'i')
  return id and #id <= 64 and string.find(id, NAME) and id or 'unnamed-' .. redis.sha1hex(raw)
end

local buried = {}
for _, place in ipairs(cmsgpack.unpack(ARGV[1])) do
  local lane, entry = entry_at(place)
  local fields = read(lane, entry)
  if fields then
    local raw = cmsgpack.pack(fields)
    local id = name_of(fields, raw)
    local deliveries = (row_of(lane, entry) or { 0, 0, 0, 1 })[4]
    remove(lane, entry)
    bury(id, { tonumber(lane), { 'i', id, 'b', raw }, '', 0, deliveries, 'not a job', now })
    buried[#buried + 1] = { id, entry }
  end
end
return buried
