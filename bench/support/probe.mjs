// Preloaded into the proxy: tells what is left after a collection of garbage, or how late the event loop was.
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Each look costs as much as a small call, so they are rare beside what is measured. */
const RESOLUTION_MS = 20
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

process.on('message', (question) => {
  if (question === 'watch') {
    delays.enable()
    delays.reset()
  } else if (question === 'delays') {
    // The histogram holds the whole time between two looks.
    process.send({
      p99Ms: delays.percentile(99) / 1e6 - RESOLUTION_MS,
      maxMs: delays.max / 1e6 - RESOLUTION_MS,
    })
    delays.disable()
  } else {
    globalThis.gc()
    globalThis.gc()
    process.send(process.memoryUsage())
  }
})
process.channel.unref()
