/**
 * G12 Closed by default: the admin API is always authenticated, Host and Origin are checked on
 * every route, client keys are asked for as soon as one exists or the bind is not loopback.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'bun:test'
import { fileRoutes, plainRoutes, routes, streams } from '../../src/api/contract.ts'
import { pageRoutes } from '../../src/api/door-routes.ts'
import type { Route } from '../../src/api/route.ts'
import { exchange, headerOf, type RawAnswer } from '../support/raw-answer.ts'
import { connectRaw } from '../support/raw-client.ts'
import { bodyOf } from '../support/requests.ts'
import { openWorld, type World } from '../support/world.ts'

interface Door {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly hasBody: boolean
  readonly isOpen: boolean
}

/** Every route there is, and what stands beside the table. */
const DOORS: readonly Door[] = [
  ...Object.entries<Route>(routes).map(([name, { method, path, body, role }]) => ({
    name,
    method,
    path: path.replace(':id', 'a'),
    hasBody: body !== undefined,
    isOpen: role === 'anybody',
  })),
  ...Object.values(pageRoutes).map(({ path }) => ({
    name: path,
    method: 'GET',
    path,
    hasBody: false,
    isOpen: true,
  })),
  ...[
    ...Object.values({ ...plainRoutes, ...streams, ...fileRoutes }).map(({ path }) =>
      path.replace(':id', 'a'),
    ),
    '/api/nowhere',
  ].map((path) => ({
    name: path,
    method: 'GET',
    path,
    hasBody: false,
    isOpen: false,
  })),
]
const HEALTH: Door = { name: 'health', method: 'GET', path: '/health', hasBody: false, isOpen: true }
const KEY_HOLDERS: ReadonlySet<string> = new Set(
  Object.entries<Route>(routes).flatMap(([name, { role }]) => (role === 'key-holder' ? [name] : [])),
)
const ADMIN = DOORS.filter(({ isOpen }) => !isOpen)
const CLIENT: readonly Door[] = [
  ['POST', '/v1/messages'],
  ['POST', '/v1/messages/count_tokens'],
  ['GET', '/v1/models'],
  ['POST', '/v1/files'],
  ['POST', '/v1/messages/batches'],
  ['GET', '/v1/unheard/of'],
].map(([method = '', path = '']) => ({ name: path, method, path, hasBody: method === 'POST', isOpen: true }))
const EVERY: readonly Door[] = [
  ...DOORS,
  ...CLIENT,
  { name: 'greeting', method: 'GET', path: '/', hasBody: false, isOpen: true },
]

let world: World
const start = async (settings: Readonly<Record<string, unknown>> = {}) => {
  world = await openWorld({ settings })
}

const HOST = 'host: 127.0.0.1'
const JSON_TYPE = 'content-type: application/json'

function request({ method, path, hasBody }: Door, lines: readonly string[], body = '{}'): string {
  const length = hasBody ? [`content-length: ${body.length}`] : []
  return `${method} ${path} HTTP/1.1\r\n${[...lines, ...length].join('\r\n')}\r\n\r\n${hasBody ? body : ''}`
}

const knock = (door: Door, lines: readonly string[], body?: string): Promise<RawAnswer> =>
  exchange(world.url, request(door, lines, body))

const isClientsError = (status: number): boolean => status >= 400 && status < 500
const asAdmin = () => `authorization: Bearer ${world.adminToken}`

/** What an attacker would like to change or learn. */
const state = async (): Promise<string> => {
  const [accounts, keys, config] = await Promise.all([
    world.api.listAccounts(),
    world.api.listKeys(),
    world.api.showConfig(),
  ])
  return JSON.stringify([accounts, keys, config])
}

const unchanged = async (act: () => Promise<void>): Promise<void> => {
  const before = await state()
  await act()
  expect(await state()).toBe(before)
}

