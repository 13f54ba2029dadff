-- The end of a job, and what goes with it.
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

-- Returns the unique key that a job holds until it is over, or false.
local function key_of(fields)
  return #fields > 4 and not field(fields, 'f') and field(fields, 'u')
end

-- What all channels of clients begin with.
local ours = string.match(HOUSE, '^[^:]*') .. ':over:'

local is_waited

-- Wakes those who wait for the end of a job.
local function tell(id)
  if is_waited == nil then
    is_waited = call('EXISTS', WAITERS) == 1
  end
  local channels = is_waited and call('HGET', WAITERS, id)
  if channels then
    call('HDEL', WAITERS, id)
    for channel in string.gmatch(channels, '%S+') do
      -- Somebody else may have written others there, which this user may not use.
      if string.sub(channel, 1, #ours) == ours then
        call('PUBLISH', channel, id)
      end
    end
  end
end

-- Forgets a job that is in no lane and not delayed any more.
local function forget(id, unique)
  if tracked then
    indexed('HDEL', id)
  end
  if unique and call('HGET', UNIQUE, unique) == id then
    call('HDEL', UNIQUE, unique)
  end
  if cancelled(id) then
    call('ZREM', CANCELS, id)
  end
  tell(id)
end

-- Makes a job final. Its state is kept for `keep` ms.
local function over(id, unique, keep, state, attempt, result)
  if keep > 0 then
    local value = state .. '|' .. attempt
    if result then
      value = value .. '|' .. result
    end
    call('SET', RESULT .. id, value, 'PX', keep)
  end
  forget(id, unique)
end

local function over_as(fields, state)
  over(fields[2], key_of(fields), ttl, state, field(fields, 'a') or '0')
end
