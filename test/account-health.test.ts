/**
 * One account through its whole life, over real sockets: what its state is, why, since when
 * and until when, what a person has to do, and which events tell of it. What decides is
 * core/health.ts and has its own tests.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { pathOf } from '../src/simulator/healthy.ts'
import { TOKEN_ENDPOINT } from '../src/simulator/logins.ts'
import {
  forbidden,
  message,
  oauthRefusal,
  overloaded,
  type Reply,
  refusal,
  refusedWithoutReason,
  serverError,
  throttled,
  unauthorized,
  until,
} from '../src/simulator/replies.ts'
import { inFlight } from './support/metrics.ts'
import { openSignInWorld, signIn } from './support/sign-in.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const HOUR = 3_600_000

async function openOne(more: { readonly planOnly?: boolean } = {}): Promise<void> {
  world = await openSignInWorld()
  await signIn(world, 'a', { mode: 'max', as: { id: 'a' }, ...more })
}

it('a whole life: spent, tested when its time has come, logged out, signed in again, paused', async () => {
  await openOne()
  expect((await account()).state).toEqual({ kind: 'ready' })

  const resetsAt = secondsAhead(3)
  spend(100, resetsAt)
  const before = Date.now()
  expect(await ask()).toBe(429)
  const { state: cooling } = await account()
  expect(cooling).toMatchObject({ kind: 'cooling', reason: 'its 5h window is spent (429)' })
  expect(Date.parse(cooling.since ?? '')).toBeWithin(before, Date.now() + 1)
  expect(Date.parse(cooling.until ?? '')).toBe(resetsAt)
  expect(cooling.remedy).toBeUndefined()
  const asked = messages()
  expect(await ask()).toBe(429)
  expect(messages()).toBe(asked)

  await eventually(() => Date.now() > resetsAt || undefined, 'the window’s end')
  expect((await account()).state.kind).toBe('ready')
  const held = holdNext()
  const waiting = [world.ask(), world.ask(), world.ask()]
  await inFlight(world, 3)
  await eventually(() => messages() > asked || undefined, 'the test')
  expect(messages()).toBe(asked + 1)
  held.release()
  expect(await statusesOf(waiting)).toEqual([200, 200, 200])

  world.simulator.logins.revoke(world.simulator.logins.newest('a').refreshToken)
  expect(await ask()).toBe(401)
  const { state: lost } = await account()
  const { reason = '' } = lost
  expect(reason).toMatch(/no longer knows its grant/)
  expect(lost).toMatchObject({
    kind: 'needs-login',
    since: expect.any(String),
    remedy: 'Sign in again with "spillway accounts login a".',
  })
  expect(lost.until).toBeUndefined()
  expect((await world.api.tokenHealth()).tokens).toMatchObject([{ account: 'a', status: 'needs-login' }])
  const renewals = world.simulator.logins.tokenRequests
  expect(await ask()).toBe(401)
  expect(world.simulator.logins.tokenRequests).toBe(renewals)

  await signIn(world, 'a', { mode: 'max', as: { id: 'a' } })
  expect((await account()).state).toEqual({ kind: 'ready' })
  expect(await ask()).toBe(200)

  await world.api.pauseAccount({ params: { id: 'a' } })
  expect((await account()).state).toMatchObject({
    kind: 'paused',
    reason: 'paused by hand',
    since: expect.any(String),
    remedy: 'Use it again with "spillway accounts resume a".',
  })
  expect(await ask()).toBe(503)
  await world.api.resumeAccount({ params: { id: 'a' } })
  expect(await ask()).toBe(200)

  const told = await events()
  expect(told.map(({ kind }) => kind)).toEqual([
    'resumed',
    'paused',
    'new-credential',
    'needs-login',
    'recovered',
    'cooling',
  ])
  expect(told.at(-1)).toMatchObject({
    scope: 'account',
    cause: 'window-spent',
    evidence: 'its 5h window is spent (429)',
    until: new Date(resetsAt).toISOString(),
  })
  expect(told[3]?.evidence).toBe(reason)
  await world.restart()
  expect(await events()).toEqual(told)
})

describe('what is held against an account', () => {
  it('survives a restart, with its reason, its beginning and its end', async () => {
    await openOne()
    spend(100, secondsAhead(3_600))
    await ask()
    const { state, cooldowns } = await account()
    await world.restart()
    expect(await account()).toMatchObject({ state, cooldowns })
    const asked = messages()
    expect(await ask()).toBe(429)
    expect(messages()).toBe(asked)
  })

  it('is the need of a sign-in over a restart too', async () => {
    await openOne()
    world.simulator.script(
      TOKEN_ENDPOINT,
      oauthRefusal('invalid_grant', 'Refresh token not found or invalid'),
    )
    world.simulator.logins.expire(token())
    await ask()
    const { state } = await account()
    expect(state.kind).toBe('needs-login')
    await world.restart()
    expect((await account()).state).toEqual(state)
    const { received } = world.simulator
    const before = received.length
    expect(await ask()).toBe(401)
    expect(received).toHaveLength(before)
  })

  it('can be forgotten by hand', async () => {
    await openOne()
    spend(100, secondsAhead(3_600))
    await ask()
    const cleared = await world.api.clearCooldown({ params: { id: 'a' } })
    expect(cleared).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    spend(1, secondsAhead(3_600))
    expect(await ask()).toBe(200)
    expect((await events()).map(({ kind }) => kind)).toEqual(['cleared', 'cooling'])
  })

  it('is one family’s affair where only that family’s week is spent', async () => {
    await openOne()
    const resetsAt = secondsAhead(90 * 3_600)
    world.simulator.logins.setUsage('a', { sevenDayFable: { usedPercent: 100, resetsAt } })
    expect(await ask({ model: 'claude-fable-5-2' })).toBe(429)
    expect(await account()).toMatchObject({
      state: { kind: 'ready' },
      cooldowns: [{ scope: 'family:fable', cause: 'family-spent', until: new Date(resetsAt).toISOString() }],
    })
    expect(await ask()).toBe(200)
    expect((await events())[0]).toMatchObject({ kind: 'cooling', scope: 'family:fable' })
  })

  it.each<[what: string, reply: Reply]>([
    ['an overload', overloaded],
    ['a broken server', serverError],
    ['a 429 that names no limit', refusedWithoutReason],
    ['a 400', refusal(400, 'invalid_request_error', 'messages: at least one message is required')],
    ['a right that is missing, as long as nobody else had it', forbidden],
  ])('is nothing after %s', async (_what, reply) => {
    await openOne()
    world.simulator.always(token(), reply)
    await world.api.changeConfig({ body: { retryAttempts: 1, patienceMs: 0 } })
    await ask()
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect(await events()).toEqual([])
  })

  it('is a key that its provider refuses, until a new one comes', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), unauthorized)
    expect(await ask()).toBe(401)
    expect((await account()).state).toMatchObject({
      kind: 'needs-login',
      reason: 'its credential was refused (401)',
      remedy: 'Give it a new key with "spillway accounts set a --api-key-stdin".',
    })
    const apiKey = keyOf('a-new')
    expect((await world.api.changeAccount({ params: { id: 'a' }, body: { apiKey } })).state).toEqual({
      kind: 'ready',
    })
    expect(await ask()).toBe(200)
  })
})

describe('after a test has ended its cooldown', () => {
  beforeEach(async () => {
    world = await openWorld({
      accounts: ['back', { name: 'sibling', priority: 1 }],
      settings: { strategy: 'least-requests' },
    })
    world.simulator.script(keyOf('back'), throttled(1))
    expect(await served(world.ask())).toBe('sibling')
    await eventually(
      async () => (await account('back')).state.kind === 'ready' || undefined,
      'the throttle’s end',
    )
  })

  it(
    'an account is given one request at a time at first, and more step by step',
    async () => {
      expect(await served(world.ask())).toBe('back')
      const held = holdAll('back')
      const first = world.ask()
      await eventually(() => sentTo('back') === 3 || undefined, 'the request after the test')
      expect(await served(world.ask({ stream: true }))).toBe('sibling')
      const { asked: second } = await eventually(
        async () => {
          const asked = world.ask({ stream: true })
          const isBack = await Promise.race([asked.then(() => false), atBack()])
          if (isBack) return { asked }
          await (await asked).text()
          return undefined
        },
        'a second request beside it',
        RAMP_MS,
      )
      held.release()
      expect(await statusesOf([first, second])).toEqual([200, 200])
    },
    2 * RAMP_MS,
  )

  it('an account that has no sibling takes whatever comes', async () => {
    await world.api.pauseAccount({ params: { id: 'sibling' } })
    expect(await statusesOf(Array.from({ length: 8 }, () => world.ask()))).toEqual(Array(8).fill(200))
  })
})

describe('the provider’s own word', () => {
  it.each(['allowed', 'allowed_warning', 'queueing_soft', 'something_new'])(
    '"%s" stands beside ours, and holds nothing against anybody',
    async (word) => {
      await openOne()
      world.simulator.script(token(), answerWith(word))
      expect(await ask()).toBe(200)
      expect(await account()).toMatchObject({ providerStatus: word, state: { kind: 'ready' } })
      await world.restart()
      expect((await account()).providerStatus).toBe(word)
    },
  )

  it.each([
    ['rejected', 'window-spent'],
    ['rate_limited', 'window-spent'],
    ['blocked', 'window-spent'],
    ['queueing_hard', 'window-spent'],
    ['payment_required', 'billing'],
  ])('"%s" in a refusal is a limit', async (word, cause) => {
    await openOne()
    const resetsAt = secondsAhead(600)
    world.simulator.script(
      token(),
      refusal(429, 'rate_limit_error', 'No.', [
        ['anthropic-ratelimit-unified-status', word],
        ['anthropic-ratelimit-unified-reset', String(resetsAt / 1_000)],
      ]),
    )
    expect(await ask()).toBe(429)
    expect(await account()).toMatchObject({
      providerStatus: word,
      state: { kind: 'cooling', until: new Date(resetsAt).toISOString() },
      cooldowns: [{ cause }],
    })
  })
})

describe.each([true, false])('paid overage (stream: %p)', (stream) => {
  const overdraw = (resetsAt: number): void =>
    world.simulator.logins.setUsage('a', {
      fiveHour: { usedPercent: 100, resetsAt },
      overage: { isEnabled: true, usedPercent: 12, resetsAt: resetsAt + HOUR },
    })

  it('is shown, and used where the plan is not all that may be', async () => {
    await openOne()
    overdraw(secondsAhead(3_600))
    expect(await ask({ stream })).toBe(200)
    expect(await account()).toMatchObject({
      state: { kind: 'ready' },
      overage: { inUse: true, status: 'allowed', utilization: 0.12 },
    })
    expect(await ask({ stream })).toBe(200)
  })

  it('is a limit for an account that is kept to its plan, after the answer that told of it', async () => {
    await openOne({ planOnly: true })
    const resetsAt = secondsAhead(3_600)
    overdraw(resetsAt)
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain(stream ? 'message_stop' : 'end_turn')
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', account: 'a' })
    expect(await account()).toMatchObject({
      state: {
        kind: 'cooling',
        reason: 'it has begun to draw on paid overage, and it is kept to its plan',
        until: new Date(resetsAt).toISOString(),
      },
      overage: { inUse: true },
    })
    const asked = messages()
    const refused = await world.ask({ stream })
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(3_500, 3_602)
    expect(await refused.text()).toMatch(/paid overage/)
    expect(messages()).toBe(asked)
  })

  it('is no limit any more once the plan’s window has begun anew', async () => {
    await openOne({ planOnly: true })
    const resetsAt = secondsAhead(3)
    overdraw(resetsAt)
    expect(await ask({ stream })).toBe(200)
    expect(await ask({ stream })).toBe(429)
    await eventually(() => Date.now() > resetsAt || undefined, 'the window’s end')
    expect(await ask({ stream })).toBe(200)
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, overage: { inUse: false } })
    expect((await events()).map(({ kind }) => kind)).toEqual(['recovered', 'cooling'])
  })

  it('goes on to the next account instead, where there is one', async () => {
    await openOne({ planOnly: true })
    await signIn(world, 'b', { mode: 'max', priority: 1, as: { id: 'b' } })
    overdraw(secondsAhead(3_600))
    expect(await served(world.ask({ stream }))).toBe('a')
    expect(await served(world.ask({ stream }))).toBe('b')
  })

  it('becomes a limit when the operator says so, and can be used again when that is taken back', async () => {
    await openOne()
    overdraw(secondsAhead(3_600))
    const change = (planOnly: boolean) => world.api.changeAccount({ params: { id: 'a' }, body: { planOnly } })
    await ask({ stream })
    await change(true)
    expect(await ask({ stream })).toBe(200)
    expect((await account()).state.kind).toBe('cooling')
    await change(false)
    await world.api.clearCooldown({ params: { id: 'a' } })
    expect(await ask({ stream })).toBe(200)
  })
})

const account = (id = 'a') => world.api.showAccount({ params: { id } })
const token = (): string => world.simulator.logins.newest('a').accessToken
/** Whole seconds, as headers count. */
const secondsAhead = (seconds: number): number => (Math.floor(Date.now() / 1_000) + seconds) * 1_000
const messages = (): number =>
  world.simulator.received.filter((each) => pathOf(each) === '/v1/messages').length
