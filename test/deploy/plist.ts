export type PlistValue = string | number | boolean | PlistValue[] | { [key: string]: PlistValue }

const TOKEN = /<!--.*?-->|<(\/?)([a-z]+)(?: [^>]*)?(\/?)>|([^<]+)/gsy

/** Reads a property list as far as ours go. Throws for what is not well-formed, and for elements that it has no need of. */
export function readPlist(xml: string): PlistValue {
  const start = xml.indexOf('<plist version="1.0">')
  if (start < 0) throw new Error('there is no <plist version="1.0">')
  const tokens = tokenize(xml.slice(start))
  let at = 0
  const next = (): string => tokens[at++] ?? 'the end'
  const expect = (wanted: string): void => {
    const found = next()
    if (found !== wanted) throw new Error(`${found} where ${wanted} belongs`)
  }
  const text = (element: string): string => {
    const content = next()
    if (content.startsWith('<')) throw new Error(`<${element}> holds ${content}`)
    expect(`</${element}>`)
    return content
  }
  const value = (): PlistValue => {
    const opened = next()
    if (opened === '<true/>') return true
    if (opened === '<false/>') return false
    if (opened === '<string>') return text('string')
    if (opened === '<integer>') return integer(text('integer'))
    if (opened === '<array>') {
      const items: PlistValue[] = []
      while (tokens[at] !== '</array>') items.push(value())
      at++
      return items
    }
    if (opened !== '<dict>') throw new Error(`${opened} is no value`)
    const dict: { [key: string]: PlistValue } = {}
    while (tokens[at] !== '</dict>') {
      expect('<key>')
      const key = text('key')
      if (Object.hasOwn(dict, key)) throw new Error(`${key} is there twice`)
      dict[key] = value()
    }
    at++
    return dict
  }
  expect('<plist>')
  const root = value()
  expect('</plist>')
  if (at !== tokens.length) throw new Error(`${next()} after </plist>`)
  return root
}

/** Elements without their attributes, and texts; blanks between elements and comments are left out. */
function tokenize(xml: string): string[] {
  const tokens: string[] = []
  let end = 0
  for (const found of xml.matchAll(TOKEN)) {
    end = found.index + found[0].length
    const [, closing, element, empty, text] = found
    if (element !== undefined) tokens.push(`<${closing}${element}${empty}>`)
    else if (text !== undefined && text.trim() !== '') tokens.push(text)
  }
  if (end !== xml.length) throw new Error(`not well-formed: ${xml.slice(end, end + 40)}`)
  return tokens
}

function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`${text} is no integer`)
  return Number(text)
}
