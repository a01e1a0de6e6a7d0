/**
 * Polls of usage: how often, how far apart after trouble, in which ways, and where to. What
 * they say is shown and held against nobody (G14); the credential goes to one place only (G5).
 */
import { describe, expect, it } from 'bun:test'
import { openKeeping, plainSecrets } from '../../test/support/keeping.ts'
import { idOf, sampleCooldown } from '../../test/support/samples.ts'
import type { Direction, StagedRequest } from '../../test/support/staged-upstream.ts'
import { tickingClock } from '../../test/support/ticking-clock.ts'
import type { Account } from '../core/account.ts'
import { writeNetwork } from '../core/network.ts'
import type { UpstreamRequest } from '../core/ports/upstream.ts'
import { HOUR, later, MINUTE, SECOND } from '../core/time.ts'
import { providerOf } from '../providers/registry.ts'
import { html, json, type Reply, refusal, unauthorized, whole } from '../simulator/replies.ts'
import { createPoller } from './poller.ts'

const KEY = 'CANARY-zai-key'
const ZAI_SPENT = { type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage: 100 }

describe('an account', () => {
  it.each([0.25, 0.5, 1])(
    'is asked for the first time within a minute of the start, by chance (%d)',
    async (chance) => {
      const { poller, clock, account } = open()
      clock.setChance(chance)
      expect(poller.isDue(account)).toBe(false)
      await clock.advance(chance * MINUTE - 1)
      expect(poller.isDue(account)).toBe(false)
      await clock.advance(1)
      expect(poller.isDue(account)).toBe(true)
    },
  )

  it('whose provider tells nothing is never asked', async () => {
    const { poller, account, sent } = open({ provider: 'console' })
    expect(poller.isDue(account)).toBe(false)
    expect(await poller.poll(account)).toEqual({ kind: 'nothing-to-ask' })
    expect(sent).toEqual([])
  })

  it('is never asked with the setting 0, but when somebody wants to know', async () => {
    const { poller, clock, account, settings, sent } = open()
    settings.usagePollMs = 0
    expect(poller.isDue(account)).toBe(false)
    await clock.advance(6 * HOUR)
    expect(poller.isDue(account)).toBe(false)
    expect(await poller.poll(account)).toEqual({ kind: 'read' })
    expect(sent).toHaveLength(1)
    expect(poller.isDue(account)).toBe(false)
    settings.usagePollMs = MINUTE
    await clock.advance(HOUR)
    expect(poller.isDue(account)).toBe(true)
  })

  it('that is gone is forgotten: one that comes back begins anew', async () => {
    const { poller, clock, account } = open()
    await poller.poll(account)
    poller.keepOnly(new Set([idOf('other')]))
    expect(poller.isDue(account)).toBe(false)
    await clock.advance(MINUTE)
    expect(poller.isDue(account)).toBe(true)
    poller.keepOnly(new Set([account.id]))
    expect(poller.isDue(account)).toBe(true)
  })
})

