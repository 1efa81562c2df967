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

# Puts each trace after ARGV[1], the seconds that it is kept, at its start into all its indexes. The
# start is that of the whole trace: a service's or a failed span's own would order the trace
# differently in each index.
INDEX_TRACES = """
for i = 2, #ARGV do
  local trace = ARGV[i]
  local start = redis.call('ZSCORE', 'traces', trace)
  for _, index in ipairs(redis.call('SMEMBERS', 'indexes:' .. trace)) do
    redis.call('ZADD', index, start, trace)
  end
  redis.call('EXPIRE', 'indexes:' .. trace, ARGV[1])
  redis.call('EXPIRE', 'spans:' .. trace, ARGV[1])
end
"""

# Adds log records, of which each is five arguments after the seconds that they are kept and the
# time of their arrival. Commands of their own would cost the receiver more than all else.
ADD_LOGS = """
local ttl, arrival = ARGV[1], ARGV[2]
local indexes = {}
for i = 3, #ARGV, 5 do
  local id, record, time, trace, service = unpack(ARGV, i, i + 4)
  redis.call('SET', 'log:' .. id, record, 'EX', ttl)
  redis.call('ZADD', 'logs:arrivals', arrival, id .. ' ' .. trace .. ' ' .. service)
  redis.call('ZADD', 'logs', time, id)
  redis.call('ZADD', 'logs:service:' .. service, time, id)
  indexes['logs:service:' .. service] = true
  if trace ~= '' then
    redis.call('ZADD', 'logs:trace:' .. trace, time, id)
    indexes['logs:trace:' .. trace] = true
  end
end
for index in pairs(indexes) do
  redis.call('EXPIRE', index, ttl)
end
redis.call('EXPIRE', 'logs', ttl)
redis.call('EXPIRE', 'logs:arrivals', ttl)
"""

# Adds points to series, after the seconds that they are kept and the most points of a series. Each
# series is its id, its labels, the time before which points go, and then a number of points and
# as many pairs of a time and a point.
ADD_POINTS = """
local ttl, most = ARGV[1], ARGV[2]
local i = 3
while i <= #ARGV do
  local key = 'points:' .. ARGV[i]
  redis.call('SET', 'series:' .. ARGV[i], ARGV[i + 1], 'EX', ttl)
  local oldest, last = ARGV[i + 2], i + 3 + 2 * ARGV[i + 3]
  for j = i + 4, last, 2 do
    redis.call('ZADD', key, ARGV[j], ARGV[j + 1])
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. oldest)
  redis.call('ZREMRANGEBYRANK', key, 0, -most - 1)
  redis.call('EXPIRE', key, ttl)
  i = last + 1
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
