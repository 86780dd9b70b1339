-- Decides one batch of checks on counters in this server. `now` (µs of one clock) is set by the line in front.
--
-- KEYS     the counters of all limits, in order: `w` and key for a sliding window in a ring, `z` and key for one in a
--          sorted set, `a` and key for one by sub-windows, `b` and key for a token bucket
-- ARGV[1]  packed doubles: for each check its cost (negative: a refund) and number of limits, for each limit its
--          units (negative: it is a shadow) and window (µs)
-- returns  packed: `now`, then for each check allowed, binding, bits of the shadow limits that have no room, remaining,
--          error (units), reset (µs), retry-after (µs)
--
-- The model is domain/limits.py, function for function. A counter is read once per batch, decided on in memory,
-- and written once at the end, so the checks of a hot key cost little more than one.

local spread = unpack
local unpack, pack, call = struct.unpack, struct.pack, redis.call
local floor, ceil, max, min, sub = math.floor, math.ceil, math.max, math.min, string.sub

-- A kind is laid out when the first counter of it comes, anew in each call: all four of them take 6 µs more than one.
local layouts, kinds = {}, {}

local function kind_of(letter)
  local kind = kinds[letter]
  if not kind then
    kind = layouts[letter]()
    kinds[letter] = kind
  end
  return kind
end

-- How many units are left of a limit; the same for all windows.
local function remaining(c, limit)
  return max(0, limit - c.count)
end

-- How many units are counted that may have left the window.
local function exact()
  return 0
end

-- sliding window in a ring -----------------------------------------------------------------------------------

-- A window is a ring of the admitted units' times, 8 bytes each, behind a head: slots, first used slot, used
-- slots, skew of the counter's clock, time until which Redis keeps the key, oldest and newest used time. Most
-- decisions need the head alone.
local HEAD, SLOT, FORM = 44, 8, '<I4I4I4dddd'
local SMALLEST = 8
-- Slots read at once where the head is not enough: what has left the window since the last request, as a rule.
local CHUNK = 32

