-- Reads dead letters. ARGV: the number behind which to begin, limit.
-- Returns: for each number, lane, fields, meta, attempt, deliveries, reason, ms since the epoch.
local letters = {}
local rows = call('ZRANGEBYSCORE', GRAVES, '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for n = 1, #rows, 2 do
  local packed = call('HGET', LETTERS, rows[n])
  if packed then
    letters[#letters + 1] = { rows[n + 1], unpack(letter_in(rows[n], packed), 1, 7) }
  end
end
return letters