const sentTo = (name: string): number => world.simulator.requestsOf(keyOf(name)).length
/** Longer than a step of the ramp. */
const RAMP_MS = 10_000
/** Resolves when a second request is held there beside the first; never, where none comes. */
const atBack = (): Promise<boolean> =>
  eventually(() => sentTo('back') >= 4 || undefined, 'a request', 1_000).catch(
    () => new Promise<boolean>(() => {}),
  )

const spend = (usedPercent: number, resetsAt: number): void =>
  world.simulator.logins.setUsage('a', { fiveHour: { usedPercent, resetsAt } })

async function ask(fields: Readonly<Record<string, unknown>> = {}): Promise<number> {
  const answer = await world.ask(fields)
  await answer.text()
  return answer.status
}

async function served(call: Promise<Response>): Promise<string> {
  const answer = await call
  await answer.text()
  return answer.headers.get('x-spillway-account') ?? `nobody, ${answer.status}`
}

async function statusesOf(calls: readonly Promise<Response>[]): Promise<readonly number[]> {
  const answers = await Promise.all(calls)
  for (const answer of answers) await answer.text()
  return answers.map(({ status }) => status)
}

async function events() {
  const { events: told } = await world.api.listAccountEvents({ params: { id: 'a' } })
  return told
}

/** The next answer to the account waits until it is let go. */
function holdNext(): { release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  world.simulator.script(token(), (request) => [until(promise), ...world.simulator.unscripted(request)])
  return { release: resolve }
}

function holdAll(name: string): { release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  world.simulator.always(keyOf(name), (request) => [until(promise), ...world.simulator.unscripted(request)])
  return { release: resolve }
}

const SIMULATED = {
  id: 'msg_1',
  model: 'claude-sonnet-5-5',
  text: 'Yes.',
  usage: { inputTokens: 1, outputTokens: 1 },
}

const answerWith = (word: string): Reply => message(SIMULATED, [['anthropic-ratelimit-unified-status', word]])
