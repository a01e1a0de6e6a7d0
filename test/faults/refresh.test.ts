/**
 * Faults 25–34 of `faults.md` §2 (tokens that are refused, end, and are renewed) and 77 (a
 * client that leaves while one is renewed), over real sockets. What needs a clock that is
 * told the time is in src/keeper; G9 by itself in guarantees/g09-one-refresh.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOKEN_ENDPOINT } from '../../src/simulator/logins.ts'
import * as reply from '../../src/simulator/replies.ts'
import { type Behaviour, type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { addSignedIn, openSignedIn, signInAgain, tokenEnvironment } from '../support/signed-in.ts'
import { within } from '../support/within.ts'
import { eventually, type World } from '../support/world.ts'

let world: World
let opened: (() => Promise<void>)[] = []
afterEach(async () => {
  const closing = opened.toReversed()
  opened = []
  for (const close of closing) await close()
})

const open = async (...plan: Parameters<typeof openSignedIn>): Promise<void> => {
  world = await openSignedIn(...plan)
  opened.push(world.stop)
}

const SECOND = 1_000
const TWO = ['a', { name: 'b', priority: 1 }]
const EXPIRED_AND_ONE_MORE = [
  { name: 'a', endsInMs: -SECOND },
  { name: 'b', priority: 1 },
]

const newest = (name: string) => world.simulator.logins.newest(name)
const account = (name = 'a') => world.api.showAccount({ params: { id: name } })
const tokenHealth = async (name = 'a') =>
  (await world.api.tokenHealth()).tokens.find((each) => each.account === name)
const renewals = (simulator: Simulator = world.simulator): number =>
  simulator.requestsOf(TOKEN_ENDPOINT).filter(({ body }) => body.includes('"refresh_token"')).length
const messages = (key: string): number =>
  world.simulator.requestsOf(key).filter(({ target }) => target.startsWith('/v1/messages')).length
const lastRow = async (count: number) => (await world.rows(count)).at(-1)

/** Reads an answer whole; its status, and the account that it came from. */
async function outcomeOf(asking: Promise<Response>) {
  const response = await asking
  const text = await response.text()
  return { status: response.status, by: response.headers.get('x-spillway-account'), response, text }
}