describe('the next poll', () => {
  it.each([
    ['claude-oauth', 0, MINUTE],
    ['claude-oauth', 0.5, MINUTE],
    ['claude-oauth', 1, MINUTE],
    ['zai', 0, SECOND],
    ['deepseek', 0, 1],
  ])(
    'of %s comes never sooner than its provider bears, by chance (%d) and by wish',
    async (provider, chance, usagePollMs) => {
      const { poller, clock, account, settings, direct } = open({ provider })
      direct({
        reply: json({
          five_hour: null,
          data: { limits: [] },
          balance_infos: [{ currency: 'USD', total_balance: '1.00' }],
          is_available: true,
        }),
      })
      settings.usagePollMs = usagePollMs
      clock.setChance(chance)
      const least = providerOf(provider)?.usage?.everyMs ?? 0
      expect(await pauseAfterPoll({ poller, clock, account })).toBeWithin(least, 1.2 * least + SECOND)
    },
  )

  it.each([
    [0, HOUR],
    [0.5, 1.1 * HOUR],
    [1, 1.2 * HOUR],
  ])('comes as seldom as is wished, later by chance (%d)', async (chance, expected) => {
    const { poller, clock, account, settings } = open()
    settings.usagePollMs = HOUR
    clock.setChance(chance)
    expect(await pauseAfterPoll({ poller, clock, account })).toBeWithin(expected, expected + SECOND)
  })

  it('comes later with each failure, an hour at most, and in time again after a success', async () => {
    const { poller, clock, account, direct } = open()
    clock.setChance(0)
    direct('break')
    const pauses: number[] = []
    for (let failure = 0; failure < 8; failure++)
      pauses.push(await pauseAfterPoll({ poller, clock, account }))
    const minutes = pauses.map((ms) => Math.floor(ms / MINUTE))
    expect(minutes).toEqual([20, 40, 60, 60, 60, 60, 60, 60])
    direct('serve')
    expect(await pauseAfterPoll({ poller, clock, account })).toBeWithin(10 * MINUTE, 10 * MINUTE + SECOND)
  })

  it.each([
    [100, 20 * MINUTE],
    [2_900, 2_901 * SECOND],
    [7_200, 7_201 * SECOND],
  ])('comes no sooner than a wait of %d s that was named', async (seconds, expected) => {
    const { poller, clock, account, direct } = open()
    clock.setChance(0)
    direct({ reply: refusal(429, 'rate_limit_error', 'Slow down', [['retry-after', String(seconds)]]) })
    expect(await pauseAfterPoll({ poller, clock, account })).toBeWithin(expected, expected + SECOND)
  })

  it('comes an hour later where the credential may not ask', async () => {
    const { poller, clock, account, direct } = open()
    clock.setChance(0)
    direct({
      reply: refusal(403, 'permission_error', 'OAuth token does not meet scope requirement user:profile'),
    })
    expect(await pauseAfterPoll({ poller, clock, account })).toBeWithin(HOUR, HOUR + SECOND)
  })

  it('does not come at once when something is wrong that must not be', async () => {
    const { poller, clock, account } = open({ secret: plainSecrets.seal('refresh-token', 'somebody', 'x') })
    expect(poller.isDue(account)).toBe(false)
    await clock.advance(MINUTE)
    expect(poller.isDue(account)).toBe(true)
    await expect(poller.poll(account)).rejects.toThrow('sealed for something else')
    expect(poller.isDue(account)).toBe(false)
  })

  it('comes in its time although somebody sets the calendar back or forth', async () => {
    const { poller, clock, account } = open()
    await poller.poll(account)
    clock.jump(-24 * HOUR)
    await clock.advance(13 * MINUTE)
    expect(poller.isDue(account)).toBe(true)
    await poller.poll(account)
    clock.jump(24 * HOUR)
    expect(poller.isDue(account)).toBe(false)
  })
})

