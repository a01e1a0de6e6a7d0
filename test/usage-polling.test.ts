/**
 * Asking providers how much of an account's quota is left (`wire.md` §2.6, §4.2): what each
 * vendor's answer becomes, and that own traffic is nobody's request, costs nobody time and is
 * held against nobody (G14).
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { Account } from '../src/api/contract.ts'
import { headersOf } from '../src/core/headers.ts'
import { pathOf } from '../src/simulator/healthy.ts'
import {
  html,
  json,
  type Reply,
  refusal,
  reset,
  serverError,
  stall,
  throttled,
  until,
  whole,
} from '../src/simulator/replies.ts'
import type { Received } from '../src/simulator/simulator.ts'
import { only } from './support/first.ts'
import { measure } from './support/metrics.ts'
import { openSignInWorld, signIn } from './support/sign-in.ts'
import { eventually, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const HOUR = 3_600_000
/** In so many hours the simulated vendors' windows end. */
const SESSION = 2.5
const WEEK = 96
const MONTH = 480

type Window = Account['windows'][number]

interface Told {
  readonly name: string
  readonly utilization?: number
  readonly inHours?: number
  readonly status?: string
  readonly remaining?: number
  readonly unit?: string
}

const VENDORS: readonly (readonly [provider: string, path: string, windows: readonly Told[]])[] = [
  [
    'zai',
    '/api/monitor/usage/quota/limit',
    [
      { name: '5h', utilization: 0.12, inHours: SESSION, status: 'allowed' },
      { name: '7d', utilization: 0.4, inHours: WEEK, status: 'allowed' },
      { name: '30d_tools', utilization: 0.03, status: 'allowed', remaining: 98, unit: 'calls' },
    ],
  ],
  [
    'minimax',
    '/v1/token_plan/remains',
    [
      { name: '5h', utilization: 0.29, inHours: SESSION, status: 'allowed' },
      { name: '7d', utilization: 0.12, inHours: WEEK, status: 'allowed' },
    ],
  ],
  [
    'kimi-code',
    '/coding/v1/usages',
    [
      { name: '5h', utilization: 0.2, inHours: SESSION, status: 'allowed', remaining: 40 },
      { name: '7d', utilization: 0.12, inHours: WEEK, status: 'allowed', remaining: 880 },
    ],
  ],
  [
    'moonshot',
    '/v1/users/me/balance',
    [{ name: 'balance', status: 'allowed', remaining: 49.5, unit: 'USD' }],
  ],
  ['deepseek', '/user/balance', [{ name: 'balance', status: 'allowed', remaining: 110, unit: 'USD' }]],
  [
    'nanogpt',
    '/api/subscription/v1/usage',
    [
      {
        name: '1d',
        utilization: 0.0025,
        inHours: SESSION,
        status: 'allowed',
        remaining: 1995,
        unit: 'requests',
      },
      {
        name: '30d',
        utilization: 0.00075,
        inHours: MONTH,
        status: 'allowed',
        remaining: 59_955,
        unit: 'requests',
      },
    ],
  ],
  [
    'openrouter',
    '/api/v1/key',
    [{ name: 'key', utilization: 0.255, status: 'allowed', remaining: 74.5, unit: 'USD' }],
  ],
  [
    'opencode-go',
    '/zen/go/v1/usage',
    [
      { name: '5h', utilization: 0.05, inHours: SESSION, status: 'allowed' },
      { name: '7d', utilization: 0.37, inHours: WEEK, status: 'allowed' },
      { name: '30d', utilization: 1, inHours: MONTH, status: 'rejected' },
    ],
  ],
]

describe.each(VENDORS)('%s, when it is asked', (provider, path, windows) => {
  it('tells its windows, in fractions and in units that are named', async () => {
    await open(provider)
    const { windows: shown, state } = await refresh()
    expect(shown.map(toTold)).toEqual(windows.toSorted(byName))
    expect(state.kind).toBe('ready')
    const asked = only(world.simulator.received)
    expect([asked.method, pathOf(asked)]).toEqual(['GET', path])
    expect(headersOf(asked.headers, 'user-agent')).toEqual(['spillway'])
  })

  it('keeps them over a restart, and for charts', async () => {
    await open(provider)
    const { windows: before } = await refresh()
    await world.restart()
    expect((await account()).windows).toEqual(before)
    const { readings } = await world.api.usageHistory({ query: { account: 'a' } })
    const counted = windows.filter(({ utilization }) => utilization !== undefined).toSorted(byName)
    expect(readings.map(({ window }) => window).toSorted()).toEqual(counted.map(({ name }) => name))
    for (const { name, utilization } of counted) {
      const reading = readings.find(({ window }) => window === name)
      expect(reading?.utilization).toBeCloseTo(utilization ?? Number.NaN, 6)
    }
  })
})

