import type { SharingResult } from './targets.ts'

const PANEL = { width: 250, height: 150, gap: 34, top: 52 }
const LEFT = 52
const POINTS = 90
/** Told apart by people who are colour-blind, too, in the order of Okabe and Ito. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7']
const GREY = '#666'

/**
 * A picture of the service that each caller has received over its weight, over time: a row for each workload that is
 * drawn, a panel for each contestant. The lines of callers that get their shares are one line. Equal figures give an
 * equal file.
 */
export function curvesOf(results: readonly SharingResult[]): string {
  const rows = results.filter(({ workload }) => workload.drawnMs !== undefined)
  const columns = Math.max(0, ...rows.map(({ by }) => by.size))
  const width = LEFT + columns * (PANEL.width + PANEL.gap)
  const rowHeight = PANEL.top + PANEL.height + PANEL.gap
  const lines = rows.flatMap((row, index) => rowOf(row, index * rowHeight))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${rows.length * rowHeight}" ` +
      'font-family="sans-serif" font-size="11">',
    '<title>Service over weight of each caller, over time</title>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...lines,
    '</svg>',
    '',
  ].join('\n')
}

function rowOf({ workload, by }: SharingResult, top: number): string[] {
  const { drawnMs = 0 } = workload
  const times = Array.from({ length: POINTS + 1 }, (_, index) => (index * drawnMs) / POINTS)
  const received = new Map(Array.from(by, ([name, { service }]) => [name, service.weightedAt(times)]))
  const mostMs = Math.max(...Array.from(received.values(), (each) => Math.max(...(each.at(-1) ?? []))))
  const names = workload.senders.map(({ name }, index) => {
    return `<tspan fill="${COLOURS[index]}">${name}</tspan>`
  })
  return [
    text(LEFT, top + 18, `${workload.name}: ${names.join(', ')}`, 'font-weight="bold"'),
    text(LEFT - 6, top + PANEL.top + 8, seconds(mostMs), 'text-anchor="end"', GREY),
    text(LEFT - 6, top + PANEL.top + PANEL.height, '0', 'text-anchor="end"', GREY),
    ...Array.from(received, ([name, each], column) => {
      const left = LEFT + column * (PANEL.width + PANEL.gap)
      return panelOf(name, each, { left, top: top + PANEL.top, mostMs, drawnMs })
    }).flat(),
  ]
}

/** `received`: at times evenly spread over the panel, the service of each caller. */
function panelOf(
  contestant: string,
  received: readonly (readonly number[])[],
  { left, top, mostMs, drawnMs }: { left: number; top: number; mostMs: number; drawnMs: number },
): string[] {
  const x = (index: number) => (left + (index * PANEL.width) / POINTS).toFixed(1)
  const y = (ms: number) => (top + PANEL.height * (1 - ms / mostMs)).toFixed(1)
  const senders = received[0]?.length ?? 0
  return [
    text(left + 4, top - 8, contestant, ''),
    `<rect x="${left}" y="${top}" width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#ccc"/>`,
    text(left + PANEL.width, top + PANEL.height + 14, seconds(drawnMs), 'text-anchor="end"', GREY),
    ...Array.from({ length: senders }, (_, sender) => {
      const points = received.map((each, index) => `${x(index)},${y(each[sender] ?? 0)}`)
      return `<polyline fill="none" stroke="${COLOURS[sender]}" stroke-width="1.5" points="${points.join(' ')}"/>`
    }),
  ]
}

function text(x: number, y: number, words: string, style: string, fill = '#000'): string {
  return `<text x="${x}" y="${y}" fill="${fill}"${style === '' ? '' : ` ${style}`}>${words}</text>`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}