describe('an answer', () => {
  it('is shown in fractions', async () => {
    const { poller, account, upstream, pool, clock } = open()
    const resetsAt = later(clock.now(), HOUR)
    upstream.logins.setUsage('max', { fiveHour: { usedPercent: 42, resetsAt } })
    expect(await poller.poll(account)).toEqual({ kind: 'read' })
    expect(pool.windowsOf(account.id)).toContainEqual(
      expect.objectContaining({ name: '5h', utilization: 0.42, readAt: clock.now() }),
    )
  })

  it.each<[string, Direction, string, string]>([
    ['trouble', { reply: whole(500, 'oops') }, 'failed', 'it answered 500'],
    ['a page', { reply: html(200) }, 'failed', 'its usage answer is not understood (200)'],
    ['a refusal', { reply: unauthorized }, 'refused', 'its credential was refused (401)'],
    ['no connection', 'refuse', 'failed', 'connect-refused'],
    ['a broken connection', 'break', 'failed', 'reset'],
    [
      'an answer without end',
      { reply: whole(200, `{"five_hour":"${'x'.repeat(300_000)}"}`) },
      'failed',
      'too long',
    ],
  ])('that is %s is told in a sentence, and changes nothing', async (_what, direction, kind, evidence) => {
    const { poller, account, direct, pool, observed, log } = open()
    const before = pool.revision
    direct(direction)
    const polled = await poller.poll(account)
    expect(polled.kind).toBe(kind as 'failed')
    expect('evidence' in polled ? polled.evidence : '').toContain(evidence)
    expect([pool.revision, pool.windowsOf(account.id), observed]).toEqual([before, [], [kind]])
    expect(log.lines.filter((line) => !line.startsWith('debug'))).toEqual([])
  })

  it('that never comes is given up', async () => {
    const { poller, account, direct, clock } = open()
    direct('hang')
    const polled = poller.poll(account)
    await clock.advance(30 * SECOND)
    expect(await polled).toMatchObject({ kind: 'failed' })
  })

  it.each<[string, Direction]>([
    [
      'everything spent',
      { reply: json({ five_hour: { utilization: 100, resets_at: '2026-11-20T15:00:00Z' } }) },
    ],
    ['more than everything spent', { reply: json({ five_hour: { utilization: 180, resets_at: null } }) }],
    ['a refusal of the credential', { reply: unauthorized }],
    ['a limit on questions', { reply: refusal(429, 'rate_limit_error', 'Error', [['retry-after', '9']]) }],
    ['an overload', { reply: refusal(529, 'overloaded_error', 'Overloaded') }],
    ['no connection', 'refuse'],
  ])('that says %s benches nobody (G14)', async (_what, direction) => {
    const { poller, account, direct, pool, events, accounts } = open()
    accounts.change('max', { planOnly: true })
    direct(direction)
    await poller.poll(account)
    const [view] = pool.views()
    expect(view?.health).toMatchObject({ cooldowns: [], login: undefined })
    expect(view?.health.faults).toMatchObject({ inARow: 0, lastAt: undefined })
    expect(view).toMatchObject({ begun: 0, inFlight: 0, lastTurn: 0 })
    expect(events).toEqual([])
  })

  it('that shows a spent window open ends its cooldown', async () => {
    const { poller, account, upstream, pool, clock, events } = open()
    pool.failed(
      account.id,
      { ...sampleCooldown(), until: later(clock.now(), HOUR), window: '5h', scope: { kind: 'account' } },
      undefined,
    )
    await clock.advance(SECOND)
    upstream.logins.setUsage('max', { fiveHour: { usedPercent: 3, resetsAt: later(clock.now(), HOUR) } })
    await poller.poll(account)
    expect(pool.views()[0]?.health.cooldowns).toMatchObject([{ until: clock.now() }])
    expect(events.map(({ kind }) => kind)).toEqual(['cooling', 'reopened'])
  })
})

describe('the ways to show a credential', () => {
  const zai = { provider: 'zai', secret: plainSecrets.seal('account-credential', idOf('max'), KEY) }
  const body: Reply = json({ data: { limits: [ZAI_SPENT] } })
  const authorization = ({ headers }: UpstreamRequest) =>
    headers.find(([name]) => name === 'authorization')?.[1]

  it('are tried one after the other while they are refused', async () => {
    const { poller, account, direct, sent, pool } = open(zai)
    direct((request) => ({ reply: isBearer(request) ? unauthorized : body }))
    expect(await poller.poll(account)).toEqual({ kind: 'read' })
    expect(sent.map(authorization)).toEqual([`Bearer ${KEY}`, KEY])
    expect(pool.windowsOf(account.id)).toMatchObject([{ name: '5h', utilization: 1 }])
  })

  it('are tried no further when one is taken', async () => {
    const { poller, account, direct, sent } = open(zai)
    direct({ reply: body })
    await poller.poll(account)
    expect(sent.map(authorization)).toEqual([`Bearer ${KEY}`])
  })

  it.each<[string, Direction]>([
    ['in trouble', { reply: whole(502, 'bad gateway') }],
    ['away', 'refuse'],
    ['limiting', { reply: refusal(429, 'rate_limit_error', 'Error') }],
  ])('are tried no further when the provider is %s', async (_what, direction) => {
    const { poller, account, direct, sent } = open(zai)
    direct(direction)
    expect(await poller.poll(account)).toMatchObject({ kind: 'failed' })
    expect(sent).toHaveLength(1)
  })

  it('are refused when all of them were', async () => {
    const { poller, account, direct, sent } = open(zai)
    direct({ reply: unauthorized })
    expect(await poller.poll(account)).toMatchObject({ kind: 'refused' })
    expect(sent).toHaveLength(2)
  })
})

