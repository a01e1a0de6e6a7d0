/** Tables, amounts and times for people: aligned, cut where the terminal ends, and harmless. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { type Cell, costOf, type Fit, fields, fromNow, json, seconds, table, usd } from './format.ts'
import type { Output } from './shell.ts'

describe('table', () => {
  it('aligns texts to the left and numbers to the right', () => {
    expect(
      tableOf(
        ['name', 'requests'],
        [
          ['work', 1_234_567],
          ['a longer name', 5],
        ],
      ),
    ).toEqual(['name            requests', 'work           1,234,567', 'a longer name          5'])
  })

  it('leaves a missing number empty, and the column right-aligned', () => {
    expect(
      tableOf(
        ['n', 'x'],
        [
          [undefined, 'a'],
          [12, 'b'],
        ],
      ),
    ).toEqual([' n  x', '    a', '12  b'])
  })

  it('ends no line with space', () => {
    for (const line of tableOf(
      ['name', 'note'],
      [
        ['a', undefined],
        ['bbbbbbbb', ''],
      ],
    ))
      expect(line).not.toMatch(/\s$/)
  })

  it('has a head without rows', () => expect(tableOf(['name', 'state'], [])).toEqual(['name  state']))

  it('counts wide letters as wide', () => {
    expect(
      tableOf(
        ['name', 'x'],
        [
          ['日本', 'a'],
          ['ab', 'b'],
        ],
      ),
    ).toEqual(['name  x', '日本  a', 'ab    b'])
  })

  it('cuts the widest column where a terminal ends', () => {
    const lines = tableOf(['name', 'error'], [['work', 'x'.repeat(100)]], { columns: 40, isTerminal: true })
    expect(lines[1]).toBe(`work  ${'x'.repeat(33)}…`)
    expect(widest(lines)).toBe(40)
  })

  it('cuts wide letters by their width, and none in two', () => {
    const [, line = ''] = tableOf(['name', 'error'], [['work', '日本😀'.repeat(20)]], {
      columns: 40,
      isTerminal: true,
    })
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40)
    expect(line.isWellFormed()).toBe(true)
  })

  it('never cuts what has to be whole, and leaves out what it can do without before that', () => {
    const id = '01992b7e-0000-7000-8000-000000000000'
    const names = ['WHEN', 'ID', 'MODEL', 'TOOK', 'STATUS']
    const row = ['10 min ago', id, 'claude-sonnet-5-5', '12.00 s', '200']
    const fit = { whole: ['ID'], dispensable: ['TOOK', 'MODEL'] }
    const at = (columns: number) => tableOf(names, [row], { columns, isTerminal: true }, fit)
    expect(at(84)[1]).toBe(`10 min ago  ${id}  claude-sonnet-5-5  12.00 s  200`)
    expect(at(80)[1]).toBe(`10 min ago  ${id}  claude-sonne…  12.00 s  200`)
    expect(at(70)[1]).toBe(`10 min ago  ${id}  claude-sonn…  200`)
    expect(at(60)[1]).toBe(`10 min ago  ${id}  200`)
    expect(at(20)[1]).toBe(`10 min …  ${id}  200`)
  })

  it('cuts no number, which would be another one', () => {
    const [, line] = tableOf(['tokens', 'error'], [[123_456_789_012, 'x'.repeat(30)]], {
      columns: 25,
      isTerminal: true,
    })
    expect(line).toBe('123,456,789,012  xxxxxxx…')
  })

  it('cuts nothing that goes into a file', () => {
    const [, line] = tableOf(['error'], [['x'.repeat(300)]], { columns: 40, isTerminal: false })
    expect(line).toHaveLength(300)
  })

  it('is dimmed at its head where there is colour', () => {
    expect(tableOf(['name'], [['work']], { hasColour: true })).toEqual(['\u001b[2mname\u001b[22m', 'work'])
  })

  it('lets nothing steer the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const line of tableOf(['name'], [[`\u001b]0;${text}\u202e\r\n`]]))
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }),
    )
  })

  it('has one line for each row, whatever the cells hold', () => {
    const cells = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(undefined))
    fc.assert(
      fc.property(fc.array(fc.tuple(cells, cells)), (rows) => {
        expect(tableOf(['a', 'b'], rows)).toHaveLength(rows.length + 1)
      }),
    )
  })
})

describe('fields', () => {
  it('are labels and values, those without a value left out', () => {
    const { output, lines } = recording()
    fields(output, [
      ['name', 'work'],
      ['until', undefined],
      ['requests', 1_200],
    ])
    expect(lines).toEqual(['name      work', 'requests  1,200'])
  })

  it('may be none', () => {
    const { output, lines } = recording()
    fields(output, [['until', undefined]])
    expect(lines).toEqual([])
  })

  it('let nothing steer the terminal', () => {
    const { output, lines } = recording()
    fields(output, [['error', 'a\u001b[2Jb\nc']])
    expect(lines).toEqual(['error  a\ufffd[2Jb\ufffdc'])
  })
})

describe('usd', () => {
  it.each([
    [null, 'unpriced'],
    [0, '$0.0000'],
    [0.000_05, '$0.0001'],
    [0.1234, '$0.1234'],
    [1, '$1.00'],
    [1_234.567, '$1234.57'],
  ])('writes %p as %s', (amount, text) => {
    expect(usd(amount)).toBe(text)
  })
})

describe('the cost of a request', () => {
  const nothing = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWrite5mTokens: 0 }

  it.each([
    ['that used nothing', { ...nothing, cacheWrite1hTokens: 0, costUsd: null }, '$0.0000'],
    ['of a model without a price', { ...nothing, cacheWrite1hTokens: 1, costUsd: null }, 'unpriced'],
    ['of a model with one', { ...nothing, cacheWrite1hTokens: 1, costUsd: 2 }, '$2.00'],
  ])('%s is what it is', (_what, request, text) => {
    expect(costOf(request)).toBe(text)
  })
})

describe('seconds', () => {
  it.each([
    [undefined, ''],
    [0, '0.00 s'],
    [1_234, '1.23 s'],
  ])('writes %p ms as "%s"', (ms, text) => {
    expect(seconds(ms)).toBe(text)
  })
})

describe('fromNow', () => {
  const now = Date.parse('2026-11-20T12:00:00Z')

  it.each([
    ['2026-11-20T12:00:20Z', 'in 20 s'],
    ['2026-11-20T12:35:00Z', 'in 35 min'],
    ['2026-11-20T13:29:00Z', 'in 89 min'],
    ['2026-11-20T14:00:00Z', 'in 2 h'],
    ['2026-11-23T12:00:00Z', 'in 3 d'],
    ['2026-11-20T11:59:50Z', '10 s ago'],
    ['2026-11-20T10:00:00Z', '2 h ago'],
    [undefined, ''],
  ])('says of %p "%s"', (iso, words) => {
    expect(fromNow(iso, now)).toBe(words)
  })
})

it('json is for scripts, whole and indented', () => {
  const { output, lines } = recording()
  json(output, { name: 'work' })
  expect(lines).toEqual(['{\n  "name": "work"\n}'])
})

function tableOf(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  terminal: Partial<Output> = {},
  fit: Fit = {},
): readonly string[] {
  const { output, lines } = recording(terminal)
  table(output, columns, rows, fit)
  return lines
}

function recording(terminal: Partial<Output> = {}) {
  const lines: string[] = []
  const output: Output = {
    line: (text = '') => void lines.push(text),
    bytes: () => {},
    note: () => {},
    columns: 80,
    isTerminal: false,
    hasColour: false,
    ...terminal,
  }
  return { output, lines }
}

function widest(lines: readonly string[]): number {
  return Math.max(...lines.map((line) => Bun.stringWidth(line)))
}
