//! What Redis does in one step.
//!
//! The ground of a cache is one hash: its epoch, the count of its changes, the last event that was heard, and for each mark
//! the count at which it last changed. All goes with the hash when it is lost, and an epoch never comes again: it names the
//! run of the server that it belongs to, so that neither a restart from a snapshot nor another server brings back what was
//! true once.

use redis::Script;

/// `epoch`: that of the ground, if it is of this server's run; else false.
const EPOCH: &str = "
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and string.sub(epoch, 1, #run) ~= run then epoch = false end
";

/// `is_unchanged`: whether none of `marks` has changed since `count`.
const IS_UNCHANGED: &str = "
local function is_unchanged(marks, count)
  if #marks == 0 then return true end
  for _, at in ipairs(redis.call('HMGET', KEYS[1], unpack(marks))) do
    if at and tonumber(at) > tonumber(count) then return false end
  end
  return true
end
";

/// Keys: ground, entry. Gives epoch and count; body and marks too, if the entry is good; nothing without an epoch.
const FIND: &str = "
if not epoch then return {} end
local count = redis.call('HGET', KEYS[1], 'count')
local entry = redis.call('HMGET', KEYS[2], 'epoch', 'count', 'marks', 'body')
if entry[1] == epoch and is_unchanged(cjson.decode(entry[3]), entry[2]) then
  return {epoch, count, entry[4], entry[3]}
end
return {epoch, count}
";

/// Keys: ground, entry. Arguments: epoch and count before the loading, marks, body, milliseconds to live.
const KEEP: &str = "
if epoch ~= ARGV[1] or not is_unchanged(cjson.decode(ARGV[3]), ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'count', ARGV[2], 'marks', ARGV[3], 'body', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
";

/// Keys: ground, listeners. Arguments: channel, who tells, number of the message, marks with commas between them. Gives
/// each listener, and for how many milliseconds it relies on being told.
const TELL: &str = "
local count = 0
if epoch then
  count = redis.call('HINCRBY', KEYS[1], 'count', 1)
  for mark in string.gmatch(ARGV[4], '%d+') do redis.call('HSET', KEYS[1], mark, count) end
end
redis.call('PUBLISH', ARGV[1], table.concat({'change', epoch or '-', count, ARGV[2], ARGV[3], ARGV[4]}, ' '))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local listeners = {}
for i, value in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now, '+inf', 'WITHSCORES')) do
  listeners[i] = i % 2 == 0 and tostring(value - now) or value
end
return listeners
";

/// Keys: ground. Arguments: channel, who tells, then for each event its sequence and its marks. Gives whether all of them
/// are heard now, `missed` when one before them is not, nothing without an epoch.
const HEAR: &str = "
if not epoch then return false end
local heard = tonumber(redis.call('HGET', KEYS[1], 'heard'))
local count = tonumber(redis.call('HGET', KEYS[1], 'count'))
local told, outcome = {}, 'heard'
for i = 3, #ARGV, 2 do
  local sequence = tonumber(ARGV[i])
  if sequence > heard + 1 then outcome = 'missed' break end
  if sequence == heard + 1 then
    heard, count = sequence, count + 1
    for mark in string.gmatch(ARGV[i + 1], '%d+') do redis.call('HSET', KEYS[1], mark, count) end
    told[#told + 1] = ARGV[i + 1]
  end
end
if #told > 0 then
  redis.call('HSET', KEYS[1], 'heard', heard, 'count', count)
  redis.call('PUBLISH', ARGV[1], table.concat({'change', epoch, count, ARGV[2], 0, table.concat(told, ',')}, ' '))
end
return outcome
";

/// Keys: ground. Gives epoch, count and the last event heard; nothing without an epoch.
const LOOK: &str = "
if not epoch then return {} end
return redis.call('HMGET', KEYS[1], 'epoch', 'count', 'heard')
";

/// Keys: ground. Arguments: channel, who tells, a text that never comes again, the last event that need not be heard,
/// whether an epoch that there is ends.
const OPEN: &str = "
if epoch and ARGV[5] == '0' then return 0 end
epoch = run .. '-' .. ARGV[3]
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', epoch, 'count', 0, 'heard', ARGV[4])
redis.call('PUBLISH', ARGV[1], table.concat({'change', epoch, 0, ARGV[2], 0, ''}, ' '))
return 1
";

/// Keys: ground, listeners. Arguments: channel, who listens, number of the message, milliseconds for which it will rely on
/// being told.
const LISTEN: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 1)
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[2])
local count = epoch and redis.call('HGET', KEYS[1], 'count') or 0
redis.call('PUBLISH', ARGV[1], table.concat({'listen', epoch or '-', count, ARGV[2], ARGV[3], ''}, ' '))
return 1
";

pub(super) struct Scripts {
    pub find: Script,
    pub keep: Script,
    pub tell: Script,
    pub hear: Script,
    pub look: Script,
    pub open: Script,
    pub listen: Script,
}

impl Scripts {
    pub fn new() -> Self {
        let script = |text: &str| Script::new(&format!("{EPOCH}{text}"));
        Self {
            find: script(&format!("{IS_UNCHANGED}{FIND}")),
            keep: script(&format!("{IS_UNCHANGED}{KEEP}")),
            tell: script(TELL),
            hear: script(HEAR),
            look: script(LOOK),
            open: script(OPEN),
            listen: script(LISTEN),
        }
    }
}
