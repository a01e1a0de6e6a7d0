/**
 * Threats 2, 3, 5, 14, 15, 19, 21, 31 and 40 of `faults.md`: what somebody on the other side
 * of the door may try. Host, Origin, content types and spellings of paths (1, 2, 20) are G12’s.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'bun:test'
import { routes } from '../../src/api/contract.ts'
import type { Route } from '../../src/api/route.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { only } from '../support/first.ts'
import { answerOn, exchange, headerOf, type RawAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { within } from '../support/within.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
const HOST = 'host: 127.0.0.1'
const ROUTES = Object.values<Route>(routes).map(({ method, path }) => ({
  method,
  path: path.replace(':id', 'a'),
}))
const CHANGING = ROUTES.filter(({ method }) => method !== 'GET')

const state = async (): Promise<string> =>
  JSON.stringify(await Promise.all([world.api.listAccounts(), world.api.listKeys(), world.api.showConfig()]))

const knock = (method: string, path: string, ...lines: readonly string[]): Promise<RawAnswer> => {
  const host = lines.some((line) => line.startsWith('host:')) ? [] : [HOST]
  return exchange(world.url, `${method} ${path} HTTP/1.1\r\n${[...host, ...lines].join('\r\n')}\r\n\r\n`)
}

describe('threat 2: what a link or an image can ask for', () => {
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.stop())

  it.each(CHANGING)('changes nothing at $method $path, even as the admin', async ({ path }) => {
    const before = await state()
    const answer = await knock('GET', path, `authorization: Bearer ${world.adminToken}`)
    expect(answer.status).toBeOneOf([200, 404, 405])
    expect(await state()).toBe(before)
  })

  it('is not let in by a cookie or a password in the address: there is no sign-in without a header', async () => {
    const basic = Buffer.from(`admin:${world.adminToken}`).toString('base64')
    for (const line of [`cookie: admin=${world.adminToken}`, `authorization: Basic ${basic}`]) {
      expect((await knock('GET', '/api/accounts', line)).status).toBeOneOf([401, 429])
    }
  })
})

describe('threats 3 and 40: what the control plane says around its answers', () => {
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.stop())

  const EVERY = [
    ...ROUTES.map(({ path }) => path),
    '/metrics',
    '/api/openapi.json',
    '/api/nowhere',
    '/nowhere',
  ]

  it.each([...new Set(EVERY)])(
    'is not for other origins, caches or frames, as admin or not: %s',
    async (path) => {
      const { origin } = new URL(world.url)
      for (const lines of [
        [`authorization: Bearer ${world.adminToken}`],
        [`authorization: Bearer ${world.adminToken}`, `origin: ${origin.replace(/:\d+$/, '')}`],
        [],
        ['origin: http://evil.example'],
        ['host: evil.example'],
      ]) {
        const answer = await knock('GET', path, ...lines)
        const values = ['cache-control', 'x-content-type-options', 'x-frame-options', 'referrer-policy'].map(
          (name) => headerOf(answer, name),
        )
        expect({ lines, values }).toEqual({ lines, values: ['no-store', 'nosniff', 'DENY', 'no-referrer'] })
        expect(answer.headers.filter(([name]) => name.startsWith('access-control-'))).toEqual([])
      }
    },
  )
})

describe('threat 5: a destination that the client would like', () => {
  afterEach(() => world.stop())

  it('is not taken from a body, a header or a query', async () => {
    const canary = startSimulator()
    const there = `127.0.0.1:${canary.port}`
    world = await openWorld()
    const fields = Object.fromEntries(
      [
        'api_base',
        'base_url',
        'baseUrl',
        'api_url',
        'endpoint',
        'host',
        'proxy',
        'upstream',
        'custom_host',
      ].map((name) => [name, canary.url]),
    )
    const names = [
      ...['x-forwarded-host', 'x-host', 'x-original-url', 'x-rewrite-url', 'forwarded', 'x-upstream'],
      ...[
        'x-portkey-custom-host',
        'x-litellm-api-base',
        'api-base',
        'x-base-url',
        'helicone-target-url',
        'proxy',
      ],
    ]
    const answer = await exchange(
      world.url,
      requestBytes({
        target: `/v1/messages?base_url=${canary.url}&api_base=${canary.url}&host=${there}`,
        lines: names.map((name) => `${name}: ${name === 'forwarded' ? `host=${there}` : canary.url}`),
        body: bodyOf({ ...fields, metadata: fields }),
      }),
    )
    expect(answer.status).toBe(200)
    expect(only(world.simulator.received).headers.find(([name]) => name === 'host')?.[1]).not.toBe(there)
    expect([canary.received, canary.connections]).toEqual([[], 0])
    canary.stop()
  })
})

describe('threat 14: a tunnel', () => {
  afterEach(() => world.stop())

  it.each([
    ['CONNECT', 'evil.example:443'],
    ['CONNECT', '/v1/messages'],
    ['TRACE', '/v1/messages'],
    ['TRACE', '/'],
    ['TRACK', '/v1/messages'],
  ])('by %s %s is refused and goes nowhere', async (method, target) => {
    world = await openWorld()
    const answer = await knock(method, target, 'x-secret: s')
    expect(answer.status).toBeOneOf([400, 404, 405, 501])
    expect(answer.body.toString()).not.toContain('x-secret')
    expect(world.simulator.received).toEqual([])
  })

  it('by Upgrade is no tunnel: the request is answered, and what follows is a request or nothing', async () => {
    world = await openWorld()
    const client = await connectRaw(world.url)
    const frames = Buffer.from([0x81, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0d, 0x0a, 0x0d, 0x0a])
    const lines = [
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-key: x',
      'sec-websocket-version: 13',
    ]
    client.write(Buffer.concat([requestBytes({ lines }), frames]))
    expect((await answerOn(client)).status).toBe(200)
    await within(client.ended, 'the connection to end')
    expect(client.text()).toContain('HTTP/1.1 400')
    const { headers, body } = only(world.simulator.received)
    expect(body.toString()).toBe(bodyOf())
    expect(headers.map(([name]) => name).filter((name) => /upgrade|^sec-|^connection/.test(name))).toEqual([])
  })
})

describe('threats 15 and 31: somebody who tries keys', () => {
  afterEach(() => world.stop())
  const SPOOFED = ['x-forwarded-for', 'x-real-ip', 'forwarded', 'true-client-ip', 'cf-connecting-ip']
  const spoof = (count: number) => SPOOFED.map((name) => `${name}: 192.0.2.${count % 250}`)

  it('of clients is slowed down whatever address the headers claim; the right key still works', async () => {
    world = await openWorld()
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    const statuses = new Map<number, number>()
    for (let count = 0; count < 300; count++) {
      const { status } = await exchange(
        world.url,
        requestBytes({ lines: [`x-api-key: spk_guess-${count}`, ...spoof(count)] }),
      )
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses.keys()].toSorted()).toEqual([401, 429])
    expect(statuses.get(429)).toBeGreaterThan(150)
    expect(await exchange(world.url, requestBytes({ lines: [`x-api-key: ${secret}`] }))).toMatchObject({
      status: 200,
    })
  })

  it('of the admin is slowed down sooner; the right token still works', async () => {
    world = await openWorld()
    const answers: RawAnswer[] = []
    for (let count = 0; count < 60; count++) {
      answers.push(await knock('GET', '/api/keys', `authorization: Bearer spa_${count}`, ...spoof(count)))
    }
    const blocked = answers.filter(({ status }) => status === 429)
    expect(blocked.length).toBeGreaterThan(30)
    for (const answer of blocked) expect(headerOf(answer, 'retry-after')).toBe('60')
    expect((await world.admin('/api/keys')).status).toBe(200)
  })
})

describe('threat 19: a file of this machine', () => {
  const START = ['/', '/static/', '/assets/', '/api/', '/v1/', '/dashboard/', '//', '/%2f', '/.']
  const UP = [
    '../../../../etc/passwd',
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    '..\\..\\etc\\passwd',
  ]
  const PATHS = START.flatMap((start) => UP.map((up) => `${start}${up}`))
  const MORE = [
    '/etc/passwd',
    '/package.json',
    '/.git/config',
    '/secret.key',
    '/admin.token',
    '/spillway.db',
    '/index.html',
  ]

  it('is never served, however its path is written', async () => {
    world = await openWorld()
    for (const path of [...PATHS, ...MORE]) {
      const answer = await knock('GET', path)
      expect({ path, isClientsError: answer.status >= 400 && answer.status < 500 }).toEqual({
        path,
        isClientsError: true,
      })
      expect(answer.body.toString()).not.toMatch(/root:|"dependencies"|SQLite format/)
    }
    expect(world.simulator.received).toEqual([])
    await world.stop()
  })
})

describe('threat 21: quotes for a database', () => {
  const QUOTES = [
    `' or 1=1 --`,
    `'; drop table client_keys; --`,
    `" or ""="`,
    `') union select secret from accounts --`,
    `\\'; delete from accounts`,
    `1; attach database '/tmp/x' as x`,
    '%27%20or%201=1',
    '$1',
    `x' or name glob '*`,
  ]
  afterEach(() => world.stop())

  it('open no door and break nothing: in keys, tokens, names, filters and cursors', async () => {
    world = await openWorld()
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    await (await world.ask({}, { 'x-api-key': secret })).text()
    await world.rows(1)
    const before = await state()
    for (const quote of QUOTES) {
      const wrong = await exchange(world.url, requestBytes({ lines: [`x-api-key: ${quote}`] }))
      expect(wrong.status).toBe(401)
      expect((await knock('GET', '/api/accounts', `authorization: Bearer ${quote}`)).status).toBeOneOf([
        401, 429,
      ])
      const text = encodeURIComponent(quote)
      for (const path of [`/api/accounts/${text}`, `/api/requests/${text}`, `/api/keys/${text}`]) {
        expect({ path, status: (await world.admin(path)).status }).toEqual({
          path,
          status: expect.any(Number),
        })
        expect((await world.admin(path)).status).toBeOneOf([400, 404])
      }
      for (const name of ['account', 'model', 'key', 'session']) {
        const found = await world.admin(`/api/requests?${name}=${text}`)
        expect(await found.json()).toEqual({ requests: [] })
      }
      expect((await world.admin(`/api/requests?cursor=${text}`)).status).toBeOneOf([200, 400])
      for (const name of ['status', 'since', 'limit']) {
        expect((await world.admin(`/api/requests?${name}=${text}`)).status).toBe(400)
      }
    }
    expect(await state()).toBe(before)
    expect(await world.api.checkDatabase()).toEqual({ findings: [] })
    expect((await world.ask({}, { 'x-api-key': secret })).status).toBe(200)
    expect(world.simulator.received.map(({ key }) => key)).toEqual([keyOf('a'), keyOf('a')])
  })
})
