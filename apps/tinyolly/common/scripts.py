"""Lua scripts: what has to read and write in one step, so that no index is ever half right."""

# Sets `expired` to the members that leave the set of arrivals KEYS[1]: those that came before
# ARGV[1], and the oldest of those above the number ARGV[2].
_EXPIRE = """
local expired = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[1], 'BYSCORE')
local excess = redis.call('ZCARD', KEYS[1]) - ARGV[2]
if #expired < excess then
  expired = redis.call('ZRANGE', KEYS[1], 0, excess - 1)
end
if #expired == 0 then
  return
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #expired - 1)
"""

# Puts each trace of ARGV at its start into all its indexes. The start is that of the whole trace:
# a service's or a failed span's own would order the trace differently in each index.
INDEX_TRACES = """
for _, trace in ipairs(ARGV) do
  local start = redis.call('ZSCORE', 'traces', trace)
  for _, index in ipairs(redis.call('SMEMBERS', 'indexes:' .. trace)) do
    redis.call('ZADD', index, start, trace)
  end
end
"""

TRIM_SPANS = (
    _EXPIRE
    + """
local traces, services = {}, {}
for _, member in ipairs(expired) do
  local trace, span, service = member:match('^(%x+) (%x+) (.*)$')
  traces[trace] = true
  services[service] = true
  redis.call('HDEL', 'spans:' .. trace, span)
  redis.call('ZREM', 'durations:' .. service, trace .. ' ' .. span)
  redis.call('ZREM', 'errors:' .. service, trace .. ' ' .. span)
end
for service in pairs(services) do
  if redis.call('EXISTS', 'durations:' .. service) == 0 then
    redis.call('ZREM', 'services', service)
    redis.call('DEL', 'traces:service:' .. service)
  end
end
for trace in pairs(traces) do
  if redis.call('EXISTS', 'spans:' .. trace) == 0 then
    for _, index in ipairs(redis.call('SMEMBERS', 'indexes:' .. trace)) do
      redis.call('ZREM', index, trace)
    end
    redis.call('ZREM', 'traces', trace)
    redis.call('DEL', 'indexes:' .. trace)
  end
end
"""
)

TRIM_LOGS = (
    _EXPIRE
    + """
for _, member in ipairs(expired) do
  local id, trace, service = member:match('^(%x+) (%x*) (.*)$')
  redis.call('DEL', 'log:' .. id)
  redis.call('ZREM', 'logs', id)
  redis.call('ZREM', 'logs:trace:' .. trace, id)
  redis.call('ZREM', 'logs:service:' .. service, id)
end
"""
)
