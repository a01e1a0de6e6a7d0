/** The door: what goes to the proxy, what to the control plane, and what to neither (G12). */
import { describe, expect, it } from 'bun:test'
import { memoryLog } from '../../test/support/samples.ts'
import { GatewayError } from '../core/error.ts'
import type { Headers as HeaderList } from '../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply, type RequestHandler } from '../core/ports/client.ts'
import { createDispatch } from './dispatch.ts'

interface Answer {
  readonly by: string
  readonly status: number
  readonly body: string
  readonly isBroken: boolean
  readonly log: readonly string[]
}

interface Plan {
  readonly method?: string
  readonly headers?: HeaderList
  readonly proxy?: RequestHandler
  readonly signal?: AbortSignal
}

/** Sends a request through the door and tells who answered it, and how. */
async function ask(path: string, plan: Plan = {}): Promise<Answer> {
  const {
    method = 'GET',
    headers = [['host', '127.0.0.1:8080']],
    signal = new AbortController().signal,
  } = plan
  const answer = { by: 'door', status: 0, body: '', isBroken: false }
  const reply: Reply = {
    start: (status) => void Object.assign(answer, { status }),
    write: () => undefined,
    end: (bytes = new Uint8Array(0)) => void Object.assign(answer, { body: Buffer.from(bytes).toString() }),
    break: () => void Object.assign(answer, { isBroken: true }),
    get hasStarted() {
      return answer.status !== 0
    },
  }
  const by = (name: string) => async () => void Object.assign(answer, { by: name })
  const log = memoryLog()
  const request: ClientRequest = {
    ...{ method, path, query: '', headers, peer: '127.0.0.1', signal },
    body: () => Promise.resolve(new Uint8Array(0)),
  }
  const dispatch = createDispatch({
    proxy: plan.proxy ?? by('proxy'),
    control: by('control'),
    originPolicy: () => ({ allowedHosts: ['gateway.lan'], allowedOrigins: ['https://app.example'] }),
    admits: () => undefined,
    log,
  })
  await dispatch(request, reply)
  return { ...answer, log: log.lines }
}

describe('a path', () => {
  it.each([
    ['/v1/messages', 'proxy'],
    ['/v1/models', 'proxy'],
    ['/v1/anything/else', 'proxy'],
    ['/api/accounts', 'control'],
    ['/health', 'control'],
    ['/metrics', 'control'],
    ['/v1', 'control'],
    ['/v2/messages', 'control'],
  ])('%s goes to the %s', async (path, whom) => {
    expect((await ask(path, { method: 'POST' })).by).toBe(whom)
  })

  it.each([
    ['/', 'HEAD'],
    ['/', 'GET'],
    ['/api/hello', 'HEAD'],
  ])('%s is answered by the door itself to a %s', async (path, method) => {
    expect(await ask(path, { method })).toMatchObject({ by: 'door', status: 200 })
  })

  it.each([
    '/v1/../api/accounts',
    '/v1/./messages',
    '/v1//messages',
    '//api/accounts',
    '/v1/..',
    '/v1/%2e%2e/api/accounts',
    '/v1/%2E%2E/api',
    '/v1%2f..%2fapi',
    '/v1/..;/api',
    '/v1/messages%00',
    '/v1\\..\\api',
    '/v1/%5c',
  ])('that could be read in two ways goes nowhere: %s', async (path) => {
    expect(await ask(path)).toMatchObject({ by: 'door', status: 400 })
  })
})

describe('a host', () => {
  it.each(['127.0.0.1:8080', 'localhost', '[::1]:8080', 'gateway.lan', 'GATEWAY.LAN:443', '192.0.2.7'])(
    'of this gateway is let in: %s',
    async (host) => {
      expect((await ask('/api/accounts', { headers: [['host', host]] })).by).toBe('control')
    },
  )

  it.each(['evil.example', 'gateway.lan.evil.example', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'of somebody else is turned away: %s',
    async (host) => {
      for (const path of ['/api/accounts', '/v1/messages', '/', '/health']) {
        expect(await ask(path, { headers: [['host', host]] })).toMatchObject({ by: 'door', status: 421 })
      }
    },
  )

  it.each<[string, HeaderList]>([
    ['missing', []],
    [
      'there twice',
      [
        ['host', 'localhost'],
        ['host', 'localhost'],
      ],
    ],
    ['malformed', [['host', 'a b']]],
  ])('that is %s is a bad request', async (_what, headers) => {
    expect(await ask('/v1/messages', { headers })).toMatchObject({ by: 'door', status: 400 })
  })
})

describe('an origin', () => {
  const from = (origin: string): HeaderList => [
    ['host', '127.0.0.1:8080'],
    ['origin', origin],
  ]

  it.each(['http://127.0.0.1:8080', 'https://app.example'])('that may call is let in: %s', async (origin) => {
    expect((await ask('/api/accounts', { headers: from(origin) })).by).toBe('control')
  })

  it.each(['https://evil.example', 'null', 'http://127.0.0.1:9999', 'https://app.example.evil.example'])(
    'that may not is turned away: %s',
    async (origin) => {
      for (const path of ['/api/accounts', '/v1/messages']) {
        expect(await ask(path, { headers: from(origin) })).toMatchObject({ by: 'door', status: 403 })
      }
    },
  )
})

describe('what goes wrong behind the door', () => {
  const failing =
    (error: unknown): RequestHandler =>
    async () => {
      throw error
    }

  it('is told to clients of /v1 in their dialect', async () => {
    const proxy = failing(new GatewayError('too-large', 'The body is too large.'))
    const { status, body } = await ask('/v1/messages', { proxy })
    expect(status).toBe(413)
    expect(JSON.parse(body)).toMatchObject({ type: 'error', error: { message: 'The body is too large.' } })
  })

  it('is told to everybody else in the API’s words', async () => {
    const { status, body } = await ask('/api//x')
    expect(status).toBe(400)
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'bad-request' } })
  })

  it('says nothing of a bug but that there is one, and logs it whole', async () => {
    const answer = await ask('/v1/messages', { proxy: failing(new Error('CANARY-detail')) })
    expect(answer.status).toBe(500)
    expect(answer.body).toContain('Internal error.')
    expect(answer.body).not.toContain('CANARY')
    expect(answer.log).toEqual(['error A request failed because of a bug.'])
  })

  it('breaks an answer that has begun, so that nobody takes it for whole', async () => {
    const proxy: RequestHandler = async (_, reply) => {
      reply.start(200, [], undefined)
      throw new Error('in the middle')
    }
    expect(await ask('/v1/messages', { proxy })).toMatchObject({ status: 200, isBroken: true })
  })

  it('is told to nobody when the client has left', async () => {
    expect(await ask('/v1/messages', { proxy: failing(new ClientGone()) })).toMatchObject({
      status: 0,
      log: [],
    })
    const proxy = failing(new Error('because it left'))
    expect(await ask('/v1/messages', { proxy, signal: AbortSignal.abort() })).toMatchObject({
      status: 0,
      log: [],
    })
  })
})
