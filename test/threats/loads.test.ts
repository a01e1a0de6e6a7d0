/**
 * Threats 22, 23, 24, 28 and 29 of `faults.md`: inputs that are meant to poison objects, to
 * cost memory or to cost time. Bodies go on byte for byte whatever is in them (G1).
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { routes } from '../../src/api/contract.ts'
import type { Route } from '../../src/api/route.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { exchange, headerOf } from '../support/raw-answer.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

describe('threat 22: JSON that wants to change every object', () => {
  const BODIES = Object.values<Route>(routes).filter(({ body }) => body !== undefined)
  const POISONS = [
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"__proto__":"polluted"}',
  ]
  const clean = (): boolean => !('polluted' in {}) && Object.keys(Object.prototype).length === 0

  it('changes none, through any route that takes a body', async () => {
    world = await openWorld()
    expect(BODIES.length).toBeGreaterThan(5)
    const poison = fc.oneof(
      fc.constantFrom(...POISONS),
      fc
        .constantFrom(...POISONS)
        .map((text) => `{"modelMap":${text},"name":"x","provider":"console","strategy":${text}}`),
      fc
        .json({ maxDepth: 3 })
        .map((text) => `{"__proto__":${text},"prototype":${text},"constructor":${text}}`),
    )
    const property = fc.asyncProperty(fc.constantFrom(...BODIES), poison, async ({ method, path }, body) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await world.admin(path.replace(':id', 'a'), { method, headers, body })
      expect(answer.status).toBeLessThan(500)
      expect(clean()).toBe(true)
      await answer.text()
    })
    await fc.assert(property, { numRuns: 300 })
    const { settings } = await world.api.showConfig()
    expect(settings.filter(({ source }) => source === 'stored')).toEqual([])
  })

  it('changes none in a client’s request, a model map or a query', async () => {
    world = await openWorld()
    for (const poison of POISONS) {
      const body = `{"model":"claude-sonnet-5-5","metadata":${poison},${poison.slice(1, -1)},"messages":[]}`
      expect((await exchange(world.url, requestBytes({ body }))).status).toBe(200)
      expect(last(world.simulator.received).body.toString()).toBe(body)
    }
    for (const model of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect((await world.ask({ model })).status).toBe(200)
      expect(JSON.parse(last(world.simulator.received).body.toString()).model).toBe(model)
    }
    expect((await world.admin('/api/requests?__proto__[polluted]=1&constructor=1')).status).toBe(400)
    expect((await world.admin('/api/stats?__proto__=1')).status).toBeLessThan(500)
    expect(clean()).toBe(true)
  })
})

describe('threat 23: JSON that is meant to be hard to read', () => {
  const around = (inner: string): string => `{"model":"claude-sonnet-5-5","x":${inner},"messages":[]}`
  const MILLION = 1_000_000

  it.each([
    [
      'a million names',
      around(`{${Array.from({ length: MILLION }, (_, index) => `"k${index}":0`).join(',')}}`),
    ],
    ['a million equal names', around(`{${'"k":0,'.repeat(MILLION)}"k":0}`)],
    ['ten megabytes of brackets', around('['.repeat(5 << 20) + ']'.repeat(5 << 20))],
    ['ten megabytes of braces', around(`${'{"a":'.repeat(MILLION)}0${'}'.repeat(MILLION)}`)],
    ['a number of a megabyte', around('9'.repeat(1 << 20))],
    ['a megabyte of escapes', around(`"${'\\ud800'.repeat(170_000)}"`)],
    [
      'a million models, of which the last counts',
      `{${'"model":"x",'.repeat(MILLION)}"model":"claude-sonnet-5-5","messages":[]}`,
    ],
    ['a million spaces', `${' '.repeat(MILLION)}${bodyOf()}${'\n'.repeat(MILLION)}`],
  ])('(%s) arrives byte for byte', async (_what, body) => {
    world = await openWorld()
    const answer = await within(exchange(world.url, requestBytes({ body })), 'an answer')
    expect(answer.status).toBe(200)
    expect(only(world.simulator.received).body.equals(Buffer.from(body))).toBe(true)
    expect(only(await world.rows(1)).model).toBe('claude-sonnet-5-5')
  })

  it('that never closes what it opens is refused, and so is it by the API', async () => {
    world = await openWorld()
    for (const body of [
      '['.repeat(10 << 20),
      `{"model":"x","a":${'['.repeat(1 << 20)}`,
      `{"a":`.repeat(100_000),
    ]) {
      expect((await within(exchange(world.url, requestBytes({ body })), 'an answer')).status).toBe(400)
    }
    const headers = { 'content-type': 'application/json' }
    const deep = `{"strategy":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
    for (const body of ['['.repeat(900_000), deep]) {
      expect((await world.admin('/api/config', { method: 'PATCH', headers, body })).status).toBe(400)
    }
    expect((await world.api.health()).status).toBe('ok')
    expect(world.simulator.received).toEqual([])
  })
})

describe('threat 24: a few bytes that unpack to very many', () => {
  const bomb = gzipSync(Buffer.alloc(256 << 20))

  it('are not unpacked in a request', async () => {
    world = await openWorld()
    for (const encoding of ['gzip', 'br', 'zstd', 'deflate', 'gzip, gzip', 'x-gzip']) {
      const lines = [`content-encoding: ${encoding}`]
      expect((await exchange(world.url, requestBytes({ body: bomb, lines }))).status).toBe(415)
    }
    expect(world.simulator.received).toEqual([])
  })

  it.each([true, false])(
    'pass in an answer as they are, and cost nothing like what they hold (stream: %p)',
    async (stream) => {
      world = await openWorld()
      const fields = [
        ['content-encoding', 'gzip'],
        ['content-length', String(bomb.length)],
      ] as const
      const type = ['content-type', stream ? 'text/event-stream' : 'application/json'] as const
      world.simulator.always(keyOf('a'), [reply.send(reply.head(200, [type, ...fields])), reply.send(bomb)])
      const answer = await within(
        exchange(world.url, requestBytes({ body: bodyOf({ stream }) })),
        'an answer',
      )
      expect(headerOf(answer, 'content-encoding')).toBe('gzip')
      expect(answer.body.equals(bomb)).toBe(true)
      expect(only(await world.rows(1))).toMatchObject({ usageComplete: false, outputTokens: 0 })
    },
  )
})

describe('threat 28: texts that are meant to make a pattern try for ever', () => {
  const LONG = 50_000
  const TEXTS = [
    'a',
    'a.',
    '-',
    ' ',
    '\t',
    '0',
    '.a',
    'a-',
    '{',
    '"',
    '%41',
    ',',
    'Bearer ',
    '1:',
    '[',
    'user_',
  ].map((piece) => piece.repeat(LONG / piece.length))
  const NAMES = [
    'x-api-key',
    'authorization',
    'origin',
    'user-agent',
    'x-claude-code-session-id',
    'connection',
    'x-stainless-retry-count',
    'accept-encoding',
    'content-type',
    'expect',
  ]

  it('are answered like any other, in headers, hosts, paths, models and sessions', async () => {
    world = await openWorld()
    await world.api.createKey({ body: { name: 'k' } })
    for (const text of TEXTS) {
      const asks = [
        ...NAMES.map((name) => requestBytes({ lines: [`${name}: ${text}!`] })),
        `GET / HTTP/1.1\r\nhost: ${text}!\r\n\r\n`,
        requestBytes({ target: `/v1/${text.replace(/[\s{"[]/g, 'x')}!` }),
        requestBytes({ target: `/api/requests?since=${text.replace(/[\s{"[]/g, 'x')}!` }),
        requestBytes({ body: bodyOf({ model: `${text}!`, metadata: { user_id: `${text}!` } }) }),
      ]
      for (const ask of asks) {
        expect(
          (await within(exchange(world.url, ask), `an answer to ${text.slice(0, 10)}…`, 2_000)).status,
        ).toBeLessThan(500)
      }
    }
  })
})

describe('threat 29: ever new names', () => {
  it('of models, sessions, paths and agents add no line to the metrics', async () => {
    world = await openWorld()
    world.simulator.always(
      keyOf('a'),
      reply.whole(200, '{"type":"message","usage":{"input_tokens":1,"output_tokens":1}}'),
    )
    const invent = async (from: number, count: number): Promise<number> => {
      for (let at = from; at < from + count; at += 50) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const name = `novel-${at + index}`
            const answer = await world.ask(
              { model: name },
              { 'x-claude-code-session-id': name, 'x-claude-code-agent-id': name },
            )
            await answer.text()
            await (await fetch(`${world.url}/v1/${name}`)).text()
          }),
        )
      }
      return (await (await world.admin('/metrics')).text()).split('\n').length
    }
    const few = await invent(0, 50)
    expect(await invent(50, 500)).toBe(few)
  })
})
