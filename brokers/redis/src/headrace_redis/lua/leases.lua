-- Entries of lanes, and who has them.

local function remove(lane, entry)
  call('XACK', LANE .. lane, GROUP, entry)
  call('XDEL', LANE .. lane, entry)
end

-- Returns the fields of an entry, or false. Who deleted it has acknowledged it too, but for an
-- operator's XDEL: such a row is dropped.
local function read(lane, entry)
  local found = call('XRANGE', LANE .. lane, entry, entry)[1]
  if not found then
    call('XACK', LANE .. lane, GROUP, entry)
    return false
  end
  return found[2]
end

-- Returns rows of leased entries: id, consumer, idle ms, deliveries. None without a group; any other
-- trouble, a right that is missing, ends the script: it must not look as if nothing were leased.
local function rows_of(lane, ...)
  local rows = redis.pcall('XPENDING', LANE .. lane, GROUP, ...)
  if rows.err and not string.find(rows.err, 'NOGROUP', 1, true) then
    error(rows.err)
  end
  return rows.err and {} or rows
end

local function row_of(lane, entry)
  return rows_of(lane, entry, entry, 1)[1]
end

local function expired(fields)
  local moment = #fields > 4 and tonumber(field(fields, 'e') or nil)
  return moment and moment <= now
end

-- Ends a job that may not start, and tells whether it did so.
local function ends(lane, entry, fields)
  local state = cancelled(fields[2]) and 'cancelled' or expired(fields) and 'expired'
  if not state then
    return false
  end
  remove(lane, entry)
  over_as(fields, state)
  return true
end
