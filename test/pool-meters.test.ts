/**
 * What clients' own meters see (`wire.md` §1.7): how the pool stands, in the vendor's shape,
 * and never one account's plan as if it were the client's.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { Headers as HeaderList } from '../src/core/headers.ts'
import type { LoginUsage } from '../src/simulator/login-usage.ts'
import { json, message, refusal, stream as streamed, throttled } from '../src/simulator/replies.ts'
import { openSignInWorld, signIn } from './support/sign-in.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const HOUR = 3_600_000
const UNIFIED = 'anthropic-ratelimit-unified-'
/** Whole seconds, so that what is told in seconds can be compared. */
const NOW = Math.floor(Date.now() / 1_000) * 1_000
const SOON = NOW + HOUR
const LATER = NOW + 2 * HOUR
const WEEKEND = NOW + 60 * HOUR
const FAR = NOW + 100 * HOUR

describe.each([true, false])('with stream: %p', (stream) => {
  it('an answer tells the sum of two plans, each weighed by its size', async () => {
    await openPool({
      small: { plan: 'max-5x', fiveHour: used(80, SOON), sevenDay: used(95, FAR) },
      big: { plan: 'max-20x', fiveHour: used(10, LATER), sevenDay: used(20, WEEKEND) },
    })
    const answer = await world.ask({ stream })
    expect(await limitsOf(answer)).toEqual({
      'unified-status': 'allowed',
      'unified-representative-claim': 'seven_day',
      'unified-reset': seconds(WEEKEND),
      'unified-5h-status': 'allowed',
      'unified-5h-utilization': '0.24',
      'unified-5h-reset': seconds(SOON),
      'unified-7d-status': 'allowed',
      'unified-7d-utilization': '0.35',
      'unified-7d-reset': seconds(WEEKEND),
    })
    expect(answer.headers.get('anthropic-organization-id')).toBeNull()
  })

  it('the policy "account" shows what the account that answered said', async () => {
    await openPool({ a: { fiveHour: used(42, SOON) }, b: { fiveHour: used(0) } })
    await world.api.changeConfig({ body: { limitHeaders: 'account' } })
    await world.api.pauseAccount({ params: { id: 'b' } })
    const answer = await world.ask({ stream })
    const limits = await limitsOf(answer)
    expect(limits).toMatchObject({
      'unified-5h-utilization': '0.42',
      'unified-overage-status': 'rejected',
      'unified-overage-disabled-reason': 'out_of_credits',
    })
    expect(answer.headers.get('anthropic-organization-id')).not.toBeNull()
  })

  it('the policy "strip" shows nothing', async () => {
    await openPool({ a: { fiveHour: used(42, SOON) } })
    await world.api.changeConfig({ body: { limitHeaders: 'strip' } })
    const answer = await world.ask({ stream })
    expect(await limitsOf(answer)).toEqual({})
    expect(answer.headers.get('anthropic-organization-id')).toBeNull()
    spend('a', SOON)
    expect(await limitsOf(await world.ask({ stream }))).toEqual({})
  })

  it('when everything is spent, a 429 says so, and until when', async () => {
    await openPool({ a: { fiveHour: used(100, LATER) }, b: { fiveHour: used(100, SOON) } })
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(429)
    const retryAfter = Number(answer.headers.get('retry-after'))
    expect(retryAfter).toBeWithin(HOUR / 1_000 - 60, HOUR / 1_000 + 2)
    const limits = await limitsOf(answer)
    expect(limits).toMatchObject({
      'unified-status': 'rejected',
      'unified-representative-claim': 'five_hour',
      'unified-5h-status': 'rejected',
      'unified-5h-utilization': '1',
    })
    expect(Math.abs(Number(limits['unified-reset']) - SOON / 1_000)).toBeLessThanOrEqual(1)
    expect(limits['unified-7d-status']).toBe('allowed')
    const again = await world.ask({ stream })
    expect([again.status, (await limitsOf(again))['unified-status']]).toEqual([429, 'rejected'])
  })

  it('a short throttle carries none: the client waits it out by itself', async () => {
    await openPool({ a: { fiveHour: used(42, SOON) } })
    script('a', throttled(20))
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeWithin(15, 21)
    expect(await limitsOf(answer)).toEqual({})
  })

  it('an upstream’s own refusal is handed out without its limits', async () => {
    await openPool({ a: { fiveHour: used(42, SOON) } })
    const refused = refusal(429, 'rate_limit_error', 'Error', [...FOREIGN, ['x-should-retry', 'true']])
    world.simulator.always(world.simulator.logins.newest('a').accessToken, refused)
    await world.api.changeConfig({ body: { retryAttempts: 1 } })
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(429)
    expect(answer.headers.get('x-should-retry')).toBe('true')
    expect(await limitsOf(answer)).toEqual({})
  })

  it('a pool of keys alone tells nothing, whatever its providers say', async () => {
    world = await openWorld({ accounts: ['a'] })
    const simulated = { id: 'msg_1', model: 'claude-sonnet-5-5', text: 'Yes.', usage: NO_TOKENS }
    const reply = stream ? streamed(simulated, [], MINUTES) : message(simulated, MINUTES)
    world.simulator.always(keyOf('a'), reply)
    const answer = await world.ask({ stream })
    expect(answer.status).toBe(200)
    expect(await limitsOf(answer)).toEqual({})
    world.simulator.always(keyOf('a'), throttled(600))
    const limited = await world.ask({ stream })
    expect([limited.status, await limitsOf(limited)]).toEqual([429, {}])
  })
})

