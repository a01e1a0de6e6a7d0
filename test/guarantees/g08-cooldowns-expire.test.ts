/**
 * G8 Cooldowns expire: each says why, since when and until when, survives a restart, is never
 * longer than its evidence, is tested by one request when it ends, and can be cleared by hand.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const epochSeconds = (inMs: number) => Math.floor((Date.now() + inMs) / SECOND)
const account = (name = 'a') => world.api.showAccount({ params: { id: name } })
const cooldownOf = async (name = 'a') => (await account(name)).cooldowns.at(0)
const isReady = (name = 'a') =>
  eventually(
    async () => ((await account(name)).state.kind === 'ready' ? true : undefined),
    `${name} to be ready`,
  )

/** From when to when a cooldown is; a few milliseconds pass between its reading and its keeping. */
const lengthBetween = (since = '', until = ''): number =>
  Math.round((Date.parse(until) - Date.parse(since)) / 100) * 100

async function lengthOf(broken: reply.Reply): Promise<number> {
  await world.api.clearCooldown({ params: { id: 'a' } })
  world.simulator.script(keyOf('a'), broken)
  await (await world.ask({}, { 'x-stainless-retry-count': '1' })).text()
  const { since, until } = (await cooldownOf()) ?? {}
  return lengthBetween(since, until)
}

const limited = (...headers: readonly (readonly [string, string])[]): reply.Reply =>
  reply.refusal(429, 'rate_limit_error', 'Limited', headers)

describe('a cooldown', () => {
  it('tells its cause, its evidence, its beginning and its end', async () => {
    world = await openWorld()
    const before = Date.now()
    world.simulator.script(keyOf('a'), reply.throttled(30))
    await world.ask()
    const { scope, cause, evidence, since = '', until = '' } = (await cooldownOf()) ?? {}
    expect({ scope, cause }).toEqual({ scope: 'account', cause: 'throttled' })
    expect(evidence).toContain('30 s')
    expect(Date.parse(since)).toBeGreaterThanOrEqual(before)
    expect(lengthBetween(since, until)).toBe(30 * SECOND)
    expect((await account()).state).toMatchObject({ kind: 'cooling', reason: evidence, since, until })
  })

  it.each([
    ['a 429 with its seconds', reply.throttled(30)],
    ['a spent window', reply.windowSpent('5h', epochSeconds(HOUR))],
    ['a spent family', reply.windowSpent('7d_oi', epochSeconds(HOUR))],
    ['a refused credential', reply.unauthorized],
  ])('(%s) survives a restart as it was', async (_what, broken) => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    world.simulator.always(keyOf('a'), broken)
    await (await world.ask({ model: 'claude-fable-5-5' })).text()
    const { state, cooldowns } = await account()
    expect(cooldowns).toHaveLength(1)
    await world.restart()
    expect(await account()).toMatchObject({ state, cooldowns })
    expect(
      (await world.ask({ model: 'claude-fable-5-5', system: 'x' })).headers.get('x-spillway-account'),
    ).toBe('b')
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(1)
  })

  it('that ended while nothing ran is over after the restart', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(1))
    expect((await world.ask()).status).toBe(429)
    await isReady()
    await world.restart()
    expect(await account()).toMatchObject({ state: { kind: 'ready' } })
    expect((await world.ask()).status).toBe(200)
  })

  it('ends by itself, and a success then clears it', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(1))
    const refused = await world.ask()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await world.ask()).status).toBe(429)
    expect(world.simulator.received).toHaveLength(1)
    await isReady()
    expect((await world.ask()).status).toBe(200)
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect(world.log()).toContain('usable again')
  })

  it('that the test at its end renews keeps the time when it all began', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(1), reply.throttled(7))
    await world.ask()
    const first = await cooldownOf()
    await isReady()
    expect((await world.ask()).status).toBe(429)
    const second = await cooldownOf()
    expect(second?.since).toBe(first?.since ?? '')
    expect(Date.parse(second?.until ?? '')).toBeGreaterThan(Date.now() + 5 * SECOND)
  })
})

