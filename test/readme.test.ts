/** Holds the tables of test/README.md to the files: every file exists, every title stands in it. */
import { describe, expect, it } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from '../src/api/openapi.ts'
import { ROOT } from './support/gateway-process.ts'

const lines = readFileSync(join(ROOT, 'test', 'README.md'), 'utf8').split('\n')
const cellsOf = (line: string): string => line.slice(line.indexOf('|', 1))

/** A file in backticks, then its titles. */
const NAMED = /`([\w./-]+)`((?:,? ?(?:and )?“[^”]+”)*)/g

const named = lines
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .flatMap((line) =>
    [...cellsOf(line).matchAll(NAMED)].map(([, name = '', titles = '']) => ({
      file: join(ROOT, name.startsWith('src/') ? '' : 'test', `${name}.test.ts`),
      titles: [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
    })),
  )

describe('the tables of the README', () => {
  it('name something', () => expect(named.length).toBeGreaterThan(150))

  it('name files that exist', () => {
    expect(named.filter(({ file }) => !existsSync(file)).map(({ file }) => file)).toEqual([])
  })

  it('name titles that stand in those files', () => {
    const missing = named.flatMap(({ file, titles }) => {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
      return titles.filter((title) => !text.includes(title)).map((title) => `${file}: ${title}`)
    })
    expect(missing).toEqual([])
  })

  it.each([
    ['Faults', 100],
    ['Threats', 42],
  ])('leave out no row of the %s', (section, count) => {
    const from = lines.indexOf(`## ${section}`)
    const to = lines.findIndex((line, index) => index > from && line.startsWith('## '))
    const rows = lines.slice(from, to).flatMap((line) => numbersOf(/^\| ([\d–, ]+) \|/.exec(line)?.[1] ?? ''))
    expect(rows).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })
})

/** "1", "38, 39" and "25–34" as numbers. */
function numbersOf(text: string): readonly number[] {
  return text.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split('–')
    const length = Number(last) - Number(first) + 1
    return first === '' ? [] : Array.from({ length }, (_, index) => Number(first) + index)
  })
}

describe('the guide to the admin API', () => {
  it('names every path that there is, and none that there is not', () => {
    const guide = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8')
    const text = guide.slice(guide.indexOf('| accounts'), guide.indexOf('Streams are'))
    const named = [
      ...text.matchAll(/(?:`|POST |GET |DELETE |PATCH )(\/[\w:.-]+(?:\/[\w:.-]+)*)(?:\/\{([\w, -]+)\})?/g),
    ].flatMap(([, path = '', last]) =>
      last === undefined ? [path] : last.split(', ').map((each) => `${path}/${each}`),
    )
    const paths = Object.keys(openApiDocument('1').paths).map((path) => path.replace(/\{(\w+)\}/g, ':$1'))
    const elsewhere = [
      '/api/openapi.json',
      '/api/docs',
      '/sign-in.js',
      '/sign-in.css',
      '/api/sign-in/oidc/callback',
    ]
    expect(paths.filter((path) => !named.includes(path) && !elsewhere.includes(path))).toEqual([])
    expect(named.filter((path) => !paths.includes(path) && path !== '/callback')).toEqual([])
  })
})