describe('the admin API', () => {
  beforeAll(() => start())
  afterAll(() => world.stop())

  it('has doors to knock at', () => expect(ADMIN.length).toBeGreaterThan(25))

  it.each(ADMIN)('does nothing without its token: $name', async (door) => {
    const { secret } = await world.api.createKey({ body: { name: `k-${door.name.replace(/\W/g, '')}` } })
    await unchanged(async () => {
      for (const lines of [
        [],
        ['authorization: Bearer'],
        ['authorization: Bearer spa_wrong'],
        [`authorization: Basic ${world.adminToken}`],
        [`authorization: Bearer ${world.adminToken}x`],
        [`x-api-key: ${world.adminToken}`],
        [`cookie: token=${world.adminToken}`],
      ]) {
        const answer = await knock(door, [HOST, JSON_TYPE, ...lines])
        expect(answer.status).toBeOneOf(door.path === '/api/nowhere' ? [401, 404, 429] : [401, 429])
        expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: expect.any(String) } })
      }
      // A client's key opens nothing but its own page.
      for (const line of [`authorization: Bearer ${secret}`, `x-api-key: ${secret}`]) {
        const { status } = await knock(door, [HOST, JSON_TYPE, line])
        const mayLook = KEY_HOLDERS.has(door.name)
        expect(status).toBeOneOf(mayLook ? [200, 400] : [403, ...(door.path === '/api/nowhere' ? [404] : [])])
      }
      const inQuery = await knock({ ...door, path: `${door.path}?token=${world.adminToken}` }, [
        HOST,
        JSON_TYPE,
      ])
      expect(inQuery.status).toBeGreaterThanOrEqual(400)
    })
  })

  it('keeps its right token working while wrong ones are being tried', async () => {
    expect((await world.admin('/api/accounts')).status).toBe(200)
  })

  it.each(ADMIN.filter(({ hasBody }) => hasBody))(
    'takes nothing but JSON that says so: $name',
    async (door) => {
      await unchanged(async () => {
        for (const type of [
          [],
          ['content-type: text/plain'],
          ['content-type: application/x-www-form-urlencoded'],
          ['content-type: multipart/form-data; boundary=x'],
          ['content-type: text/plain; application/json'],
          ['content-type: application/jsonp'],
        ]) {
          expect(await knock(door, [HOST, asAdmin(), ...type])).toMatchObject({ status: 415 })
        }
      })
    },
  )

  it('shows its health and the ways in, and nothing else, to anybody', () => {
    expect(DOORS.filter(({ isOpen }) => isOpen).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /health',
      'POST /api/sign-in',
      'POST /api/sign-in/link',
      'GET /sign-in',
      'GET /sign-in.js',
      'GET /sign-in.css',
      'GET /dashboard',
      'GET /api/sign-in/oidc',
      'GET /api/sign-in/oidc/callback',
    ])
  })

  it('shows no account by name in its open health', async () => {
    expect((await exchange(world.url, request(HEALTH, [HOST]))).body.toString()).not.toMatch(
      /CANARY|"a"|baseUrl|spa_/,
    )
  })
})

const FOREIGN_HOSTS = [
  'evil.example',
  'evil.example:8080',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil-localhost',
  'localhost@evil.example',
  'evil.example@127.0.0.1',
  '[::1].evil.example',
  'localhost:8080:8080',
  'localhost/evil',
  'metadata.google.internal',
  'xn--lcalhost-81a',
  '127.0.0.1, evil.example',
  'local host',
  '',
]

describe('the Host header', () => {
  beforeAll(() => start({ allowedHosts: 'gateway.example' }))
  afterAll(() => world.stop())

  it.each(EVERY)('of somebody else opens nothing: $method $path', async (door) => {
    await unchanged(async () => {
      for (const host of FOREIGN_HOSTS) {
        const answer = await knock(door, [`host: ${host}`, JSON_TYPE, asAdmin()], bodyOf())
        expect(isClientsError(answer.status) ? 'refused' : `${host}: ${answer.status}`).toBe('refused')
      }
    })
    expect(world.simulator.received).toEqual([])
  })

  it.each(EVERY)('must be there, once, and not in the target: $method $path', async (door) => {
    const away = `http://127.0.0.1${door.path}`
    for (const [lines, path] of [
      [[], door.path],
      [[HOST, HOST], door.path],
      [[HOST, 'host: evil.example'], door.path],
      [['host: evil.example', HOST], door.path],
      [[HOST], away],
      [[HOST], `http://evil.example${door.path}`],
      [['host : 127.0.0.1'], door.path],
    ] as const) {
      const answer = await knock({ ...door, path }, [...lines, JSON_TYPE, asAdmin()], bodyOf())
      expect(answer.status).toBe(400)
    }
    expect(world.simulator.received).toEqual([])
  })

  it.each([
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1',
    '[::1]',
    '[::1]:8080',
    'app.localhost',
    'localhost.',
    'gateway.example',
    'Gateway.Example:443',
  ])('of our own is welcome: %s', async (host) => {
    const answer = await knock(
      { name: 'x', method: 'GET', path: '/api/accounts', hasBody: false, isOpen: false },
      [`host: ${host}`, asAdmin()],
    )
    expect(answer.status).toBe(200)
  })
})

