-- Sends dead letters back to their lanes. ARGV: ids. Returns how many went.
local function is_free(fields)
  local unique = #fields > 4 and field(fields, 'u')
  local holder = unique and (call('HGET', UNIQUE, unique) or call('GET', HELD .. unique))
  return not holder or holder == fields[2]
end

local function anew(fields)
  local copy = { 'i', fields[2], 'b', fields[4] }
  local unique, held_for = field(fields, 'u'), field(fields, 'f')
  if unique then
    copy[5], copy[6] = 'u', unique
    if held_for then
      copy[7], copy[8] = 'f', held_for
      call('SET', HELD .. unique, fields[2], 'PX', held_for)
    else
      call('HSET', UNIQUE, unique, fields[2])
    end
  end
  return copy
end

local count = 0
for _, id in ipairs(cmsgpack.unpack(ARGV[1])) do
  local packed = call('HGET', LETTERS, id)
  local letter = packed and letter_in(id, packed)
  if letter and is_free(letter[2]) then
    call('ZREM', GRAVES, id)
    call('HDEL', LETTERS, id)
    call('DEL', RESULT .. id)
    push(letter[1], anew(letter[2]))
    count = count + 1
  end
end
return count