function layouts.w()
  local window = {remaining = remaining, error = exact}

  -- The time of a ring's stored unit by age.
  local function slot(c, index)
    local at = (c.first + index) % c.slots
    if not c.chunk or at < c.chunk_from or at >= c.chunk_to then
      c.chunk_from, c.chunk_to = at, min(at + CHUNK, c.slots)
      c.chunk = call('GETRANGE', c.key, HEAD + SLOT * at, HEAD + SLOT * c.chunk_to - 1)
    end
    return (unpack('<d', c.chunk, SLOT * (at - c.chunk_from) + 1))
  end

  -- The time of a unit by age, 0 for the oldest that is stored; units of this batch come last, all at c.time.
  local function unit(c, index)
    if index >= c.used then
      return c.time
    elseif index == 0 then
      return c.oldest
    end
    return c.stored_unit(c, index)
  end

  function window.load(key)
    local data = call('GETRANGE', key, 0, HEAD - 1)
    if data == '' then
      return {key = key, stored_unit = slot, slots = 0, first = 0, used = 0, skew = 0, kept = 0, gone = 0, added = 0,
              time = now}
    end
    local slots, first, used, skew, kept, oldest, newest = unpack(FORM, data)
    local c = {key = key, stored_unit = slot, slots = slots, first = first, used = used, skew = skew, kept = kept,
               oldest = oldest, gone = 0, added = 0}
    if newest > now + skew then
      c.skew = newest - now
      c.stepped = true
    end
    c.time = now + c.skew
    return c
  end

  function window.age(c, limit, width)
    local bound = c.time - width
    local dead, live, step = c.gone, c.used, 1
    while dead < live do
      local probe = min(dead + step, live) - 1
      if unit(c, probe) > bound then
        live = probe
        break
      end
      dead, step = probe + 1, step * 2
    end
    while dead < live do
      local middle = floor((dead + live) / 2)
      if unit(c, middle) > bound then
        live = middle
      else
        dead = middle + 1
      end
    end
    c.live = live
    c.count = c.used + c.added - live
  end

  -- Positive, but no time that means anything, for a cost above the limit: only a shadow's can be.
  function window.wait(c, cost, limit, width)
    local excess = c.count + cost - limit
    if excess <= 0 then
      return 0
    end
    return unit(c, c.live + excess - 1) + width - c.time
  end

  function window.add(c, cost, limit, width)
    c.gone = c.live
    c.added = c.added + cost
    c.count = c.count + cost
    c.limit, c.width = limit, width
  end

  function window.refund(c, cost)
    local taken = min(cost, c.count)
    if taken > 0 then
      local unstored = min(taken, c.added)
      c.gone = c.live
      c.added = c.added - unstored
      c.used = c.used - (taken - unstored)
      c.count = c.count - taken
      c.refunded = true
    end
  end

  function window.reset(c, limit, width)
    if c.count == 0 then
      return 0
    end
    return unit(c, c.live + max(0, c.count - limit)) + width - c.time
  end

  local function span(c, from, count)
    return call('GETRANGE', c.key, HEAD + SLOT * from, HEAD + SLOT * (from + count) - 1)
  end

  -- The stored units that stay, oldest first, as they are in the ring.
  local function kept_units(c)
    local count = c.used - c.gone
    if count == 0 then
      return ''
    end
    local from = (c.first + c.gone) % c.slots
    local straight = min(count, c.slots - from)
    local units = span(c, from, straight)
    if straight < count then
      units = units .. span(c, 0, count - straight)
    end
    return units
  end

  -- How long Redis keeps the key: a quarter longer than needed, so that not every unit has to prolong it.
  local function keep_millis(c)
    return ceil(c.width * 1.25 / 1000) + 1
  end

  local function rewrite(c, count, units)
    local slots = max(count, min(max(SMALLEST, 2 * c.slots), c.limit))
    local keep = keep_millis(c)
    local head = pack(FORM, slots, 0, count, c.skew, now + keep * 1000, unit(c, c.gone), c.time)
    call('SET', c.key, head .. kept_units(c) .. units, 'PX', keep)
  end

  local function append(c, count, units)
    local at = (c.first + c.used) % c.slots
    local straight = min(c.added, c.slots - at)
    call('SETRANGE', c.key, HEAD + SLOT * at, sub(units, 1, SLOT * straight))
    if straight < c.added then
      call('SETRANGE', c.key, HEAD, sub(units, SLOT * straight + 1))
    end
    if c.kept < now + c.width then
      local keep = keep_millis(c)
      c.kept = now + keep * 1000
      call('PEXPIRE', c.key, keep)
    end
    local first = (c.first + c.gone) % c.slots
    call('SETRANGE', c.key, 0, pack(FORM, c.slots, first, count, c.skew, c.kept, unit(c, c.gone), c.time))
  end

  function window.store(c)
    if c.added > 0 then
      local count = c.used - c.gone + c.added
      local units = string.rep(pack('<d', c.time), c.added)
      if count > c.slots then
        rewrite(c, count, units)
      else
        append(c, count, units)
      end
    elseif c.refunded and c.used == c.gone then
      call('DEL', c.key)
    elseif c.refunded then
      local first = (c.first + c.gone) % c.slots
      local head = pack(FORM, c.slots, first, c.used - c.gone, c.skew, c.kept, unit(c, c.gone), unit(c, c.used - 1))
      call('SETRANGE', c.key, 0, head)
    elseif c.stepped then
      call('SETRANGE', c.key, 12, pack('<d', c.skew))
    end
  end

  return window
end

-- sliding window in a sorted set ------------------------------------------------------------------------------

-- One member for each admitted unit: its time is the score; time and a number, big-endian so that they sort by it, make
-- it unique among those of the same microsecond.
local MEMBER = '>dI4'
-- Arguments of one ZADD: Lua's stack holds some thousands.
local PIECE = 1000