describe('a page of another site', () => {
  beforeAll(() => start({ allowedOrigins: 'https://dashboard.example' }))
  afterAll(() => world.stop())

  const FOREIGN: readonly (readonly string[])[] = [
    ['origin: http://evil.example'],
    ['origin: null'],
    ['origin: '],
    ['origin: http://127.0.0.1:1'],
    ['origin: http://localhost'],
    ['origin: http://127.0.0.1.evil.example'],
    ['origin: https://dashboard.example.evil.example'],
    ['origin: http://dashboard.example'],
    ['sec-fetch-site: cross-site'],
    ['sec-fetch-site: same-site'],
    ['sec-fetch-site: Cross-Site'],
    ['origin: http://evil.example', 'sec-fetch-site: none'],
    ['origin: http://evil.example', 'sec-fetch-site: same-origin'],
  ]

  it.each(EVERY)('can do nothing: $method $path', async (door) => {
    await unchanged(async () => {
      for (const lines of FOREIGN) {
        for (const type of [JSON_TYPE, 'content-type: text/plain']) {
          const answer = await knock(door, [HOST, type, asAdmin(), ...lines], bodyOf())
          expect({ lines, status: answer.status }).toEqual({ lines, status: 403 })
          expect(headerOf(answer, 'access-control-allow-origin')).toBeUndefined()
        }
      }
    })
    expect(world.simulator.received).toEqual([])
  })

  it.each(EVERY)('is told by no header that it may read: $method $path', async (door) => {
    const preflight = [
      HOST,
      'origin: http://evil.example',
      'access-control-request-method: POST',
      'access-control-request-headers: authorization,content-type',
    ]
    const answer = await knock({ ...door, method: 'OPTIONS', hasBody: false }, preflight)
    expect(answer.status).toBe(403)
    expect(answer.headers.filter(([name]) => name.startsWith('access-control-'))).toEqual([])
  })

  it.each([
    'origin: http://127.0.0.1',
    'origin: https://dashboard.example',
    'sec-fetch-site: same-origin',
    'sec-fetch-site: none',
    'origin: http://127.0.0.1\r\nsec-fetch-site: same-origin',
  ])('is not what a page of our own is: %p', async (lines) => {
    const door = { name: 'x', method: 'GET', path: '/api/accounts', hasBody: false, isOpen: false }
    expect(await knock(door, [HOST, asAdmin(), lines])).toMatchObject({ status: 200 })
  })
})

const CONFUSING = [
  '//api/accounts',
  '/api//accounts',
  '/./api/accounts',
  '/api/./accounts',
  '/v1/../api/accounts',
  '/health/../api/accounts',
  '/v1/%2e%2e/api/accounts',
  '/v1/%2E%2E/api/accounts',
  '/v1/..;/api/accounts',
  '/api;x/accounts',
  '/api/accounts;x',
  '/api%2faccounts',
  '/api%2Faccounts',
  '/api%5caccounts',
  '/api\\accounts',
  '/%61pi/accounts',
  '/%61%70%69/accounts',
  '/api/%61ccounts',
  '/API/accounts',
  '/Api/Accounts',
  '/api/accounts/',
  '/api/accounts%00',
  '/api/accounts%20',
  '/api/accounts/a/../a',
  '/api/accounts?/health',
  '/health%2f..%2fapi/accounts',
  '/health/api/accounts',
  '/%6detrics',
  '/Metrics',
  '/metrics/',
  '/api/openapi.json/',
  '/api',
  '/api/',
]

describe('the spelling of a path', () => {
  afterEach(() => world.stop())

  it('is no way around the admin’s token', async () => {
    await start()
    for (const path of CONFUSING) {
      const answer = await exchange(world.url, `GET ${path} HTTP/1.1\r\n${HOST}\r\n\r\n`)
      expect(isClientsError(answer.status) ? 'refused' : `${path}: ${answer.status}`).toBe('refused')
      expect(answer.body.toString()).not.toMatch(/baseUrl|spillway_in_flight|"openapi"/)
    }
  })

  it('is no way around a client’s key', async () => {
    await start({ requireKeys: 'always' })
    for (const path of [
      '/v1/messages',
      '//v1/messages',
      '/v1//messages',
      '/./v1/messages',
      '/V1/messages',
      '/%761/messages',
      '/v1%2fmessages',
      '/v1/./messages',
      '/v1/messages/',
      '/v1/messages;x',
      '/health/../v1/messages',
      '/api/../v1/messages',
      '/v1/messages?beta=true',
    ]) {
      const text = `POST ${path} HTTP/1.1\r\n${HOST}\r\n${JSON_TYPE}\r\ncontent-length: ${bodyOf().length}\r\n\r\n${bodyOf()}`
      const { status } = await exchange(world.url, text)
      expect(isClientsError(status) ? 'refused' : `${path}: ${status}`).toBe('refused')
    }
    expect(world.simulator.received).toEqual([])
  })
})

