print(_VERSION, #arg, arg[1], arg[2])
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print("fib", fib(24))
local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words)
print(table.concat(words, ","))
local produce = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i * i) end end)
print(produce(), produce(), produce())
local name = os.tmpname()
local file = assert(io.open(name, "w"))
for i = 1, 10000 do file:write(i, "\n") end
file:close()
local sum = 0
for line in io.lines(name) do sum = sum + tonumber(line) end
print("sum", sum)
print("removed", os.remove(name), io.open(name) == nil, select(3, io.open(name)))
print("pcall", pcall(error, { code = 1 }) == false, select("#", pcall(error)))
print(string.format("%5.2f|%-5s|%q|%x", math.pi, "ab", 'a "quote"', 255))
print(utf8.len("äöü"), string.pack("<i4", 258):byte(1, -1))
local big = {}
for i = 1, 200000 do big[i] = { i } end
big = nil
collectgarbage()
print("after collection", collectgarbage("count") < 5000)
print(os.getenv("HOME"), os.date("!%Y-%m-%d", 86400))
