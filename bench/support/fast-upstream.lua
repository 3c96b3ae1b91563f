-- Writes the lines of a stream one by one. @LINES@ is filled in by servers.ts.
local lines = { @LINES@ }

core.register_service("stream", "http", function(applet)
  applet:set_status(200)
  applet:add_header("content-type", "application/x-ndjson")
  applet:add_header("transfer-encoding", "chunked")
  applet:start_response()
  for _, line in ipairs(lines) do
    -- The shortest time for which HAProxy sleeps: two milliseconds in practice.
    core.msleep(1)
    applet:send(line)
  end
end)
