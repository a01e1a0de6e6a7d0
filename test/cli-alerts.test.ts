/** `spillway alerts …` by the real command: rules, channels, tests, mutes, previews, history; secrets on standard input only. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { type Receiver, startReceiver } from './support/receiver.ts'
import { eventually, keyOf } from './support/world.ts'

let place: Place
let receiver: Receiver
const open = async (isRunning: boolean): Promise<void> => {
  place = await openPlace(isRunning)
}
beforeEach(() => {
  receiver = startReceiver()
})
afterEach(async () => {
  receiver.stop()
  await place.stop()
})

const json = async <T>(words: string | readonly string[]): Promise<T> => {
  const all = typeof words === 'string' ? words.split(' ') : words
  return (await place.run(['alerts', ...all, '--json'])).json<T>()
}
const RULE = 'many requests fail'

describe('without a server', () => {
  it('rules are listed, added, changed, muted, tried and removed', async () => {
    await open(false)
    await place.addAccount('a')
    const list = await place.run('alerts rules')
    expect(list.out).toMatch(
      /many requests fail +error-rate, share 0\.25, atLeast 20, over 15m .*warning +1h +every +on/,
    )
    const added = await place.run([
      'alerts',
      'rules',
      'add',
      'weekly',
      '--when',
      'window-above',
      '--window',
      '7d',
      '--share',
      '80%',
      '--account',
      'a',
    ])
    expect([added.code, added.out.trim()]).toEqual([
      0,
      'The rule "weekly" is on: window-above, window 7d, share 0.8.',
    ])
    await place.run('alerts rules set weekly --share 0.9 --severity critical')
    const [rule] = (await json<{ readonly name: string }[]>('rules list')).filter(
      ({ name }) => name === 'weekly',
    )
    expect(rule).toMatchObject({
      when: { share: 0.9, window: '7d' },
      scope: { account: 'a' },
      severity: 'critical',
    })
    expect((await place.run('alerts rules set weekly --off')).out.trim()).toBe('The rule "weekly" is off.')
    expect((await place.run(['alerts', 'mute', RULE, '--for', '8h'])).out).toMatch(/is muted, ends in 8 h/)
    expect((await place.run(['alerts', 'mute', RULE, '--off'])).out).toMatch(/is on\./)
    expect((await place.run('alerts preview weekly --days 3')).out.trim()).toBe(
      'It would not have fired in the last 3 days.',
    )
    expect((await place.run('alerts rules remove weekly')).code).toBe(0)
    expect((await place.run('alerts preview weekly')).code).toBe(3)
  })

  it('what cannot be ends with 2 and says which word', async () => {
    await open(false)
    const cases: readonly (readonly [words: readonly string[], err: string])[] = [
      [
        ['rules', 'add', 'x', '--when', 'runway-below', '--length', '1h', '--key', 'k'],
        'There is no key "k"',
      ],
      [['rules', 'add', 'x', '--when', 'runway-below', '--length', '1h', '--share', '1'], 'when.share'],
      [['rules', 'add', 'x', '--when', 'weather'], 'runway-below'],
      [['rules', 'add', 'x', '--when', 'budget-above', '--share', 'much'], 'not a share'],
      [['channels', 'add', 'x', '--kind', 'slack', '--secret-env', 'NOWHERE'], 'NOWHERE is not set'],
      [['channels', 'add', 'x', '--kind', 'email', '--host', 'h'], '--from'],
    ]
    for (const [words, err] of cases) {
      const ran = await place.run(['alerts', ...words])
      expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(err)])
    }
  })
})

describe('with a server', () => {
  it('a channel is added with its address on standard input, tried, told and listed without it', async () => {
    await open(true)
    await place.world.api.changeConfig({ body: { alertIntervalMs: 20 } })
    await place.addAccount('a')
    expect((await place.run('alerts channels')).out).toContain('There are no channels yet')
    const input = `${receiver.url}/CANARY-path\n`
    const added = await place.run('alerts channels add hook --kind webhook', { input })
    expect(added.out.trim()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(added.err).toContain('the only time that it is shown')
    expect((await place.run('alerts channels')).out).toMatch(
      /hook +webhook +http:\/\/127\.0\.0\.1:\d+\/… +on/,
    )
    const test = await place.run('alerts test hook')
    expect([test.code, test.out.trim()]).toEqual([0, 'The test has gone to "hook".'])
    expect(receiver.posts.map(({ path }) => path)).toEqual(['/CANARY-path'])

    place.simulator.always(keyOf('a'), reply.unauthorized)
    await place.world.ask()
    await eventually(() => receiver.posts.length === 2 || undefined, 'the alert')
    const [open_] = await json<{ readonly id: string; readonly rule: string }[]>('list')
    expect(open_).toMatchObject({
      rule: 'account needs a sign-in',
      severity: 'critical',
      acknowledgedAt: null,
    })
    expect((await place.run('alerts list')).out).toMatch(
      /critical +account needs a sign-in +open +Account a is in need/,
    )
    await place.run(`alerts acknowledge ${open_?.id}`)
    expect((await place.run('alerts history')).out).toMatch(/account needs a sign-in +seen/)

    const { deliveries } = await json<{ readonly deliveries: { readonly id: string }[] }>('deliveries')
    expect(deliveries).toMatchObject([{ type: 'alert.fired', state: 'delivered' }, { type: 'alert.test' }])
    receiver.answer(() => new Response(null, { status: 500 }))
    const again = await place.run(`alerts redeliver ${deliveries[0]?.id}`)
    expect([again.code, again.out.trim()]).toEqual([1, 'It answered 500.'])
    await place.run('alerts channels off hook')
    expect((await place.run('alerts channels')).out).toMatch(/hook .* off/)
    expect((await place.run('alerts channels remove hook')).code).toBe(0)
  })

  it('a command is given as words after --', async () => {
    await open(true)
    const added = await place.run('alerts channels add c --kind command -- sh -c true')
    expect(added.code).toBe(0)
    expect((await place.run('alerts test c')).code).toBe(0)
    expect(await json<unknown[]>('channels list')).toMatchObject([{ kind: 'command', target: 'sh' }])
  })
})
