/** The simulator as a process of its own: slots, prompt tokens and output tokens a second. Prints its URL. */
import { createSimulator } from '../../src/simulator/simulator.ts'
import { MODEL } from './answers.ts'

const [slots, promptRate, outputRate] = process.argv.slice(2).map(Number)
if (slots === undefined || promptRate === undefined || outputRate === undefined) {
  throw new Error('usage: simulator.ts SLOTS PROMPT_RATE OUTPUT_RATE')
}
const simulator = createSimulator({
  numParallel: slots,
  promptTokensPerSecond: promptRate,
  outputTokensPerSecond: outputRate,
  slowdown: 0,
  loadMs: 0,
  keepAliveMs: Number.POSITIVE_INFINITY,
  models: [MODEL],
})
const { url } = await simulator.listen()
process.stdout.write(`${url}\n`)