describe('as long as somebody can take requests', () => {
  it('nobody is told to stop', async () => {
    await openPool({ spent: { fiveHour: used(100, SOON) }, open: { fiveHour: used(99.9, LATER) } })
    const limits = await limitsOf(await world.ask())
    expect(limits).toMatchObject({
      'unified-status': 'allowed_warning',
      'unified-5h-status': 'allowed_warning',
      'unified-5h-utilization': '0.9995',
      'unified-5h-surpassed-threshold': '0.90',
    })
  })

  it('a key beside spent plans keeps the pool open', async () => {
    await openPool({ plan: { fiveHour: used(100, SOON) } })
    await world.api.addAccount({
      body: { name: 'key', provider: 'console', apiKey: keyOf('key'), baseUrl: world.simulator.url },
    })
    const answer = await world.ask()
    expect(answer.headers.get('x-spillway-account')).toBe('key')
    expect(await limitsOf(answer)).toMatchObject({
      'unified-status': 'allowed',
      'unified-5h-status': 'allowed',
    })
  })

  it('plans that a person has taken out do not count', async () => {
    await openPool({ a: { fiveHour: used(10, SOON) }, b: { fiveHour: used(90, SOON) } })
    await world.api.pauseAccount({ params: { id: 'b' } })
    expect((await limitsOf(await world.ask()))['unified-5h-utilization']).toBe('0.1')
  })

  it('a family whose week is spent is no spent plan', async () => {
    await openPool({ a: { fiveHour: used(10, SOON), sevenDayFable: used(100, FAR) } })
    const answer = await world.ask({ model: 'claude-fable-5-2' })
    expect(answer.status).toBe(429)
    const limits = await limitsOf(answer)
    expect(limits).toMatchObject({ 'unified-status': 'rejected', 'unified-5h-status': 'allowed' })
    expect(limits['unified-representative-claim']).toBeUndefined()
    expect(Math.abs(Number(limits['unified-reset']) - FAR / 1_000)).toBeLessThanOrEqual(1)
    expect((await limitsOf(await world.ask()))['unified-status']).toBe('allowed')
  })

  it('what only one account could serve is no spent plan either', async () => {
    await openPool({ a: { fiveHour: used(10, SOON) }, b: { fiveHour: used(10, SOON) } })
    script('a', json({ id: 'file_1' }))
    script('b', json({ id: 'file_1' }))
    const made = await world.post('/v1/files', 'any bytes')
    await made.text()
    spend(made.headers.get('x-spillway-account') ?? '', SOON)
    const content = [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }]
    const answer = await world.ask({ messages: [{ role: 'user', content }] })
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(3_000)
    const next = await world.ask()
    expect([next.status, (await limitsOf(next))['unified-status']]).toEqual([200, 'allowed'])
    await answer.text()
  })
})

describe('a window that has begun anew since it was read', () => {
  it('is told again when somebody has said how full it is', async () => {
    await openPool({ a: { fiveHour: used(42, Date.now() + 1_500), sevenDay: used(17, FAR) } })
    expect((await limitsOf(await world.ask()))['unified-5h-utilization']).toBe('0.42')
    await Bun.sleep(2_000)
    const body = await usage()
    expect(body).toMatchObject({ five_hour: null, seven_day: { utilization: 17 } })
    expect((await limitsOf(await world.ask()))['unified-5h-utilization']).toBe('0')
  })
})