it('a subscription tells its windows in fractions, whatever the endpoint counts in', async () => {
  await openSubscription()
  const inHours = (hours: number) => Date.now() + hours * HOUR
  world.simulator.logins.setUsage('a', {
    fiveHour: { usedPercent: 42, resetsAt: inHours(SESSION) },
    sevenDay: { usedPercent: 0.5, resetsAt: inHours(WEEK) },
    sevenDayFable: { usedPercent: 91, resetsAt: inHours(WEEK) },
    overage: { isEnabled: true, usedPercent: 25 },
  })
  expect((await refresh()).windows.map(toTold)).toEqual([
    { name: '5h', utilization: 0.42, inHours: SESSION, status: 'allowed' },
    { name: '7d', utilization: 0.005, inHours: WEEK, status: 'allowed' },
    { name: '7d_fable', utilization: 0.91, inHours: WEEK, status: 'allowed_warning' },
    { name: 'overage', utilization: 0.25, status: 'allowed', remaining: 37.5, unit: 'USD' },
  ])
})

/** Whatever a usage endpoint does, it says nothing about requests. */
const TROUBLES: readonly (readonly [what: string, reply: Reply])[] = [
  ['limits the question for an hour', throttled(2_900)],
  ['answers 500', serverError],
  ['answers with a page', html(200)],
  ['answers with half an answer', whole(200, '{"five_hour":{"utilization":')],
  ['answers with something else', json({ hello: 'world' })],
  [
    'answers with numbers that are none',
    json({ five_hour: { utilization: 'all', resets_at: 'never' }, limits: [7, null] }),
  ],
  ['refuses the credential', refusal(401, 'authentication_error', 'invalid')],
  [
    'refuses the question',
    refusal(403, 'permission_error', 'OAuth token does not meet scope requirement user:profile'),
  ],
  ['says 402', refusal(402, 'billing_error', 'pay')],
  ['resets the connection', [reset]],
]

describe('a usage endpoint that', () => {
  it.each(TROUBLES)('%s holds nothing against its account', async (_what, reply) => {
    await openSubscription()
    onUsage(reply)
    const { state, cooldowns, windows } = await refresh()
    expect([state.kind, cooldowns, windows]).toEqual(['ready', [], []])
    const { events } = await world.api.listAccountEvents({ params: { id: 'a' } })
    expect(events.filter(({ kind }) => kind !== 'new-credential')).toEqual([])
    const answer = await world.ask()
    expect([answer.status, answer.headers.get('x-spillway-account')]).toEqual([200, 'a'])
    await answer.text()
  })

  it('hangs slows no request, and not a streamed one either', async () => {
    await openSubscription()
    onUsage([stall])
    let isOver = false
    const settle = (): void => {
      isOver = true
    }
    const polling = refresh().then(settle, settle)
    await eventually(() => usageQuestions().length > 0 || undefined, 'the question')
    for (const stream of [true, false]) {
      const answer = await world.ask({ stream })
      expect(answer.status).toBe(200)
      await answer.text()
    }
    expect(isOver).toBe(false)
    expect(await world.rows(2)).toHaveLength(2)
    await world.restart()
    await polling
  })
})

