/** The log in memory: what is found in it, what comes next, and how little of it is kept. */
import { describe, expect, it } from 'bun:test'
import type { LogLine, LogQuery } from '../api/services.ts'
import { toMillis } from '../core/time.ts'
import { createLogMemory, type LogMemory } from './log-memory.ts'

const AT = '2026-11-25T10:00:00.000Z'
const ALL: LogQuery = { limit: 10_000, level: 'debug' }

const json = (msg: string, more: Readonly<Record<string, unknown>> = {}): string =>
  `${JSON.stringify({ level: 'info', time: AT, msg, ...more })}\n`
const filled = (...lines: readonly string[]): LogMemory => {
  const memory = createLogMemory('run')
  for (const line of lines) memory.keep(line)
  return memory
}
const messages = (lines: readonly LogLine[]): readonly string[] => lines.map(({ message }) => message)

describe('the history', () => {
  it('is newest first, each line with what it says', () => {
    const error = 'Error: why'
    const memory = filled(
      json('first', { request: 'r1', account: 'a' }),
      json('second', { level: 'error', error }),
    )
    expect(memory.history(ALL)).toEqual([
      { id: 'run-2', time: AT, level: 'error', message: 'second', error, fields: {} },
      { id: 'run-1', time: AT, level: 'info', message: 'first', request: 'r1', fields: { account: 'a' } },
    ])
  })

  it.each<[string, Partial<LogQuery>, readonly string[]]>([
    ['at least as important', { level: 'warn' }, ['Three', 'two']],
    ['of a text in whatever case', { text: 'THREE' }, ['Three']],
    ['of a field', { text: 'special' }, ['one']],
    ['of a request', { request: 'r2' }, ['two']],
    ['since a moment', { since: toMillis(Date.parse(AT) + 1) }, ['Three']],
    ['before another', { before: 'run-3' }, ['two', 'one']],
    ['before one that is forgotten', { before: 'run-99' }, []],
    ['in number', { limit: 1 }, ['Three']],
  ])('can be lines %s', (_what, query, found) => {
    const memory = filled(
      json('one', { model: 'special' }),
      json('two', { level: 'warn', request: 'r2' }),
      json('Three', { level: 'error', time: '2026-11-25T10:00:01.000Z' }),
    )
    expect(messages(memory.history({ ...ALL, ...query }))).toEqual(found)
  })
})

describe('what comes', () => {
  it('reaches everybody who listens, until they leave', () => {
    const memory = filled(json('before'))
    const heard: string[] = []
    const leave = memory.subscribe(
      ({ message }) => void heard.push(message),
      () => {},
    )
    memory.keep(json('one'))
    leave()
    memory.keep(json('two'))
    expect(heard).toEqual(['one'])
  })

  it('is taken up after the last line that was seen, and whole after one of another run', () => {
    const memory = filled(json('one'), json('two'), json('three'))
    expect(messages(memory.since('run-1'))).toEqual(['two', 'three'])
    expect(messages(memory.since(undefined))).toEqual([])
    expect(messages(memory.since('earlier-7'))).toEqual(['one', 'two', 'three'])
  })

  it('ends for everybody, and for whoever comes later', async () => {
    const memory = filled()
    const first = Promise.withResolvers<void>()
    const later = Promise.withResolvers<void>()
    memory.subscribe(() => {}, first.resolve)
    memory.end()
    memory.subscribe(() => {}, later.resolve)
    expect(await Promise.all([first.promise, later.promise])).toHaveLength(2)
  })
})

describe('what is kept (G10)', () => {
  it('is bounded in number', () => {
    const memory = filled(...Array.from({ length: 10_000 }, (_, index) => json(`line ${index}`)))
    const found = memory.history(ALL)
    expect(found.length).toBeWithin(2_000, 4_001)
    expect(found[0]?.message).toBe('line 9999')
  })

  it('is bounded in bytes, and has no line that is very long', () => {
    const memory = createLogMemory('run')
    for (let count = 0; count < 400; count++) memory.keep(json(`long ${'x'.repeat(30_000)}`))
    memory.keep(json('x'.repeat(100_000)))
    const bytes = JSON.stringify(memory.history(ALL)).length
    expect(bytes).toBeWithin(1 << 20, 5 << 20)
  })
})
