-- Where jobs wait, and which of them are to be cancelled.

-- The index: where a job waits. In many small hashes, because the server packs those tightly. The
-- tail of an id is in the name of its hash, the rest is its field.
local function index_of(id)
  return INDEX .. string.sub(id, -4), string.sub(id, 1, -5)
end

local function indexed(verb, id, ...)
  local hash, field = index_of(id)
  return call(verb, hash, field, ...)
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

local is_marked

-- Tells whether any job at all is to be cancelled.
local function any_cancelled()
  if is_marked == nil then
    is_marked = call('EXISTS', CANCELS) == 1
  end
  return is_marked
end

-- Tells whether somebody asked to cancel a job.
local function cancelled(id)
  return any_cancelled() and call('ZSCORE', CANCELS, id)
end