describe('a cooldown is never longer than its evidence', () => {
  it.each([
    ['seconds', [['retry-after', '42']], 42 * SECOND],
    [
      'milliseconds, which are finer',
      [
        ['retry-after-ms', '1500'],
        ['retry-after', '42'],
      ],
      1_500,
    ],
    ['a negative number', [['retry-after', '-5']], SECOND],
    ['zero', [['retry-after', '0']], SECOND],
    ['a fraction', [['retry-after', '0.2']], SECOND],
    ['a thousand million seconds', [['retry-after', '1000000000']], 5 * HOUR],
    [
      'a date, read against the answer’s own',
      [
        ['date', 'Fri, 20 Nov 2020 12:00:00 GMT'],
        ['retry-after', 'Fri, 20 Nov 2020 12:00:20 GMT'],
      ],
      20 * SECOND,
    ],
    [
      'a date in the past',
      [
        ['date', 'Fri, 20 Nov 2020 12:00:00 GMT'],
        ['retry-after', 'Fri, 20 Nov 2020 11:00:00 GMT'],
      ],
      SECOND,
    ],
  ] as const)('with %s', async (_what, headers, expected) => {
    world = await openWorld()
    expect(await lengthOf(limited(...headers))).toBe(expected)
  })

  it.each([
    ['a word', [['retry-after', 'soon']]],
    ['nothing', [['retry-after', '']]],
    ['a number that is none', [['retry-after', 'NaN']]],
    ['infinity', [['retry-after', 'Infinity']]],
    ['no header at all', []],
  ] as const)('and there is none with %s', async (_what, headers) => {
    world = await openWorld()
    expect(await lengthOf(limited(...headers))).toBeNaN()
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it('so a window’s end is taken as it is, and one too far away as the window’s length', async () => {
    world = await openWorld()
    const rejected = (name: string, reset: number) =>
      limited(
        ['anthropic-ratelimit-unified-status', 'rejected'],
        [`anthropic-ratelimit-unified-${name}-status`, 'rejected'],
        [`anthropic-ratelimit-unified-${name}-reset`, String(reset)],
      )
    const near = await lengthOf(rejected('5h', epochSeconds(HOUR)))
    expect(Math.abs(near - HOUR)).toBeLessThan(5 * SECOND)
    expect(await lengthOf(rejected('5h', epochSeconds(18 * 24 * HOUR)))).toBe(5 * HOUR)
    expect(await lengthOf(rejected('7d', epochSeconds(400 * 24 * HOUR)))).toBe(7 * 24 * HOUR)
    expect(await lengthOf(rejected('5h', epochSeconds(-HOUR)))).toBe(SECOND)
  })

  it('so a wait that the fleet’s answer names is the true one: the soonest', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    world.simulator.always(keyOf('a'), reply.throttled(300))
    world.simulator.always(keyOf('b'), reply.throttled(45))
    const answer = await world.ask()
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeWithin(40, 46)
    const again = await world.ask()
    expect(Number(again.headers.get('retry-after'))).toBeWithin(40, 46)
    expect(world.simulator.received).toHaveLength(2)
  })
})

describe('at its end a cooldown', () => {
  const cool = async (...plans: Parameters<typeof openWorld>): Promise<void> => {
    world = await openWorld(...plans)
    world.simulator.script(keyOf('a'), reply.throttled(1))
    await (await world.ask()).text()
    await isReady()
  }
  const askMany = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => world.ask({ system: `conversation ${index}` })))

  it('is tested by exactly one request; the others wait for its outcome', async () => {
    await cool()
    const gate = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), [reply.until(gate.promise), ...reply.whole(200, '{"type":"message"}')])
    const asked = askMany(20)
    await eventually(() => world.simulator.received[1], 'the testing request')
    await eventually(async () => (await account()).inFlight === 1 || undefined, 'it to be alone')
    expect(world.simulator.received).toHaveLength(2)
    gate.resolve()
    const answers = await asked
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(world.simulator.received).toHaveLength(21)
  })

  it('that is renewed by its test is not tested by those who waited', async () => {
    await cool()
    const gate = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), [reply.until(gate.promise), ...reply.throttled(60)])
    const asked = askMany(20)
    await eventually(() => world.simulator.received[1], 'the testing request')
    gate.resolve()
    const answers = await asked
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 429))
    expect(world.simulator.received).toHaveLength(2)
  })

  it('does not make anybody wait while another account is at hand', async () => {
    await cool({ accounts: ['a', { name: 'b', priority: 1 }] })
    world.simulator.script(keyOf('a'), [reply.stall])
    const testing = world.ask({ system: 'tests a' }).catch(() => {})
    const request = await eventually(() => world.simulator.requestsOf(keyOf('a'))[1], 'the testing request')
    const answers = await askMany(10)
    expect(answers.map((answer) => answer.headers.get('x-spillway-account'))).toEqual(answers.map(() => 'b'))
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(2)
    expect(request.isAbandoned()).toBe(false)
    await world.stop()
    await testing
    world = await openWorld()
  })

  it('of a refused credential comes by itself too', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.unauthorized)
    expect((await world.ask()).status).toBe(401)
    const { since = '', until = '' } = (await cooldownOf()) ?? {}
    expect(Date.parse(until) - Date.parse(since)).toBeWithin(SECOND, HOUR)
    expect((await account()).state.kind).toBe('needs-login')
  })
})

describe('by hand', () => {
  it.each([
    ['a throttle', reply.throttled(600)],
    ['a spent window', reply.windowSpent('7d', epochSeconds(HOUR))],
    ['a refused credential', reply.unauthorized],
  ])('%s is cleared at once, and stays cleared after a restart', async (_what, broken) => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), broken)
    await (await world.ask()).text()
    expect((await account()).state.kind).not.toBe('ready')
    expect(await world.api.clearCooldown({ params: { id: 'a' } })).toMatchObject({
      state: { kind: 'ready' },
      cooldowns: [],
    })
    await world.restart()
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect((await world.ask()).status).toBe(200)
  })

  it('a new key makes a refused account ready', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.unauthorized)
    await (await world.ask()).text()
    await world.api.changeAccount({ params: { id: 'a' }, body: { apiKey: 'CANARY-renewed' } })
    expect(await account()).toMatchObject({ state: { kind: 'ready' } })
    expect((await world.ask()).status).toBe(200)
  })
})