describe('a client’s key', () => {
  afterEach(() => world.stop())
  const ask = async (...lines: readonly string[]): Promise<readonly number[]> => {
    const answers = await Promise.all(
      CLIENT.map((door) => knock(door, [HOST, JSON_TYPE, ...lines], bodyOf())),
    )
    return answers.map(({ status }) => status)
  }
  const ALL_REFUSED = CLIENT.map(() => 401)

  it('is not asked for on loopback while there is none', async () => {
    await start()
    expect(await ask()).not.toContain(401)
  })

  it('is asked for everywhere once there is one, and no other will do', async () => {
    await start()
    const { secret } = await world.api.createKey({ body: { name: 'k' } })
    for (const wrong of [
      [],
      [`x-api-key: ${secret}x`],
      ['x-api-key: '],
      [`authorization: Basic ${secret}`],
      ['authorization: Bearer sk-other'],
      [`authorization: Bearer ${world.adminToken}`],
      [`cookie: key=${secret}`],
    ]) {
      expect(await ask(...wrong)).toEqual(ALL_REFUSED)
    }
    expect(world.simulator.received).toEqual([])
    for (const right of [
      `x-api-key: ${secret}`,
      `authorization: Bearer ${secret}`,
      `AUTHORIZATION: bearer ${secret}`,
    ]) {
      expect(await ask(right)).not.toContain(401)
    }
  })

  it('is not asked for by the greeting, nor by health', async () => {
    await start({ requireKeys: 'always' })
    for (const [method, path] of [
      ['HEAD', '/'],
      ['GET', '/'],
      ['HEAD', '/api/hello'],
      ['GET', '/health'],
    ] as const) {
      const client = await connectRaw(world.url)
      client.write(`${method} ${path} HTTP/1.1\r\n${HOST}\r\n\r\n`)
      expect(await client.until((text) => text.includes('\r\n\r\n'))).toStartWith('HTTP/1.1 200')
      client.close()
    }
  })

  it('that is disabled is refused until it is enabled; one that is revoked for ever', async () => {
    await start()
    const { id, secret } = await world.api.createKey({ body: { name: 'k' } })
    await world.api.changeKey({ params: { id }, body: { disabled: true } })
    expect(await ask(`x-api-key: ${secret}`)).toEqual(ALL_REFUSED)
    await world.api.changeKey({ params: { id }, body: { disabled: false } })
    expect(await ask(`x-api-key: ${secret}`)).not.toContain(401)
    await world.api.revokeKey({ params: { id } })
    expect(await ask(`x-api-key: ${secret}`)).toEqual(ALL_REFUSED)
    expect(
      (
        await world.admin('/api/keys/k', {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: '{"disabled":false}',
        })
      ).status,
    ).toBe(409)
    expect(await ask()).toEqual(ALL_REFUSED)
    await world.restart()
    expect(await ask(`x-api-key: ${secret}`)).toEqual(ALL_REFUSED)
  })

  it('that is wrong is refused in words that do not invite to try again', async () => {
    await start({ requireKeys: 'always' })
    const answer = await world.ask({}, { 'x-api-key': 'spk_wrong' })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } })
  })
})

describe('the bind', () => {
  afterEach(() => world.stop())

  it('is loopback unless the operator says otherwise', async () => {
    await start()
    const { port } = new URL(world.url)
    expect(new URL(world.url).hostname).toBe('127.0.0.1')
    await expect(fetch(`http://127.0.0.2:${port}/health`)).rejects.toThrow()
  })

  it('beyond loopback asks for keys although there is none', async () => {
    await start({ host: '0.0.0.0' })
    expect((await world.ask()).status).toBe(401)
    expect(world.simulator.received).toEqual([])
  })

  it('beyond loopback does not start at all with keys switched off', async () => {
    await start()
    await expect(openWorld({ flags: { host: '0.0.0.0', requireKeys: 'off' } })).rejects.toThrow(/client keys/)
  })

  it('beyond loopback cannot have its keys switched off later', async () => {
    await start({ host: '0.0.0.0' })
    await world.admin('/api/config', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ requireKeys: 'off' }),
    })
    expect((await world.ask()).status).toBe(401)
  })
})
