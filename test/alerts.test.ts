/**
 * Alerts in a running gateway, over real sockets: each kind of rule fires from what really
 * happened, is told to a receiver that checks the signature, is in the history, would have
 * fired in the preview, and is not told again after a restart. Channels' addresses are canaries.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import type { ClientInput } from '../src/api/contract.ts'
import * as reply from '../src/simulator/replies.ts'
import { type MailServer, type Receiver, startMailServer, startReceiver } from './support/receiver.ts'
import { eventually, keyOf, openWorld, type World, type WorldOptions } from './support/world.ts'

type NewRule = ClientInput<'addAlertRule'>['body']
type ChannelConfig = ClientInput<'addAlertChannel'>['body']['config']

const OFTEN = { alertIntervalMs: 20, alertRetryMs: 20 }

let world: World
let receiver: Receiver
let mail: MailServer
beforeEach(() => {
  receiver = startReceiver()
  mail = startMailServer()
})
afterEach(async () => {
  receiver.stop()
  mail.stop()
  await world.stop()
})

const open = async (options: WorldOptions = {}): Promise<void> => {
  world = await openWorld({ ...options, settings: { ...OFTEN, ...options.settings } })
}

describe('each rule fires from what happened', () => {
  it('an account needs a sign-in: a rule that is there from the beginning', async () => {
    await open()
    world.simulator.always(keyOf('a'), reply.unauthorized)
    await world.ask()
    const alert = await fired('account needs a sign-in')
    expect(alert).toMatchObject({ kind: 'account-state', severity: 'critical', resolvedAt: null })
    expect(alert.message).toMatch(
      /^Account a is in need of a sign-in: .*Give it a new key with "spillway accounts set a/,
    )
    expect((await preview('account needs a sign-in')).alerts).toMatchObject([{ message: alert.message }])
  })

  it('an account is set aside', async () => {
    await open({ accounts: ['a', 'b'] })
    await add({
      name: 'benched',
      when: { kind: 'account-state', states: ['cooling'] },
      scope: { account: 'a' },
    })
    spend('a')
    await world.ask()
    expect((await fired('benched')).message).toMatch(/^Account a is set aside: its 5h window is spent/)
    expect((await preview('benched')).count).toBe(1)
  })

  it('a window is used by more than was said', async () => {
    await open()
    await add({ name: 'window', when: { kind: 'window-above', window: '5h', share: 0.8 } })
    used('a', 0.79)
    await world.ask()
    await world.rows(1)
    used('a', 0.81)
    await world.ask()
    expect(await fired('window')).toMatchObject({ value: 0.81 })
    expect((await preview('window')).count).toBe(1)
  })

  it('a window that was used has begun anew', async () => {
    await open()
    await add({ name: 'anew', when: { kind: 'window-reset', share: 0.5 } })
    used('a', 0.9, 2)
    await world.ask()
    const alert = await fired('anew')
    expect(alert).toMatchObject({ message: 'The 5h window of account a has begun anew after 90 %.' })
    expect(alert.resolvedAt).toBe(alert.firedAt)
  })

  it('the pool is nearly empty: a rule that is there from the beginning', async () => {
    await open()
    spend('a')
    await world.ask()
    expect((await fired('pool nearly empty')).message).toMatch(/^No account can take requests until /)
    expect((await preview('pool nearly empty')).count).toBe(1)
  })

  it('many requests fail: a rule that is there from the beginning', async () => {
    await open({ settings: { retryAttempts: 1, circuitFaults: 0 } })
    await world.api.changeAlertRule({
      params: { id: 'many requests fail' },
      body: { when: { kind: 'error-rate', share: 0.25, atLeast: 4 } },
    })
    for (let count = 0; count < 3; count++) await world.ask()
    expect(await openAlerts()).toEqual([])
    world.simulator.always(keyOf('a'), reply.refusal(500, 'api_error', 'broken'))
    for (let count = 0; count < 2; count++) await world.ask()
    expect((await fired('many requests fail')).message).toBe(
      '2 of 5 requests (40 %) in the last 15 min had no good answer.',
    )
    expect((await preview('many requests fail')).count).toBe(1)
  })

  it('more is spent in an hour than was said, by one key', async () => {
    await open()
    const { secret } = await world.api.createKey({ body: { name: 'ci' } })
    await add({ name: 'spending', when: { kind: 'spend-above', usdPerHour: 0.0001 }, scope: { key: 'ci' } })
    await world.ask({}, { 'x-api-key': secret })
    expect((await fired('spending')).value).toBeGreaterThan(0.0001)
    expect((await preview('spending')).count).toBe(1)
  })

  it('caches hit less than was said', async () => {
    await open()
    await add({
      name: 'cold',
      when: { kind: 'cache-hit', below: 0.9, atLeast: 1 },
      scope: { model: 'sonnet' },
    })
    await world.ask()
    expect((await fired('cold')).value).toBeLessThan(0.9)
    expect((await preview('cold')).count).toBe(1)
  })

  it('a pool’s budget of the day is used by more than was said', async () => {
    await open({ accounts: [{ name: 'a', groups: ['work'] }] })
    await world.api.changeConfig({ body: { pools: { default: [{ group: 'work', usdPerDay: 0.0001 }] } } })
    await add({ name: 'budget', when: { kind: 'budget-above', share: 0.5 } })
    await world.ask()
    expect((await fired('budget')).message).toMatch(
      /^The budget of pool default, group work for the day is used by/,
    )
    expect((await preview('budget')).count).toBe(1)
  })

  it('a key’s budget is used by more than was said', async () => {
    await open()
    const budgets = [{ tokens: 1, period: 'day' as const }]
    const { secret } = await world.api.createKey({ body: { name: 'ci', budgets } })
    await add({ name: 'budget', when: { kind: 'budget-above', share: 0.5 }, scope: { key: 'ci' } })
    expect((await world.ask({}, { 'x-api-key': secret })).status).toBe(200)
    expect((await fired('budget')).message).toMatch(/^The budget of key ci for the day is used by/)
  })
})

describe('what fires', () => {
  it('is told once, signed, and not again after a restart', async () => {
    await open()
    const { signingSecret = '' } = await channel('hook', {
      kind: 'webhook',
      url: `${receiver.url}/CANARY-path`,
    })
    await trouble()
    const [post] = await posts(1)
    expect(post?.path).toBe('/CANARY-path')
    expect(new Webhook(signingSecret).verify(post?.body ?? '', { ...post?.headers })).toMatchObject({
      type: 'alert.fired',
      data: { rule: 'account needs a sign-in', severity: 'critical' },
    })
    await delivered(1)
    await world.restart()
    await looked()
    expect(receiver.posts).toHaveLength(1)
    const { alerts } = await world.api.listAlerts({ query: { rule: 'account needs a sign-in' } })
    expect(alerts).toHaveLength(1)
    expect(await channels()).toEqual([{ name: 'hook', target: `${receiver.url}/…` }])
  })

  it('goes on being delivered after a restart, where its receiver had failed', async () => {
    await open({ settings: { alertRetryMs: 300 } })
    receiver.answer(() => new Response(null, { status: 503 }))
    await channel('hook', { kind: 'webhook', url: receiver.url })
    await trouble()
    await posts(1)
    await eventually(async () => (await health()).problems.length > 1 || undefined, 'the problem')
    expect((await health()).problems).toContainEqual(
      expect.stringMatching(/^The alert channel "hook" has failed/),
    )
    await world.restart()
    receiver.answer(() => new Response())
    await delivered(1)
    const ids = new Set(receiver.posts.map(({ headers }) => headers['webhook-id']))
    expect(ids.size).toBe(1)
    const warnings = world
      .log()
      .split('\n')
      .filter((line) => line.includes('does not work'))
    expect(warnings).toHaveLength(1)
  })

  it('reaches the others while one channel hangs', async () => {
    await open()
    const hanging = startReceiver()
    hanging.answer(() => new Promise(() => {}))
    try {
      await channel('hanging', { kind: 'slack', url: `${hanging.url}/CANARY-slack` })
      await channel('mail', {
        kind: 'email',
        host: '127.0.0.1',
        port: mail.port,
        security: 'none',
        username: 'me',
        password: 'CANARY-mail-password',
        from: 'spillway@test.example',
        to: ['ops@test.example'],
      })
      await channel('ntfy', { kind: 'ntfy', url: `${receiver.url}/topic`, token: 'CANARY-token' })
      await trouble()
      await eventually(() => mail.mails.length === 1 || undefined, 'the mail')
      await posts(1)
      expect(hanging.posts).toHaveLength(1)
    } finally {
      hanging.stop()
    }
  })

  it('is told to the channels that its rule names', async () => {
    await open()
    await channel('one', { kind: 'discord', url: `${receiver.url}/one` })
    await channel('two', { kind: 'discord', url: `${receiver.url}/two` })
    await world.api.changeAlertRule({
      params: { id: 'account needs a sign-in' },
      body: { channels: ['two'] },
    })
    await trouble()
    await posts(1)
    await delivered(1)
    expect(receiver.posts.map(({ path }) => path)).toEqual(['/two'])
    const removal = world.api.removeAlertChannel({ params: { id: 'two' } })
    await expect(removal).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('account needs'),
    })
  })

  it('is only written down while its rule is muted, and told when the mute ends', async () => {
    await open()
    await channel('hook', { kind: 'webhook', url: receiver.url })
    const rule = { id: 'account needs a sign-in' }
    await world.api.muteAlertRule({ params: rule, body: { for: '1h' } })
    await trouble()
    expect(await fired('account needs a sign-in')).toMatchObject({ muted: true })
    await looked()
    expect(receiver.posts).toEqual([])
    await world.api.muteAlertRule({ params: rule, body: { for: null } })
    await posts(1)
    expect((await openAlerts())[0]).toMatchObject({ muted: false })
  })

  it('can be acknowledged, by name', async () => {
    await open()
    await trouble()
    const { id } = await fired('account needs a sign-in')
    const seen = await world.api.acknowledgeAlert({ params: { id } })
    expect(seen).toMatchObject({ acknowledgedBy: 'admin token', acknowledgedAt: expect.any(String) })
    await world.restart()
    expect((await openAlerts())[0]).toMatchObject({ acknowledgedBy: 'admin token' })
  })

  it('is in no row of the ledger', async () => {
    await open()
    await channel('hook', { kind: 'webhook', url: receiver.url })
    await trouble()
    await posts(1)
    expect(await world.rows(1)).toHaveLength(1)
  })
})

describe('a delivery', () => {
  it('can be sent again, under the same id', async () => {
    await open()
    await channel('hook', { kind: 'webhook', url: receiver.url })
    await trouble()
    const [first] = await delivered(1)
    const again = await world.api.redeliverAlert({ params: { id: first?.id ?? '' } })
    expect(again).toMatchObject({ state: 'delivered', attempts: 1, status: 204, channel: 'hook' })
    const [one, two] = receiver.posts
    expect(one?.headers['webhook-id']).toBe(two?.headers['webhook-id'] ?? '')
    const { deliveries, nextCursor } = await world.api.listAlertDeliveries({ query: { limit: 1 } })
    expect(deliveries.map(({ id }) => id)).toEqual([again.id])
    const rest = await world.api.listAlertDeliveries({ query: { limit: 5, cursor: nextCursor ?? '' } })
    expect(rest.deliveries.map(({ id }) => id)).toEqual([first?.id ?? ''])
  })

  it('of a test is sent at once and tried once', async () => {
    await open()
    await channel('hook', { kind: 'slack', url: `${receiver.url}/CANARY-slack` })
    expect(await world.api.testAlertChannel({ params: { id: 'hook' } })).toEqual({
      ok: true,
      status: 204,
      message: 'The test has gone to "hook".',
    })
    receiver.answer(() => new Response(null, { status: 404 }))
    const failed = await world.api.testAlertChannel({ params: { id: 'hook' } })
    expect(failed).toEqual({ ok: false, status: 404, message: 'It answered 404.' })
    const { deliveries } = await world.api.listAlertDeliveries({ query: { channel: 'hook' } })
    expect(deliveries.map(({ state, attempts }) => [state, attempts])).toEqual([
      ['failed', 1],
      ['delivered', 1],
    ])
  })
})

describe('what cannot be is refused', () => {
  it.each([
    ['a share beyond all', { name: 'x', when: { kind: 'window-above', share: 90 } }, 'when.share'],
    ['a kind that is none', { name: 'x', when: { kind: 'weather' } }, 'when.kind'],
    [
      'a parameter of another kind',
      { name: 'x', when: { kind: 'budget-above', share: 0.5, over: '1h' } },
      'when.over',
    ],
    [
      'a scope that does not fit',
      { name: 'x', when: { kind: 'runway-below', length: '1h' }, scope: { group: 'g' } },
      'scope.group',
    ],
    [
      'an account that is not there',
      { name: 'x', when: { kind: 'window-above', share: 0.9 }, scope: { account: 'z' } },
      'scope.account',
    ],
    [
      'a channel that is not there',
      { name: 'x', when: { kind: 'budget-above', share: 0.5 }, channels: ['z'] },
      'channels',
    ],
    ['no length', { name: 'x', when: { kind: 'runway-below', length: 'soon' } }, 'when.length'],
    ['a cache rule that says nothing', { name: 'x', when: { kind: 'cache-hit' } }, 'when'],
  ])('%s', async (_what, body, path) => {
    await open({ accounts: [] })
    const answer = await send('/api/alerts/rules', body)
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { details: [{ path }] } }])
  })

  it.each([
    ['an address of another kind', { kind: 'webhook', url: 'file:///etc/passwd' }, 'config.url'],
    ['an address with a password', { kind: 'slack', url: 'https://a:b@hooks.example/' }, 'config.url'],
    [
      'a password in the clear',
      {
        kind: 'email',
        host: 'smtp.example',
        security: 'none',
        username: 'u',
        password: 'p',
        from: 'a@b',
        to: ['c@d'],
      },
      'config.security',
    ],
    ['no command', { kind: 'command', argv: [] }, 'config.argv'],
    [
      'a header in an address',
      { kind: 'email', host: 'h', from: 'a@b\r\nBcc: x@y', to: ['c@d'] },
      'config.from',
    ],
  ])('%s', async (_what, config, path) => {
    await open({ accounts: [] })
    const answer = await send('/api/alerts/channels', { name: 'x', config })
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { details: [{ path }] } }])
  })

  it('a name twice, and what is not there', async () => {
    await open({ accounts: [] })
    expect(
      (
        await send('/api/alerts/rules', {
          name: 'pool nearly empty',
          when: { kind: 'budget-above', share: 0.5 },
        })
      ).status,
    ).toBe(409)
    for (const path of ['rules/x/preview', 'rules/x'])
      expect((await world.admin(`/api/alerts/${path}`)).status).toBe(404)
    for (const path of ['channels/x/test', 'deliveries/x/redeliver', 'x/acknowledge'])
      expect((await world.admin(`/api/alerts/${path}`, { method: 'POST' })).status).toBe(404)
  })
})

/** An account's key is refused: the first rule has something to say. */
async function trouble(): Promise<void> {
  world.simulator.always(keyOf('a'), reply.unauthorized)
  await world.ask()
}