describe('the credential goes (G5)', () => {
  const minimax = { provider: 'minimax', secret: plainSecrets.seal('account-credential', idOf('max'), KEY) }
  const placeOf = (sent: readonly UpstreamRequest[]) =>
    sent.map(({ endpoint: { isSecure, host, port, path }, target }) => [isSecure, host, port, path + target])

  it('to the vendor’s usage endpoint, where the account has no address of its own', async () => {
    const { poller, account, sent } = open(minimax)
    await poller.poll(account)
    expect(placeOf(sent)).toEqual([[true, 'www.minimax.io', 443, '/v1/token_plan/remains']])
  })

  it('to the account’s own address and nowhere else, where it has one', async () => {
    const { poller, account, sent } = open({ ...minimax, baseUrl: 'http://127.0.0.1:4321/deep/anthropic' })
    await poller.poll(account)
    expect(placeOf(sent)).toEqual([[false, '127.0.0.1', 4_321, '/v1/token_plan/remains']])
  })

  it('nowhere, where that address is none', async () => {
    const { poller, account, sent } = open({ ...minimax, baseUrl: 'not an address' })
    expect(await poller.poll(account)).toEqual({ kind: 'failed', evidence: 'its base URL is unknown' })
    expect(sent).toEqual([])
  })

  it('to nobody whom an answer names: redirects are not followed', async () => {
    const { poller, account, direct, sent } = open(minimax)
    direct({ reply: whole(302, '', [['location', 'https://evil.example/']]) })
    expect(await poller.poll(account)).toMatchObject({ kind: 'failed' })
    expect(sent).toHaveLength(1)
  })

  it('the way that the account’s requests go', async () => {
    const proxy = 'http://me:CANARY-proxy@127.0.0.1:9'
    const network = plainSecrets.seal('account-network', idOf('max'), writeNetwork({ proxy }))
    const { poller, account, sent } = open({ ...minimax, network })
    await poller.poll(account)
    expect(sent.map((request) => request.proxy)).toEqual([proxy])
  })

  it('into no log and into nothing that is told, whatever the provider repeats', async () => {
    const { poller, account, direct, log } = open({ provider: 'zai', secret: minimax.secret })
    for (const status of [200, 401, 403, 429, 500]) {
      direct({ reply: whole(status, JSON.stringify({ error: { message: `wrong ${KEY}` }, code: KEY })) })
      expect(JSON.stringify(await poller.poll(account))).not.toContain(KEY)
    }
    expect(log.lines.join('\n')).not.toContain(KEY)
  })
})

const isBearer = ({ headers }: StagedRequest): boolean =>
  headers.some(([name, value]) => name === 'authorization' && value.startsWith('Bearer '))

/** A poller over one account, "max", whose provider does what the test says. */
function open(account: Partial<Account> = {}) {
  const clock = tickingClock()
  const keeping = openKeeping([{ name: 'max', endsInMs: 90 * 24 * HOUR, account }], clock)
  const settings = { ...keeping.context.settings() }
  const sent: UpstreamRequest[] = []
  const observed: string[] = []
  const { upstream } = keeping
  const poller = createPoller({
    ...keeping.context,
    settings: () => settings,
    upstream: {
      send(...[request, limits, signal]: Parameters<typeof upstream.send>) {
        sent.push(request)
        return upstream.send(request, limits, signal)
      },
    },
    observe: { renewed: () => {}, polled: (_account, result) => void observed.push(result) },
  })
  return {
    ...keeping,
    clock,
    poller,
    settings,
    sent,
    observed,
    account: keeping.accounts.find('max'),
    direct(direction: Direction | ((request: StagedRequest) => Direction)) {
      upstream.direct = typeof direction === 'function' ? direction : () => direction
    },
  }
}

type Opened = Pick<ReturnType<typeof open>, 'poller' | 'clock' | 'account'>

/** Polls, and says how long it was until the next poll was due, to the second. */
async function pauseAfterPoll({ poller, clock, account }: Opened): Promise<number> {
  await poller.poll(account)
  const from = clock.elapsed()
  while (!poller.isDue(account)) await clock.advance(SECOND)
  return clock.elapsed() - from
}
