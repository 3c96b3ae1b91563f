import type { Page } from 'playwright-core'

/**
 * Problems of the shown page for people with weak eyes, without a mouse or with a screen reader: text with too little
 * contrast (WCAG 1.4.3: 4.5 to 1), controls and drawings without a name, columns without a heading, duplicate ids, and
 * elements outside the width of the window.
 */
export function audit(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const name = (node: Element) => `${node.tagName.toLowerCase()}#${node.id}.${node.getAttribute('class')}`
    const shown = [...document.querySelectorAll('body *')].filter((node) =>
      node.checkVisibility({ visibilityProperty: true }),
    )

    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 1
    const brush = canvas.getContext('2d', { willReadFrequently: true })
    /** Red, green, blue and opacity of a CSS colour in any notation. */
    const parts = (colour: string): number[] => {
      if (!brush) throw new Error('no canvas')
      brush.clearRect(0, 0, 1, 1)
      brush.fillStyle = colour
      brush.fillRect(0, 0, 1, 1)
      return [...brush.getImageData(0, 0, 1, 1).data]
    }
    const luminance = (colour: readonly number[]): number => {
      const [red = 0, green = 0, blue = 0] = colour.map((part) => {
        const share = part / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const ground = (node: Element | null): number[] => {
      for (let each = node; each; each = each.parentElement) {
        const colour = parts(getComputedStyle(each).backgroundColor)
        if ((colour[3] ?? 0) > 250) return colour
      }
      return [255, 255, 255]
    }
    for (const node of shown) {
      const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.nodeValue?.trim())
      if (!hasText || node.closest('svg')) continue
      const pair = [luminance(parts(getComputedStyle(node).color)), luminance(ground(node))]
      const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)
      if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)} of ${name(node)} "${node.textContent}"`)
    }

    for (const node of shown) {
      if (node instanceof HTMLInputElement && !node.labels?.length) found.push(`no label: ${name(node)}`)
      const told = node.getAttribute('aria-label') ?? node.textContent?.trim()
      if (node instanceof HTMLButtonElement && !told) found.push(`no name: ${name(node)}`)
      if (node.tagName === 'svg' && !node.querySelector('title')?.textContent)
        found.push('a plot without title')
      if (node.tagName === 'TH' && !node.textContent?.trim()) found.push('a column without heading')
      if (node.getBoundingClientRect().right > innerWidth + 1) {
        if (!node.closest('.unseen, thead, svg')) found.push(`sticks out: ${name(node)}`)
      }
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways')
    const ids = Array.from(document.querySelectorAll('[id]'), ({ id }) => id)
    for (const id of new Set(ids.filter((each, index) => ids.indexOf(each) !== index)))
      found.push(`twice: #${id}`)
    return [...new Set(found)]
  })
}