function layouts.z()
  local window = kind_of('w')
  local zset = {age = window.age, wait = window.wait, add = window.add, refund = window.refund,
                remaining = remaining, reset = window.reset, error = exact}

  local function score(key, rank)
    return tonumber(call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
  end

  -- The time of a set's stored unit by age.
  local function ranked(c, index)
    if not c.chunk or index < c.chunk_from or index >= c.chunk_to then
      c.chunk_from, c.chunk_to = index, index + CHUNK
      c.chunk = call('ZRANGE', c.key, index, index + CHUNK - 1, 'WITHSCORES')
    end
    return tonumber(c.chunk[2 * (index - c.chunk_from) + 2])
  end

  -- Adds `count` members of which `member` gives score and name by number.
  local function add_members(key, count, member)
    local from = 1
    while from <= count do
      local piece = {}
      for i = from, min(from + PIECE / 2, count + 1) - 1 do
        piece[#piece + 1], piece[#piece + 2] = member(i)
      end
      call('ZADD', key, spread(piece))
      from = from + PIECE / 2
    end
  end

  -- Sets the units' times back when the clock has: the counter's own clock goes on from where it was.
  local function set_back(key, by)
    local keep, units = max(1, call('PTTL', key)), call('ZRANGE', key, 0, -1, 'WITHSCORES')
    call('DEL', key)
    add_members(key, #units / 2, function(i)
      local time, number = unpack(MEMBER, units[2 * i - 1])
      return time - by, pack(MEMBER, time - by, number)
    end)
    call('PEXPIRE', key, keep)
  end

  function zset.load(key)
    local used = call('ZCARD', key)
    local c = {key = key, stored_unit = ranked, used = used, stored = used, gone = 0, added = 0, time = now}
    if used > 0 then
      local ahead = score(key, -1) - now
      if ahead > 0 then
        set_back(key, ahead)
      end
      c.oldest = score(key, 0)
    end
    return c
  end

  function zset.store(c)
    if c.used < c.stored then
      call('ZREMRANGEBYRANK', c.key, c.used, c.stored - 1)
    end
    if c.gone > 0 then
      call('ZREMRANGEBYRANK', c.key, 0, c.gone - 1)
    end
    if c.added > 0 then
      local number = call('ZCOUNT', c.key, c.time, c.time) - 1
      add_members(c.key, c.added, function(i)
        return c.time, pack(MEMBER, c.time, number + i)
      end)
      call('PEXPIRE', c.key, ceil(c.width / 1000) + 1)
    end
  end

  return zset
end

-- sliding window by sub-windows ------------------------------------------------------------------------------

-- Runs of units behind a head of skew and sum of all units; each is the times of its first and last unit and their
-- number, oldest first. The newest is apart from the others in memory, as it takes in more.
local SUB_WINDOWS, SUMS, RUN, RUN_FORM = 60, 16, 20, '<ddI4'

function layouts.a()
  local runs = {remaining = remaining}

  local function run_count(c)
    return c.closed + (c.newest and 1 or 0)
  end

  -- First time, last time and units of a run by age, 0 for the oldest that is stored.
  local function run_of(c, index)
    if index == c.closed then
      return c.newest.first, c.newest.last, c.newest.units
    end
    return unpack(RUN_FORM, c.runs, RUN * index + 1)
  end

  -- Makes the last of the other runs the newest one, if there is one that has not left.
  local function reopen(c)
    c.newest = nil
    if c.closed > c.gone then
      c.closed = c.closed - 1
      local first, last, units = unpack(RUN_FORM, c.runs, RUN * c.closed + 1)
      c.newest = {first = first, last = last, units = units}
      c.runs = sub(c.runs, 1, RUN * c.closed)
    end
  end

  function runs.load(key)
    local data = call('GET', key)
    local c = {key = key, runs = '', closed = 0, gone = 0, total = 0, skew = 0, time = now}
    if data then
      c.skew, c.total = unpack('<dd', data)
      c.runs = sub(data, SUMS + 1)
      c.closed = #c.runs / RUN
      reopen(c)
      if c.newest.last > now + c.skew then
        c.skew = c.newest.last - now
        c.stepped = true
      end
      c.time = now + c.skew
    end
    return c
  end

  function runs.age(c, limit, width)
    local bound, live, count = c.time - width, c.gone, c.total
    while live < run_count(c) do
      local _, last, units = run_of(c, live)
      if last > bound then
        break
      end
      live, count = live + 1, count - units
    end
    c.live, c.count = live, count
  end

  -- The time until so many units have left.
  local function leave(c, units, width)
    for index = c.live, run_count(c) - 1 do
      local _, last, own = run_of(c, index)
      units = units - own
      if units <= 0 then
        return last + width - c.time
      end
    end
    return width
  end

  function runs.wait(c, cost, limit, width)
    local excess = c.count + cost - limit
    if excess <= 0 then
      return 0
    end
    return leave(c, excess, width)
  end

  function runs.add(c, cost, limit, width)
    local newest = c.live < run_count(c) and c.newest
    if newest and (c.time - newest.first) * SUB_WINDOWS < width then
      newest.last, newest.units = c.time, newest.units + cost
    else
      if c.newest then
        c.runs = c.runs .. pack(RUN_FORM, c.newest.first, c.newest.last, c.newest.units)
        c.closed = c.closed + 1
      end
      c.newest = {first = c.time, last = c.time, units = cost}
    end
    c.gone = c.live
    c.count = c.count + cost
    c.total, c.width, c.changed = c.count, width, true
  end

  function runs.refund(c, cost)
    local left = min(cost, c.count)
    if left > 0 then
      c.gone = c.live
      c.count = c.count - left
      c.total, c.changed = c.count, true
      while left >= c.newest.units do
        left = left - c.newest.units
        reopen(c)
        if not c.newest then
          return
        end
      end
      c.newest.units = c.newest.units - left
    end
  end

  function runs.reset(c, limit, width)
    if c.count == 0 then
      return 0
    end
    return leave(c, max(0, c.count - limit) + 1, width)
  end

  function runs.error(c, limit, width)
    if c.live < run_count(c) then
      local first, _, units = run_of(c, c.live)
      if first <= c.time - width then
        return units
      end
    end
    return 0
  end

  function runs.store(c)
    if c.changed and not c.newest then
      call('DEL', c.key)
    elseif c.changed then
      local newest = pack(RUN_FORM, c.newest.first, c.newest.last, c.newest.units)
      local data = pack('<dd', c.skew, c.total) .. sub(c.runs, RUN * c.gone + 1) .. newest
      if c.width then
        call('SET', c.key, data, 'PX', ceil(c.width / 1000) + 1)
      else
        call('SET', c.key, data, 'KEEPTTL')
      end
    elseif c.stepped then
      call('SETRANGE', c.key, 0, pack('<d', c.skew))
    end
  end

  return runs
end

-- token bucket -----------------------------------------------------------------------------------------------

function layouts.b()
  local bucket = {error = exact}

  function bucket.load(key)
    local c = {key = key, at = 0, debt = 0, width = 0}
    local data = call('GET', key)
    if data then
      c.at, c.debt, c.width = unpack('<ddd', data)
      if c.at > now then
        c.at = now
        c.changed = true
      end
    end
    return c
  end

  -- Sets c.owed, the debt as it is now.
  function bucket.age(c, limit, width)
    local debt = c.debt
    if debt > 0 and c.width ~= width then
      debt = ceil(debt / c.width) * width
    end
    c.owed = max(0, debt - (now - c.at) * limit)
  end

  function bucket.wait(c, cost, limit, width)
    local excess = c.owed + (cost - limit) * width
    if excess <= 0 then
      return 0
    end
    return ceil(excess / limit)
  end

  function bucket.add(c, cost, limit, width)
    c.owed = max(0, c.owed + cost * width)
    c.at, c.debt, c.width, c.limit, c.changed = now, c.owed, width, limit, true
  end

  function bucket.refund(c, cost, limit, width)
    bucket.add(c, -cost, limit, width)
  end

  function bucket.remaining(c, limit, width)
    return max(0, limit - ceil(c.owed / width))
  end

  function bucket.reset(c, limit, width)
    if c.owed == 0 then
      return 0
    end
    local excess = c.owed - (limit - bucket.remaining(c, limit, width) - 1) * width
    return ceil(excess / limit)
  end

  function bucket.store(c)
    if not c.changed then
      return
    end
    local data = pack('<ddd', c.at, c.debt, c.width)
    if c.limit and c.debt == 0 then
      call('DEL', c.key)
    elseif c.limit then
      call('SET', c.key, data, 'PX', ceil(c.debt / c.limit / 1000) + 1)
    else
      call('SET', c.key, data, 'KEEPTTL')
    end
  end

  return bucket
end

-- batch ------------------------------------------------------------------------------------------------------

local counters, touched = {}, {}

local function counter(key)
  local c = counters[key]
  if not c then
    local kind = kind_of(sub(key, 1, 1))
    c = kind.load(key)
    c.kind = kind
    counters[key] = c
    touched[#touched + 1] = c
  end
  return c
end

local input, position, next_key = ARGV[1], 1, 1
local checked, limits, widths, shadow, room = {}, {}, {}, {}, {}

local function decide()
  local cost, count
  cost, count, position = unpack('<dd', input, position)
  local back = max(0, -cost)
  cost = max(0, cost)
  local wait, binding, enforced, missed = 0, 1, false, 0
  for i = 1, count do
    local c = counter(KEYS[next_key])
    next_key = next_key + 1
    local limit, width
    limit, width, position = unpack('<dd', input, position)
    shadow[i] = limit < 0
    limit = math.abs(limit)
    checked[i], limits[i], widths[i] = c, limit, width
    c.kind.age(c, limit, width)
    if back > 0 then
      c.kind.refund(c, back, limit, width)
    end
    local own = c.kind.wait(c, cost, limit, width)
    room[i] = own == 0
    if not shadow[i] then
      enforced = true
      if own > wait then
        wait, binding = own, i
      end
    elseif own > 0 then
      missed = missed + 2 ^ (i - 1)
    end
  end
  local remaining
  if wait == 0 then
    for i = 1, count do
      local c = checked[i]
      if cost > 0 and room[i] then
        c.kind.add(c, cost, limits[i], widths[i])
      end
      if not (enforced and shadow[i]) then
        local own = c.kind.remaining(c, limits[i], widths[i])
        if not remaining or own < remaining then
          remaining, binding = own, i
        end
      end
    end
  else
    remaining = checked[binding].kind.remaining(checked[binding], limits[binding], widths[binding])
  end
  local c = checked[binding]
  local reset = c.kind.reset(c, limits[binding], widths[binding])
  local error = c.kind.error(c, limits[binding], widths[binding])
  return pack('<BBBI4I4dd', wait == 0 and 1 or 0, binding - 1, missed, remaining, error, reset, wait)
end

local answers = {pack('<d', now)}
while position <= #input do
  answers[#answers + 1] = decide()
end
for _, c in ipairs(touched) do
  c.kind.store(c)
end
return table.concat(answers)