describe('a poll', () => {
  it('is in no row, no sum, no conversation and no count of requests', async () => {
    await openSubscription()
    for (let turn = 0; turn < 3; turn++) await refresh()
    onUsage(serverError)
    await refresh()
    expect(usageQuestions()).toHaveLength(4)
    expect(await world.rows(0)).toEqual([])
    expect(await world.api.stats({})).toMatchObject({ totals: { requests: 0 }, accounts: [] })
    expect(await account()).toMatchObject({ inFlight: 0, totals: { requests: 0, costUsd: 0 } })
    expect((await account()).session).toBeUndefined()
    expect(await measure(world, 'spillway_requests_total')).toBe(0)
    expect(await measure(world, 'spillway_attempts_total')).toBe(0)
  })

  it('that shows a spent window begins no cooldown: only an answer to a request does', async () => {
    await openSubscription()
    const resetsAt = Date.now() + HOUR
    world.simulator.logins.setUsage('a', { fiveHour: { usedPercent: 100, resetsAt } })
    const { state, windows } = await refresh()
    expect(state.kind).toBe('ready')
    expect(windows[0]).toMatchObject({ name: '5h', utilization: 1, status: 'rejected' })
    expect((await world.ask()).status).toBe(429)
    expect((await account()).state.kind).toBe('cooling')
  })

  it.each([true, false])(
    'that shows a spent window open again ends its cooldown; one request tests it (stream: %p)',
    async (stream) => {
      await openSubscription()
      spend(100)
      expect((await world.ask({ stream })).status).toBe(429)
      expect((await account()).state.kind).toBe('cooling')
      spend(3)
      expect((await refresh()).state).toEqual({ kind: 'ready' })
      const { promise, resolve } = Promise.withResolvers<void>()
      world.simulator.script(token(), (request) => [until(promise), ...world.simulator.unscripted(request)])
      const before = messages().length
      const calls = Array.from({ length: 5 }, () => world.ask({ stream }))
      await eventually(() => messages().length > before || undefined, 'the test')
      await eventually(
        async () => (await measure(world, 'spillway_in_flight')) === 5 || undefined,
        'five requests',
      )
      expect(messages()).toHaveLength(before + 1)
      resolve()
      for (const answer of await Promise.all(calls)) {
        expect(answer.status).toBe(200)
        await answer.text()
      }
      expect(await kinds()).toEqual(['recovered', 'reopened', 'cooling'])
    },
  )

  it('that was too hopeful is put right by the next request', async () => {
    await openSubscription()
    spend(100)
    await (await world.ask()).text()
    onUsage(json({ five_hour: { utilization: 3, resets_at: null } }))
    expect((await refresh()).state.kind).toBe('ready')
    expect((await world.ask()).status).toBe(429)
    expect((await account()).state.kind).toBe('cooling')
    const before = messages().length
    expect((await world.ask()).status).toBe(429)
    expect(messages()).toHaveLength(before)
  })

  it('that still shows the window spent, or another one open, changes nothing', async () => {
    await openSubscription()
    spend(100)
    await (await world.ask()).text()
    const { state } = await account()
    expect((await refresh()).state).toEqual(state)
    onUsage(json({ seven_day: { utilization: 1, resets_at: null } }))
    expect((await refresh()).state).toEqual(state)
  })

  it('does not end a throttle, nor what a person has said', async () => {
    await openSubscription()
    world.simulator.script(token(), throttled(40))
    await (await world.ask()).text()
    expect((await refresh()).state.kind).toBe('cooling')
    await world.api.pauseAccount({ params: { id: 'a' } })
    expect((await refresh()).state.kind).toBe('paused')
  })

  it('of an account that tells nothing is refused in a sentence', async () => {
    world = await openWorld()
    const refused = refresh()
    await expect(refused).rejects.toThrow(/There is nothing to refresh: the key of a does not end by itself/)
    expect(world.simulator.received).toEqual([])
  })
})

async function open(provider: string): Promise<void> {
  world = await openWorld({ accounts: [{ name: 'a', provider }] })
}

async function openSubscription(): Promise<void> {
  world = await openSignInWorld()
  await signIn(world, 'a', { mode: 'max', as: { id: 'a' } })
}

const byName = (a: Told, b: Told): number => (a.name < b.name ? -1 : 1)

/** A window without what is not told, its end in hours from now as far as minutes tell. */
function toTold({ name, utilization, status, remaining, unit, resetsAt }: Window): Told {
  const minutes = resetsAt === null ? undefined : Math.round((Date.parse(resetsAt) - Date.now()) / 60_000)
  return {
    name,
    ...(utilization === null ? {} : { utilization: Number(utilization.toFixed(9)) }),
    ...(minutes === undefined ? {} : { inHours: minutes / 60 }),
    ...(status === null ? {} : { status }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(unit === undefined ? {} : { unit }),
  }
}

const refresh = () => world.api.refreshAccount({ params: { id: 'a' } })
const account = () => world.api.showAccount({ params: { id: 'a' } })
const token = (): string => world.simulator.logins.newest('a').accessToken

const spend = (usedPercent: number): void =>
  world.simulator.logins.setUsage('a', { fiveHour: { usedPercent, resetsAt: Date.now() + HOUR } })

const isUsage = (request: Received): boolean => pathOf(request) === '/api/oauth/usage'
const usageQuestions = () => world.simulator.received.filter(isUsage)
const messages = () => world.simulator.received.filter((request) => pathOf(request) === '/v1/messages')

/** What the account's usage endpoint answers from now on, whatever token asks it. */
function onUsage(reply: Reply): void {
  const behave = (request: Received) => (isUsage(request) ? reply : world.simulator.unscripted(request))
  for (let number = 1; number < 20; number++) world.simulator.always(`CANARY-oat-${number}`, behave)
}

async function kinds(): Promise<readonly string[]> {
  const { events } = await world.api.listAccountEvents({ params: { id: 'a' } })
  return events.map(({ kind }) => kind).filter((kind) => kind !== 'new-credential')
}
