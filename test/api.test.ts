/** The admin API as its callers meet it: what it refuses, what it lists, what a rename leaves together, how its feed ends. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../src/compose/serve.ts'
import { within } from './support/within.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld({ accounts: ['work'], settings: { requireKeys: 'off' } })
})
afterEach(() => world.stop())

const JSON_TYPE = { 'content-type': 'application/json' }

interface Problem {
  readonly code: string
  readonly message: string
  readonly details?: readonly { readonly path: string; readonly message: string }[]
}

const get = async (path: string) => JSON.parse(await (await world.admin(path)).text())

async function problemOf(path: string, init?: RequestInit): Promise<Problem & { readonly status: number }> {
  const response = await world.admin(path, init)
  const { error }: { readonly error: Problem } = JSON.parse(await response.text())
  return { status: response.status, ...error }
}

describe('a parameter', () => {
  it.each([
    ['cursor=garbage', 'cursor'],
    ['cursor=', 'cursor'],
    ['status=', 'status'],
    ['status=foo', 'status'],
    ['status=-1', 'status'],
    ['status=99999', 'status'],
    ['limit=', 'limit'],
  ])('that is none (%s) is refused with a sentence', async (query, path) => {
    const { status, code, message, details } = await problemOf(`/api/requests?${query}`)
    expect({ status, code }).toEqual({ status: 400, code: 'bad-request' })
    expect(message).toMatch(/^".+": .+\.$/)
    expect(message).not.toContain('Invalid input')
    expect(details?.map((detail) => detail.path)).toEqual([path])
  })

  it('for a status says what is allowed', async () => {
    const { message } = await problemOf('/api/requests?status=foo')
    for (const word of ['HTTP status', 'ok', 'client-error', 'upstream-error', 'refused', 'truncated'])
      expect(message).toContain(word)
  })

  it('for a status may be a number or an outcome', async () => {
    await world.ask()
    await world.rows(1)
    for (const [status, count] of [
      ['200', 1],
      ['ok', 1],
      ['0', 0],
      ['refused', 0],
    ] as const) {
      const { requests } = await get(`/api/requests?status=${status}`)
      expect([status, requests.length]).toEqual([status, count])
    }
  })

  it.each([
    ['/health', 'GET'],
    ['/metrics', 'GET'],
    ['/api/accounts', 'GET'],
    ['/api/accounts/work', 'GET'],
    ['/api/accounts/work', 'DELETE'],
    ['/api/accounts/work/pause', 'POST'],
    ['/api/openapi.json', 'GET'],
    ['/api/requests', 'GET'],
    ['/api/requests/stream', 'GET'],
    ['/api/config', 'GET'],
    ['/api/system', 'GET'],
  ])('that nobody knows is refused with its name at %s (%s)', async (path, method) => {
    const problem = await problemOf(`${path}?nonsense=1`, { method })
    expect(problem).toMatchObject({ status: 400, code: 'bad-request', details: [{ path: 'nonsense' }] })
    expect(problem.message).toContain('"nonsense"')
    expect((await world.api.showAccount({ params: { id: 'work' } })).state.kind).toBe('ready')
  })
})

describe('a body', () => {
  const post = (path: string, body: string, headers: Record<string, string> = JSON_TYPE) =>
    problemOf(path, { method: 'POST', headers, body })

  it('with a field that nobody knows is refused with its name, also where none is needed', async () => {
    expect(await post('/api/accounts/work/pause', '{"nonsense":1}')).toMatchObject({
      status: 400,
      details: [{ path: 'nonsense' }],
    })
    expect(await post('/api/keys', '{"name":"k","nonsense":1}')).toMatchObject({
      status: 400,
      details: [{ path: 'nonsense' }],
    })
    expect((await world.api.showAccount({ params: { id: 'work' } })).state.kind).toBe('ready')
  })

  it('may be empty, or an empty object, where none is needed', async () => {
    for (const body of ['', '{}']) {
      const init = { method: 'POST', headers: JSON_TYPE, body }
      expect((await world.admin('/api/accounts/work/pause', init)).status).toBe(200)
    }
  })

  it('that does not say it is JSON is refused with a code of its own', async () => {
    const problem = await post('/api/keys', '{"name":"k"}', { 'content-type': 'text/plain' })
    expect(problem).toMatchObject({ status: 415, code: 'unsupported-media-type' })
  })
})

describe('the OpenAPI document', () => {
  it('lists what answers with something else than JSON too', async () => {
    const { paths } = await get('/api/openapi.json')
    expect(paths['/api/requests/stream'].get.responses[200].content).toHaveProperty('text/event-stream')
    expect(paths['/metrics'].get.responses[200].content).toHaveProperty('text/plain')
    expect(paths['/api/accounts'].get.operationId).toBe('listAccounts')
  })

  it('is there as a page that no browser may do anything with but read it', async () => {
    const answer = await world.admin('/api/docs')
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await answer.text()).toContain('<code>/api/accounts/{id}/pause</code>')
  })
})

describe('a rename', () => {
  const countOf = async (query: string): Promise<number> =>
    (await get(`/api/requests?${query}`)).requests.length

  it('of an account leaves its history together', async () => {
    await world.ask()
    await world.rows(1)
    await world.api.changeAccount({ params: { id: 'work' }, body: { name: 'office' } })
    await world.ask()
    await world.rows(2)
    expect(await countOf('account=office')).toBe(2)
    expect(await countOf('account=work')).toBe(1)
    const { accounts } = await world.api.stats({})
    expect(accounts.map(({ name, requests }) => [name, requests])).toEqual([['office', 2]])
  })

  it('of a key leaves its history together', async () => {
    await world.api.changeConfig({ body: { requireKeys: 'always' } })
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    await world.ask({}, { 'x-api-key': secret })
    await world.rows(1)
    await world.api.changeKey({ params: { id: 'laptop' }, body: { name: 'desk' } })
    await world.ask({}, { 'x-api-key': secret })
    await world.rows(2)
    expect(await countOf('key=desk')).toBe(2)
    expect(await countOf('key=laptop')).toBe(1)
    const { keys } = await world.api.stats({})
    expect(keys.map(({ name, requests }) => [name, requests])).toEqual([['desk', 2]])
  })

  it('that frees a name keeps the next one of that name apart', async () => {
    await world.ask()
    await world.rows(1)
    await world.api.changeAccount({ params: { id: 'work' }, body: { name: 'office' } })
    await world.api.addAccount({
      body: { name: 'work', provider: 'console', apiKey: 'CANARY-next', baseUrl: world.simulator.url },
    })
    expect(await countOf('account=work')).toBe(0)
    expect(await countOf('account=office')).toBe(1)
  })
})

describe('the live feed', () => {
  it('ends at once when the gateway is stopped, and holds up nothing', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'spillway-api-'))
    const running = await startGateway({
      places: { dataDirectory, configFile: join(dataDirectory, 'config.json') },
      flags: { port: 0, logFormat: 'json' },
      environment: {},
      output: { write: () => {}, flush: () => {}, dropped: 0 },
    })
    const headers = { authorization: `Bearer ${running.gateway.adminToken}` }
    const response = await fetch(`${running.url}/api/requests/stream`, { headers })
    const text = response.text()
    await within(running.stop(60_000), 'the gateway to stop')
    expect(await text).toContain(': connected')
    rmSync(dataDirectory, { recursive: true })
  })
})