const add = (body: NewRule) => world.api.addAlertRule({ body })

const channel = (name: string, config: ChannelConfig) => world.api.addAlertChannel({ body: { name, config } })

const channels = async () =>
  (await world.api.listAlertChannels()).channels.map(({ name, target }) => ({ name, target }))

const openAlerts = async () => (await world.api.listAlerts({ query: { state: 'open' } })).alerts

const health = () => world.api.health()

const preview = (id: string) => world.api.previewAlertRule({ params: { id }, query: { days: 1 } })

const fired = (rule: string) =>
  eventually(async () => (await world.api.listAlerts({ query: { rule } })).alerts[0], `an alert of ${rule}`)

const posts = (count: number) =>
  eventually(() => (receiver.posts.length >= count ? receiver.posts : undefined), `${count} posts`)

const delivered = (count: number) =>
  eventually(async () => {
    const { deliveries } = await world.api.listAlertDeliveries({ query: { state: 'delivered' } })
    return deliveries.length >= count ? deliveries : undefined
  }, `${count} deliveries`)

/** The watcher has looked since: a rule of which is known that it fires has fired. */
async function looked(): Promise<void> {
  const name = `marker ${++markers}`
  await add({ name, when: { kind: 'account-state', states: ['needs-login'] }, channels: [] })
  await fired(name)
  await world.api.removeAlertRule({ params: { id: name } })
}
let markers = 0

const send = (path: string, body: unknown): Promise<Response> =>
  world.admin(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })

function used(name: string, fraction: number, endsInSeconds = 3_600): void {
  const reset = String(Math.floor(Date.now() / 1_000) + endsInSeconds)
  const headers = [
    ['anthropic-ratelimit-unified-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-utilization', String(fraction)],
    ['anthropic-ratelimit-unified-5h-reset', reset],
  ] as const
  const usage = { inputTokens: 10, outputTokens: 5 }
  world.simulator.always(
    keyOf(name),
    reply.message({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'yes', usage }, headers),
  )
}

const spend = (name: string): void =>
  world.simulator.always(keyOf(name), reply.windowSpent('5h', Math.floor(Date.now() / 1_000) + 3_600))
