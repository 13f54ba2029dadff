-- Pauses or resumes. ARGV: 1 or 0. Returns: whether that changed anything.
if paused == (ARGV[1] == '1') then
  return 0
end
call('HSET', CONFIG, 'paused', ARGV[1])
return 1
