-- Jobs as they are kept outside of lanes. What somebody else has written where jobs are kept stops nobody.
local function is_lane(lane)
  return type(lane) == 'number' and lane >= 0 and lane < lanes and lane % 1 == 0
end

local function is_job(fields, id)
  if type(fields) ~= 'table' or #fields < 4 or #fields > 32 or #fields % 2 == 1 then
    return false
  end
  for _, value in ipairs(fields) do
    if type(value) ~= 'string' and type(value) ~= 'number' then
      return false
    end
  end
  return fields[1] == 'i' and fields[2] == id and fields[3] == 'b' and type(fields[4]) == 'string'
end

-- Returns the lane and the fields of a delayed job; what is none is the body of one that no task
-- can read, and goes to the dead letters with it.
local function job_in(id, packed)
  local fine, job = pcall(cmsgpack.unpack, packed)
  if fine and type(job) == 'table' and is_lane(job[1]) and is_job(job[2], id) then
    return job[1], job[2]
  end
  return 0, { 'i', id, 'b', packed }
end
