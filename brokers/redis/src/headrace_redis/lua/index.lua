-- Where jobs wait.

-- The index: where a job waits. In many small hashes, because the server packs those tightly. The
-- tail of an id is in the name of its hash, the rest is its field.
local function index_of(id)
  return INDEX .. string.sub(id, -4), string.sub(id, 1, -5)
end

local function indexed(verb, id, ...)
  local hash, rest = index_of(id)
  return call(verb, hash, rest, ...)
end

local function track(id, place)
  if tracked then
    indexed('HSET', id, place)
  end
end

-- Returns the lane and the entry that a place in the index names; one that is never there for what
-- names none.
local function entry_at(place)
  local lane, moment, number = string.match(place, '^(%d+):(%d+)%-(%d+)$')
  if not lane or #lane > 2 or #moment > 19 or #number > 19 then
    return '0', '0-0'
  end
  return lane, moment .. '-' .. number
end
