-- Posts one body again and again (the argument after --) and prints what wrk measured as a line of JSON.
function init(args)
  wrk.method = "POST"
  wrk.body = args[1]
  wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"cpu":%.6f,"status":%d,"socket":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), os.clock(),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
