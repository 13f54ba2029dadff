-- Jobs that somebody asked to cancel.

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
