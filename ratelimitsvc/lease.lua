-- Acquires, renews or releases one lease on slots in this server. `now` (µs of one clock) is set by the line in front.
--
-- KEYS     `c` and key for each limit
-- ARGV[1]  packed: operation, lease id (16 octets), then doubles: duration (µs) and, to acquire, the slots of each key
-- returns  packed: done, binding, free slots of the binding limit, retry-after (µs)
--
-- The model is domain/concurrency.py. A key's leases stand in one string behind a head: skew of the key's clock and
-- time of the last change; each lease is its expiry and id, soonest first.

local unpack, pack, call, sub = struct.unpack, struct.pack, redis.call, string.sub
local floor, ceil, max = math.floor, math.ceil, math.max
local HEAD, LEASE = 16, 24
local ACQUIRE, RENEW = 1, 2

local operation, id, duration, position = unpack('<Bc16d', ARGV[1])

local function expiry(k, index)
  return (unpack('<d', k.leases, LEASE * index + 1))
end

-- How many leases expire at `bound` or before.
local function until_bound(k, bound)
  local low, high = 0, #k.leases / LEASE
  while low < high do
    local middle = floor((low + high) / 2)
    if expiry(k, middle) > bound then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function load(key)
  local data = call('GET', key)
  if not data then
    return {key = key, leases = '', skew = 0, time = now}
  end
  local skew, latest = unpack('<dd', data)
  local k = {key = key, leases = sub(data, HEAD + 1), skew = skew}
  if latest > now + skew then
    k.skew = latest - now
    k.stepped = true
  end
  k.time = now + k.skew
  k.leases = sub(k.leases, LEASE * until_bound(k, k.time) + 1)
  return k
end

local function held(k)
  return #k.leases / LEASE
end

local function add(k)
  local at = k.time + duration
  local place = LEASE * until_bound(k, at)
  k.leases = sub(k.leases, 1, place) .. pack('<d', at) .. id .. sub(k.leases, place + 1)
end

-- Takes the lease out; whether it was there.
local function remove(k)
  local found = 0
  repeat
    found = string.find(k.leases, id, found + 1, true)
    if not found then
      return false
    end
  until (found - 1) % LEASE == 8
  k.leases = sub(k.leases, 1, found - 9) .. sub(k.leases, found + 16)
  return true
end

local function store(k)
  if k.leases == '' then
    call('DEL', k.key)
  else
    local keep = ceil((expiry(k, held(k) - 1) - k.time) / 1000) + 1
    call('SET', k.key, pack('<dd', k.skew, k.time) .. k.leases, 'PX', keep)
  end
  k.stepped = false
end

local keys = {}
for i, key in ipairs(KEYS) do
  keys[i] = load(key)
end

local done, wait, binding, remaining = true, 0, 1, 0
if operation == ACQUIRE then
  local slots = {}
  for i, k in ipairs(keys) do
    slots[i], position = unpack('<d', ARGV[1], position)
    local excess = held(k) + 1 - slots[i]
    local own = excess > 0 and expiry(k, excess - 1) - k.time or 0
    if own > wait then
      done, wait, binding = false, own, i
    end
  end
  if done then
    remaining = nil
    for i, k in ipairs(keys) do
      add(k)
      store(k)
      local own = max(0, slots[i] - held(k))
      if not remaining or own < remaining then
        remaining, binding = own, i
      end
    end
  end
elseif operation == RENEW then
  for _, k in ipairs(keys) do
    done = remove(k) and done
  end
  if done then
    for _, k in ipairs(keys) do
      add(k)
      store(k)
    end
  end
else
  for _, k in ipairs(keys) do
    if remove(k) then
      store(k)
    else
      done = false
    end
  end
end
for _, k in ipairs(keys) do
  if k.stepped then
    call('SETRANGE', k.key, 0, pack('<d', k.skew))
  end
end
return pack('<BBI4d', done and 1 or 0, binding - 1, remaining, wait)
