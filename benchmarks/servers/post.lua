-- For wrk: posts the bodies that lie in a folder, in turn, and prints one line of JSON at the end.
local bodies, number = {}, 0

function init(arguments)
  local folder, count, kind = arguments[1], tonumber(arguments[2]), arguments[3]
  wrk.method = "POST"
  wrk.headers["Content-Type"] = kind
  for i = 0, count - 1 do
    local file = assert(io.open(folder .. "/" .. i, "rb"))
    bodies[#bodies + 1] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end

function request()
  number = number % #bodies + 1
  return bodies[number]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50": %.3f, "p95": %.3f, "p99": %.3f, ' ..
    '"refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
