import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'

const root = join(import.meta.dirname, '..', '..')

const pages = [
  ...filesBelow('docs').filter((file) => file.endsWith('.md')),
  ...filesBelow('bench').filter((file) => file.endsWith('.md')),
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
]

/** Lines of code: between fences, or indented by four spaces. */
const CODE_BLOCKS = /^```[\s\S]*?^```$|^ {4,}.*$/gm
const CODE_SPANS = /`([^`\n]+)`/g
const LINKS = /\]\(([^)\s]+)\)/g
/** A path from the root of the repository, also as one word of a command. */
const PATHS = /(?<![\w./-])(?:src|test|bench|docs)\/[\w./-]*/g

function filesBelow(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return names.map((name) => join(folder, name))
}

function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8').replace(CODE_BLOCKS, '')
}

function all(pattern: RegExp, text: string): string[] {
  return Array.from(text.matchAll(pattern), ([whole, part]) => part ?? whole)
}

function linksOf(page: string): string[] {
  return all(LINKS, textOf(page).replace(CODE_SPANS, '')).filter((link) => !/^[a-z]+:/.test(link))
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  return new Set(
    all(/^#+ (.+)$/gm, textOf(page)).map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** A name and the file that the sentence says has it: `createGate` in `src/gate/gate.ts`, or with the file in brackets. */
const NAMES_IN_FILES = /`([A-Za-z]+)(?:\.([a-z]\w*))?`\s(?:in\s|\()`((?:src|test|bench)\/[\w./-]+\.ts)`/g
/** `Lane.arrive`: a method of a class or an interface. */
const METHODS = /`((?!Bun\b)[A-Z]\w+)\.([a-z]\w*)`/g

function hasWord(text: string, word: string): boolean {
  return new RegExp(`\\b${word}\\b`).test(text)
}

describe('docs/architecture.md', () => {
  const page = textOf(join('docs', 'architecture.md'))
  const sources = filesBelow('src')
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))

  it('has a line for every room', () => {
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    for (const { name } of rooms) assert.ok(page.includes(`\n| \`src/${name}/\` |`), name)
  })

  it('names the files in which a thing is', () => {
    for (const [, name, member, file = ''] of page.matchAll(NAMES_IN_FILES)) {
      const source = readFileSync(join(root, file), 'utf8')
      for (const word of [name, member]) if (word) assert.ok(hasWord(source, word), `${word} in ${file}`)
    }
  })

  it('names only methods that exist', () => {
    for (const [, type, member = ''] of page.matchAll(METHODS))
      assert.ok(
        sources.some(
          (source) =>
            new RegExp(`\\b(?:class|interface) ${type}\\b`).test(source) &&
            new RegExp(`\\b${member}\\(`).test(source),
        ),
        `${type}.${member}`,
      )
  })
})

describe('the documentation', () => {
  it('has an index of all pages in docs/README.md', () => {
    const index = join('docs', 'README.md')
    const linked = new Set(linksOf(index).map((link) => join('docs', link)))
    const missing = pages.filter((page) => page.startsWith('docs') && page !== index && !linked.has(page))
    assert.deepEqual(missing, [])
  })

  for (const page of pages) {
    it(`names only files and folders that exist: ${page}`, () => {
      const paths = all(CODE_SPANS, textOf(page)).flatMap((span) => all(PATHS, span))
      assert.deepEqual(
        paths.filter((path) => !existsSync(join(root, path))),
        [],
      )
    })

    it(`has only links that lead somewhere: ${page}`, () => {
      for (const link of linksOf(page)) {
        const [path = '', anchor] = link.split('#', 2)
        const target = path === '' ? page : relative(root, join(root, dirname(page), path))
        assert.ok(existsSync(join(root, target)), link)
        if (anchor !== undefined) assert.ok(anchorsOf(target).has(anchor), link)
      }
    })
  }
})
