-- Dead letters.

-- Returns a dead letter; what is none is the body of one.
local function letter_in(id, packed)
  local fine, letter = pcall(cmsgpack.unpack, packed)
  if fine and type(letter) == 'table' and is_lane(letter[1]) and is_job(letter[2], id) then
    local types = ''
    for n = 3, 7 do
      types = types .. string.sub(type(letter[n]), 1, 1)
    end
    if types == 'snnsn' then
      return letter
    end
  end
  return { 0, { 'i', id, 'b', packed }, '', 0, 0, 'not a dead letter', now }
end

-- Keeps a dead letter behind all others, whatever lies where they are counted.
local function bury(id, letter)
  local number = redis.pcall('HINCRBY', HOUSE, 'letters', 1)
  if type(number) ~= 'number' then
    number = number_in(call('ZRANGE', GRAVES, -1, -1, 'WITHSCORES')[2]) + 1
    redis.pcall('HSET', HOUSE, 'letters', number)
  end
  call('ZADD', GRAVES, number, id)
  call('HSET', LETTERS, id, cmsgpack.pack(letter))
end
