-- Takes jobs back. ARGV: ids, ms for which an untracked id stays marked.
-- Returns: for each 0 not found, 1 removed, 2 signalled.
local function cancel_delayed(id)
  local _, fields = unpostpone(id)
  if not fields then
    return 0
  end
  over_as(fields, 'cancelled')
  return 1
end

local function cancel_entry(id, lane, entry)
  local row = row_of(lane, entry)
  if row and row[3] <= lease then
    call('ZADD', CANCELS, '+inf', id)
    is_marked = true
    return 2
  end
  local fields = read(lane, entry)
  if not fields then
    return 0
  end
  remove(lane, entry)
  over_as(fields, 'cancelled')
  return 1
end

-- Without an index nobody knows where it is: it is marked, and ended when it is claimed.
local function cancel_unseen(id)
  if call('HEXISTS', BODIES, id) == 1 then
    return cancel_delayed(id)
  end
  if call('EXISTS', RESULT .. id) == 1 or call('HEXISTS', LETTERS, id) == 1 then
    return 0
  end
  call('ZADD', CANCELS, now + ARGV[2], id)
  is_marked = true
  return 2
end

local function cancel(id)
  if not tracked then
    return cancel_unseen(id)
  end
  local place = indexed('HGET', id)
  if not place then
    return 0
  elseif place == 'z' then
    return cancel_delayed(id)
  end
  return cancel_entry(id, entry_at(place))
end

local answers = {}
for number, id in ipairs(cmsgpack.unpack(ARGV[1])) do
  answers[number] = cancel(id)
end
return answers