describe('GET /api/oauth/usage', () => {
  const POOL = {
    five_hour: { utilization: 24, resets_at: new Date(SOON).toISOString() },
    seven_day: { utilization: 95, resets_at: new Date(WEEKEND).toISOString() },
    seven_day_opus: null,
    seven_day_sonnet: null,
    extra_usage: { is_enabled: false, monthly_limit: null, used_credits: null, utilization: null },
    limits: [
      { kind: 'session', percent: 24, severity: 'normal', resets_at: new Date(SOON).toISOString() },
      { kind: 'weekly_all', percent: 95, severity: 'warning', resets_at: new Date(WEEKEND).toISOString() },
    ],
  }
  const openTwo = () =>
    openPool({
      small: { plan: 'max-5x', fiveHour: used(80, SOON), sevenDay: used(95, FAR) },
      big: { plan: 'max-20x', fiveHour: used(10, LATER), sevenDay: used(95, WEEKEND) },
    })

  it('tells the pool’s windows in the vendor’s shape, in percent, to whoever needs no key', async () => {
    await openTwo()
    expect(await usage()).toMatchObject(POOL)
  })

  it.each(['authorization', 'x-api-key'])('tells them to a client with a key in %s', async (name) => {
    await openTwo()
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    const before = world.simulator.received.length
    const shown = name === 'authorization' ? `Bearer ${secret}` : secret
    expect(await usage({ [name]: shown })).toMatchObject(POOL)
    expect(world.simulator.received).toHaveLength(before)
    const refused = await fetch(`${world.url}/api/oauth/usage`)
    expect(refused.status).toBe(401)
  })

  it('knows of nothing where no plan is', async () => {
    world = await openWorld()
    expect(await usage()).toMatchObject({ five_hour: null, seven_day: null, limits: [] })
  })

  it('says when everything is spent', async () => {
    await openPool({ a: { fiveHour: used(100, SOON) } })
    await (await world.ask()).text()
    expect(await usage()).toMatchObject({
      five_hour: { utilization: 100 },
      limits: [{ kind: 'session', percent: 100, severity: 'critical' }, { kind: 'weekly_all' }],
    })
  })
})

const NO_TOKENS = { inputTokens: 1, outputTokens: 1 }

/** Of one account, which no client may take for its own. */
const FOREIGN: HeaderList = [
  [`${UNIFIED}status`, 'allowed'],
  [`${UNIFIED}5h-utilization`, '0.42'],
  [`${UNIFIED}5h-reset`, seconds(SOON)],
]

const MINUTES: HeaderList = [
  ['anthropic-ratelimit-requests-limit', '1000'],
  ['anthropic-ratelimit-requests-remaining', '999'],
  ['anthropic-ratelimit-requests-reset', new Date(SOON).toISOString()],
  ['anthropic-ratelimit-input-tokens-remaining', '2000000'],
  ['anthropic-priority-input-tokens-limit', '1'],
  ['anthropic-fast-output-tokens-limit', '1'],
  ['anthropic-organization-id', '0b1c0000'],
]

type Member = Partial<LoginUsage> & { readonly plan?: 'max-5x' | 'max-20x' }

/** Signed-in accounts whose usage has been asked for, so that each one's windows are known. */
async function openPool(members: Readonly<Record<string, Member>>): Promise<void> {
  world = await openSignInWorld()
  for (const [name, { plan = 'max-20x', ...used }] of Object.entries(members)) {
    await signIn(world, name, { mode: 'max', as: { id: name, plan } })
    world.simulator.logins.setUsage(name, used)
    await world.api.refreshAccount({ params: { id: name } })
  }
}

const spend = (name: string, resetsAt: number): void =>
  world.simulator.logins.setUsage(name, { fiveHour: used(100, resetsAt) })

function script(name: string, reply: ReturnType<typeof json>): void {
  world.simulator.script(world.simulator.logins.newest(name).accessToken, reply)
}

function used(usedPercent: number, resetsAt?: number) {
  return { usedPercent, resetsAt }
}

function seconds(at: number): string {
  return String(at / 1_000)
}

/** Everything in the answer's head that speaks of limits, without its common beginning. */
async function limitsOf(answer: Response): Promise<Readonly<Record<string, string>>> {
  await answer.text()
  const fields = [...answer.headers].filter(([name]) => /^anthropic-(?:ratelimit|priority|fast)-/.test(name))
  return Object.fromEntries(fields.map(([name, value]) => [name.replace('anthropic-ratelimit-', ''), value]))
}

async function usage(headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const answer = await fetch(`${world.url}/api/oauth/usage`, { headers })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/json')
  return answer.json()
}