describe('row 25: a token that is refused and renewed', () => {
  it.each([false, true])('serves the request on the same account, with stream: %p', async (stream) => {
    await open({ accounts: TWO })
    const { accessToken } = newest('a')
    world.simulator.logins.expire(accessToken)
    const { status, by, text, response } = await outcomeOf(world.ask({ stream }))
    expect({ status, by }).toEqual({ status: 200, by: 'a' })
    expect(text).toContain(stream ? 'message_stop' : 'simulated provider speaking')
    expect(response.headers.get('x-spillway-attempts')).toBe('2')
    expect([renewals(), messages(accessToken), messages(newest('a').accessToken)]).toEqual([1, 1, 1])
    expect(messages(newest('b').accessToken)).toBe(0)
  })

  it('is shown by the row’s attempts, and is held against nobody', async () => {
    await open()
    world.simulator.logins.expire(newest('a').accessToken)
    await outcomeOf(world.ask())
    const row = await lastRow(1)
    expect(row?.attempts).toMatchObject([
      { account: 'a', status: 401, failure: 'unauthorized' },
      { account: 'a', status: 200 },
    ])
    expect(row).toMatchObject({ outcome: 'ok', decision: { reason: 'its token has been renewed' } })
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it('is renewed once for all that come after it', async () => {
    await open()
    world.simulator.logins.expire(newest('a').accessToken)
    for (const _ of [1, 2, 3]) expect((await outcomeOf(world.ask())).status).toBe(200)
    await world.restart()
    expect((await outcomeOf(world.ask())).status).toBe(200)
    expect(renewals()).toBe(1)
    expect(messages(newest('a').accessToken)).toBe(4)
  })
})

describe('row 26: a token that is refused and cannot be renewed any more', () => {
  it('sends the request to the next account, and the account needs a sign-in at once', async () => {
    await open({ accounts: TWO })
    world.simulator.logins.revoke(newest('a').refreshToken)
    expect(await outcomeOf(world.ask())).toMatchObject({ status: 200, by: 'b' })
    const { state } = await account()
    expect(state).toMatchObject({ kind: 'needs-login' })
    expect(state.reason).toContain('Refresh token not found or invalid')
    expect(state.remedy).toContain('spillway accounts login a')
    expect(await tokenHealth()).toMatchObject({ status: 'needs-login', remedy: state.remedy })
    expect((await lastRow(1))?.attempts).toMatchObject([
      { account: 'a', status: 401, failure: 'login-required' },
      { account: 'b', status: 200 },
    ])
  })

  it('is answered with 401 and x-should-retry: false when there is no other', async () => {
    await open()
    world.simulator.logins.revoke(newest('a').refreshToken)
    for (const attempts of ['1', '0']) {
      const { status, text, response } = await outcomeOf(world.ask())
      expect(status).toBe(401)
      expect(response.headers.get('x-should-retry')).toBe('false')
      expect(response.headers.get('x-spillway-attempts')).toBe(attempts)
      expect(text).toContain('no longer knows its grant')
    }
    expect(renewals()).toBe(1)
  })

  it('is not asked about again by requests that were under way with the same token', async () => {
    await open()
    const { accessToken, refreshToken } = newest('a')
    const gates = [1, 2, 3].map(() => Promise.withResolvers<void>())
    world.simulator.script(
      accessToken,
      ...gates.map(({ promise }) => [reply.until(promise), ...reply.tokenExpired]),
    )
    const asking = gates.map((_, index) => outcomeOf(world.ask({ system: `talk ${index}` })))
    await eventually(() => messages(accessToken) === 3 || undefined, 'three requests under way')
    world.simulator.logins.revoke(refreshToken)
    for (const [index, gate] of gates.entries()) {
      gate.resolve()
      await world.rows(index + 1)
    }
    for (const { status } of await Promise.all(asking)) expect(status).toBe(401)
    expect(renewals()).toBe(1)
  })

  it('heals when somebody signs in again, also after a restart', async () => {
    await open({ accounts: TWO })
    world.simulator.logins.revoke(newest('a').refreshToken)
    await outcomeOf(world.ask())
    await world.restart()
    expect((await account()).state.kind).toBe('needs-login')
    await signInAgain(world, 'a')
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect(await outcomeOf(world.ask({ system: 'anew' }))).toMatchObject({ status: 200, by: 'a' })
    const { events } = await world.api.listAccountEvents({ params: { id: 'a' }, query: {} })
    expect(events.map(({ kind }) => kind)).toEqual(['new-credential', 'needs-login'])
  })
})

const BROKEN: readonly (readonly [what: string, behaviour: Behaviour])[] = [
  ['a reset', [reply.reset]],
  ['a 500', reply.serverError],
  ['a 503 from an edge', reply.html(503)],
  ['a web page with 200', reply.html(200)],
  ['a web page with 403', reply.html(403)],
  ['no JSON with 200', reply.whole(200, '{"access_token":')],
  ['an array', reply.whole(200, '["CANARY-not-a-token"]')],
  ['a 401 in the shape of messages', reply.unauthorized],
  ['a 429', reply.throttled(90)],
  ['a wait without end', reply.throttled(1e20)],
  ['a wrong client', reply.oauthRefusal('invalid_client', 'Who is that?')],
]

describe('row 27: a token that is refused while the token endpoint is in trouble', () => {
  it.each(BROKEN)('(%s) sends the request to the next account', async (_what, broken) => {
    await open({ accounts: TWO })
    world.simulator.always(TOKEN_ENDPOINT, broken)
    world.simulator.logins.expire(newest('a').accessToken)
    expect(await outcomeOf(world.ask())).toMatchObject({ status: 200, by: 'b' })
    expect(await account()).toMatchObject({ state: { kind: 'cooling' } })
    expect((await tokenHealth())?.status).toBe('healthy')
  })

  it.each(BROKEN)('(%s) is answered with 503 when there is no other', async (_what, broken) => {
    await open()
    world.simulator.always(TOKEN_ENDPOINT, broken)
    world.simulator.logins.expire(newest('a').accessToken)
    for (const _ of [1, 2]) {
      const { status, response, text } = await outcomeOf(world.ask())
      expect(status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(text).toContain('could not be renewed')
    }
    expect(renewals()).toBe(1)
  })

  it('is renewed as soon as the endpoint is well again, without anybody’s doing', async () => {
    await open()
    world.simulator.script(TOKEN_ENDPOINT, reply.serverError)
    world.simulator.logins.expire(newest('a').accessToken)
    expect((await outcomeOf(world.ask())).status).toBe(503)
    await eventually(
      async () => (await account()).state.kind === 'ready' || undefined,
      'the pause to end',
      20_000,
    )
    expect((await outcomeOf(world.ask())).status).toBe(200)
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it.each(BROKEN)('(%s) is used while it lives', async (_what, broken) => {
    await open({ accounts: [{ name: 'a', endsInMs: 30 * SECOND }] })
    world.simulator.always(TOKEN_ENDPOINT, broken)
    for (const _ of [1, 2]) expect((await outcomeOf(world.ask())).status).toBe(200)
    expect(renewals()).toBe(1)
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it('says nothing of the token that a refusal repeats, not even a part of it', async () => {
    await open()
    const { accessToken, refreshToken } = newest('a')
    const padded = `${'x'.repeat(192)} ${refreshToken}`
    world.simulator.always(TOKEN_ENDPOINT, reply.oauthRefusal('invalid_request', padded))
    world.simulator.logins.expire(accessToken)
    const { text } = await outcomeOf(world.ask())
    expect(text).toContain('invalid_request')
    expect(text).not.toContain('CANARY')
  })
})

describe('row 28: a token that is refused right after it was renewed', () => {
  it('sends the request to the next account, without another renewal, and cools', async () => {
    await open({ accounts: TWO })
    world.simulator.logins.expire(newest('a').accessToken)
    world.simulator.always('CANARY-oat-3', reply.bearerUnknown)
    expect(await outcomeOf(world.ask())).toMatchObject({ status: 200, by: 'b' })
    expect(newest('a').accessToken).toBe('CANARY-oat-3')
    expect((await lastRow(1))?.attempts).toMatchObject([
      { account: 'a', status: 401 },
      { account: 'a', status: 401, failure: 'unauthorized' },
      { account: 'b', status: 200 },
    ])
    const { cooldowns } = await account()
    expect(cooldowns).toMatchObject([{ scope: 'account', cause: 'unauthorized' }])
    expect((await outcomeOf(world.ask())).by).toBe('b')
    expect(renewals()).toBe(1)
  })

  it('is not renewed for others either who met the new one meanwhile', async () => {
    await open()
    const gate = Promise.withResolvers<void>()
    world.simulator.logins.expire(newest('a').accessToken)
    world.simulator.script('CANARY-oat-2', [reply.until(gate.promise), ...reply.bearerUnknown])
    world.simulator.script('CANARY-oat-2', reply.bearerUnknown, reply.bearerUnknown)
    const first = outcomeOf(world.ask())
    await eventually(() => messages('CANARY-oat-2') === 1 || undefined, 'the new token to be used')
    expect((await outcomeOf(world.ask({ system: 'another' }))).status).toBe(401)
    gate.resolve()
    expect((await first).status).toBe(401)
    expect(renewals()).toBe(1)
  })
})

describe('row 29: a renewal that hangs', () => {
  it('is waited for ten seconds, by all alike, and then the next account is asked', async () => {
    await open({ accounts: EXPIRED_AND_ONE_MORE })
    world.simulator.always(TOKEN_ENDPOINT, [reply.stall])
    const startedAt = performance.now()
    const asking = [1, 2, 3].map((talk) => outcomeOf(world.ask({ system: `talk ${talk}` })))
    for (const { status, by } of await within(Promise.all(asking), 'all of them', 15_000))
      expect({ status, by }).toEqual({ status: 200, by: 'b' })
    expect(performance.now() - startedAt).toBeGreaterThan(9_500)
    expect(renewals()).toBe(1)
    expect((await account()).state).toMatchObject({ kind: 'cooling' })
  }, 30_000)
})

describe('row 30: a hundred requests with a token that has ended', () => {
  it.each([
    ['known to have', -SECOND],
    ['as its provider says', 3_600 * SECOND],
  ])('(%s) are all served after one renewal', async (_what, endsInMs) => {
    await open({ accounts: [{ name: 'a', endsInMs }] })
    world.simulator.logins.expire(newest('a').accessToken)
    const asking = Array.from({ length: 100 }, (_, index) =>
      outcomeOf(world.ask({ system: `talk ${index}`, stream: index % 2 === 0 })),
    )
    for (const { status } of await Promise.all(asking)) expect(status).toBe(200)
    expect([renewals(), world.simulator.logins.refreshes.length]).toEqual([1, 1])
    expect(world.simulator.logins.reuses).toEqual([])
    expect(await world.rows(100)).toHaveLength(100)
  })
})

describe('row 32: a gateway that is killed between the provider’s answer and its storing', () => {
  let simulator: Simulator
  let directory: string
  const processes: GatewayProcess[] = []
  const startOn = async (): Promise<GatewayProcess> => {
    const environment = { ...tokenEnvironment(simulator), SPILLWAY_USAGE_POLL_MS: '0' }
    const started = await startGatewayProcess({ dataDirectory: directory, environment })
    processes.push(started)
    return started
  }
  const askAt = ({ url }: GatewayProcess) =>
    outcomeOf(fetch(`${url}/v1/messages`, { method: 'POST', headers: JSON_TYPE, body: QUESTION }))
  const renewalsMade = () => renewals(simulator)

  /** Killed while the token endpoint has just done what `behaviour` does, and says nothing. */
  async function killIn(behaviour: Behaviour): Promise<void> {
    simulator = startSimulator()
    directory = mkdtempSync(join(tmpdir(), 'spillway-refresh-'))
    opened.push(async () => {
      for (const each of processes) await each.kill()
      simulator.stop()
      for (const name of ['spillway.db', 'spillway.db-wal', 'ledger.journal'])
        expect(readFileSync(join(directory, name), 'latin1')).not.toContain('CANARY-')
      rmSync(directory, { recursive: true, force: true })
    })
    const first = await startOn()
    await addSignedIn({ api: first.api, simulator }, { name: 'a', endsInMs: -SECOND })
    simulator.script(TOKEN_ENDPOINT, behaviour)
    const asking = askAt(first).catch(() => undefined)
    await eventually(() => renewalsMade() === 1 || undefined, 'the renewal to be under way')
    await first.kill()
    await asking
  }

  it('needs a sign-in after one more try, and says that the renewed token was lost', async () => {
    await killIn((request) => {
      simulator.unscripted(request)
      return [reply.stall]
    })
    const second = await startOn()
    const { status, text } = await askAt(second)
    expect(status).toBe(401)
    expect(text).toContain('its renewed token was lost')
    const { state } = await second.api.showAccount({ params: { id: 'a' } })
    expect(state).toMatchObject({ kind: 'needs-login' })
    expect(state.reason).toContain('its renewed token was lost')
    expect(renewalsMade()).toBe(2)
    await second.kill()
    const third = await startOn()
    expect((await askAt(third)).status).toBe(401)
    expect(renewalsMade()).toBe(2)
  }, 30_000)

  it('goes on where the provider had not renewed it yet', async () => {
    await killIn([reply.stall])
    expect((await askAt(await startOn())).status).toBe(200)
    expect([renewalsMade(), simulator.logins.refreshes.length]).toEqual([2, 1])
  }, 30_000)
})

describe('a gateway that is asked to end while a token is being renewed', () => {
  it('keeps the renewed one', async () => {
    await open({ accounts: [{ name: 'a', endsInMs: -SECOND }] })
    const { simulator } = world
    simulator.script(TOKEN_ENDPOINT, (request) => {
      const renewed = simulator.unscripted(request)
      return [reply.wait(300), ...renewed]
    })
    const asking = outcomeOf(world.ask()).catch(() => undefined)
    await eventually(() => renewals() === 1 || undefined, 'the renewal to be under way')
    await world.restart()
    await asking
    expect((await outcomeOf(world.ask())).status).toBe(200)
    expect(simulator.logins.reuses).toEqual([])
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }
const QUESTION = JSON.stringify({
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Is this index used?' }],
})

describe('row 33: a renewal without a new refresh token', () => {
  it('keeps the one before', async () => {
    await open({ accounts: [{ name: 'a', endsInMs: -SECOND }] })
    world.simulator.logins.answers = { omitRefreshToken: true }
    expect((await outcomeOf(world.ask())).status).toBe(200)
    world.simulator.logins.expire(newest('a').accessToken)
    await world.restart()
    expect((await outcomeOf(world.ask())).status).toBe(200)
    const { refreshes, reuses } = world.simulator.logins
    expect(new Set(refreshes.map(({ from }) => from)).size).toBe(1)
    expect([refreshes.length, reuses.length]).toEqual([2, 0])
  })
})

describe('row 34: a renewal that cannot be relied on', () => {
  it.each([
    ['does not say how long it holds', { omitExpiresIn: true }],
    ['is of another type', { tokenType: 'DPoP' }],
  ])('because it %s is refused, and the next account serves', async (_what, answers) => {
    await open({ accounts: EXPIRED_AND_ONE_MORE })
    world.simulator.logins.answers = answers
    expect((await outcomeOf(world.ask())).by).toBe('b')
    expect((await account()).state).toMatchObject({ kind: 'cooling' })
    expect((await lastRow(1))?.attempts).toMatchObject([
      { account: 'a', failure: 'refresh-failed' },
      { account: 'b', status: 200 },
    ])
    expect(messages(newest('a').accessToken)).toBe(0)
  })

  it('because its address is neither secure nor on this machine is not asked for', async () => {
    await open()
    const response = await world.admin('/api/config', {
      method: 'PATCH',
      headers: JSON_TYPE,
      body: JSON.stringify({ anthropicOauthUrl: 'http://platform.claude.example' }),
    })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('anthropicOauthUrl')
  })
})

describe('row 77: a client that leaves while its token is being renewed', () => {
  it('is let go of at once, and the renewal goes on for the others', async () => {
    await open({ accounts: [{ name: 'a', endsInMs: -SECOND }] })
    const gate = Promise.withResolvers<void>()
    const { simulator } = world
    simulator.script(TOKEN_ENDPOINT, (request) => [
      reply.until(gate.promise),
      ...simulator.unscripted(request),
    ])
    const leaving = new AbortController()
    const gone = fetch(`${world.url}/v1/messages`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: QUESTION,
      signal: leaving.signal,
    }).catch(() => 'gone')
    await eventually(() => renewals() === 1 || undefined, 'the renewal to be under way')
    const staying = outcomeOf(world.ask({ system: 'staying' }))
    leaving.abort()
    expect(await gone).toBe('gone')
    expect(await lastRow(1)).toMatchObject({ outcome: 'aborted', status: 0 })
    gate.resolve()
    expect((await staying).status).toBe(200)
    expect(renewals()).toBe(1)
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })
})
