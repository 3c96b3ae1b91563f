import { dayOf, monthOf } from '../../../src/callers/windows.ts'

// A process of its own, because the zone of a process is set when the process starts. The arguments are moments.
const moments = process.argv.slice(2).map((text) => Date.parse(text))
const iso = (at: number) => new Date(at).toISOString()
const windows = moments.map((at) => {
  const [day, month] = [dayOf(at), monthOf(at)]
  return { day: [day.id, iso(day.endsAt)], month: [month.id, iso(month.endsAt)] }
})
process.stdout.write(JSON.stringify(windows))
