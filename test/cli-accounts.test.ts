/** `spillway accounts …`, against a running server and on the data directory itself. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from '../src/api/contract.ts'
import { throttled, unauthorized } from '../src/simulator/replies.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { keyOf } from './support/world.ts'

let place: Place
afterEach(() => place.stop())

const show = async (name: string): Promise<Account> =>
  (await place.run(['accounts', 'show', name, '--json'])).json<Account>()

const list = async (): Promise<readonly Account[]> =>
  (await place.run('accounts list --json')).json<readonly Account[]>()

/** Whether a key reaches the provider: the account's own test asks it. */
const keyAtProvider = async (name: string): Promise<string | undefined> => {
  const before = place.simulator.received.length
  await place.run(['accounts', 'test', name])
  return place.simulator.received.slice(before).at(-1)?.key
}

describe.each([
  ['with a running server', true],
  ['without a server', false],
])('accounts, %s', (_where, isRunning) => {
  beforeEach(async () => {
    place = await openPlace(isRunning)
  })

  it('are none at first, and the way to add one is shown', async () => {
    const [people, scripts] = await Promise.all([
      place.run('accounts list'),
      place.run('accounts list --json'),
    ])
    expect([people.code, people.err]).toEqual([0, ''])
    expect(people.out).toContain('spillway accounts add <name> --provider console --api-key-stdin')
    expect([scripts.code, scripts.json<unknown>()]).toEqual([0, []])
  })

  it('are added with everything that can be said of them, and listed with the contract’s fields', async () => {
    const added = await place.addAccount(
      'work',
      ...['--priority', '3', '--weight', '2.5', '--tier', '20', '--group', 'team', '--group', 'night'],
      ...['--model-map', 'claude-opus-5-5=claude-sonnet-5-5', '--model-map', 'a=b=c', '--json'],
    )
    expect([added.code, added.err]).toEqual([0, ''])
    const expected = {
      id: expect.any(String),
      name: 'work',
      provider: 'console',
      baseUrl: place.simulator.url,
      priority: 3,
      weight: 2.5,
      tier: 20,
      groups: ['team', 'night'],
      modelMap: { 'claude-opus-5-5': 'claude-sonnet-5-5', a: 'b=c' },
      state: { kind: 'ready' },
      windows: [],
      totals: { requests: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 },
    }
    expect(added.json<Account>()).toMatchObject(expected)
    expect(await list()).toMatchObject([expected])
    expect(await show('work')).toMatchObject(expected)
    expect(await keyAtProvider('work')).toBe(keyOf('work'))
  })

  it('take their key from an environment variable too', async () => {
    const words = ['accounts', 'add', 'work', '--provider', 'console', '--base-url', place.simulator.url]
    const { code, out } = await place.run([...words, '--api-key-env', 'MY_KEY'], {
      environment: { MY_KEY: 'CANARY-from-variable' },
    })
    expect([code, out]).toEqual([0, 'Added the account work.\n'])
    expect(await keyAtProvider('work')).toBe('CANARY-from-variable')
  })

  it('of a compatible provider need no key', async () => {
    const { code } = await place.run([
      ...[
        'accounts',
        'add',
        'local',
        '--provider',
        'anthropic-compatible',
        '--base-url',
        place.simulator.url,
      ],
    ])
    expect(code).toBe(0)
    expect(await keyAtProvider('local')).toBe('')
  })

  it('are one of each name: a second one is refused and the first stays', async () => {
    await place.addAccount('work', '--priority', '1')
    const second = await place.addAccount('work', '--priority', '2')
    expect([second.code, second.out]).toEqual([1, ''])
    expect(second.err).toContain('There is an account called "work" already.')
    expect(await list()).toMatchObject([{ name: 'work', priority: 1 }])
  })

  it('change in what was said and in nothing else', async () => {
    await place.addAccount('work', '--group', 'team', '--priority', '1')
    const { code, out } = await place.run('accounts set work --priority 7 --model-map opus=sonnet')
    expect([code, out]).toEqual([0, 'Changed the account work.\n'])
    expect(await show('work')).toMatchObject({ priority: 7, groups: ['team'], modelMap: { opus: 'sonnet' } })
    expect(await keyAtProvider('work')).toBe(keyOf('work'))
    await place.run('accounts set work --api-key-stdin', { input: 'CANARY-new' })
    expect(await keyAtProvider('work')).toBe('CANARY-new')
  })

  it('are renamed, paused, resumed and removed', async () => {
    await place.addAccount('work')
    expect((await place.run('accounts rename work office')).out).toBe('work is now called office.\n')
    expect((await place.run('accounts show work')).code).toBe(3)
    expect((await place.run('accounts pause office')).out).toBe('office is paused.\n')
    expect(await show('office')).toMatchObject({ state: { kind: 'paused' } })
    expect((await place.run('accounts resume office')).out).toBe('office is in use again.\n')
    expect(await show('office')).toMatchObject({ state: { kind: 'ready' } })
    expect((await place.run('accounts remove office --yes')).out).toBe('Removed the account office.\n')
    expect(await list()).toEqual([])
  })

  it('are shown to people in a table, and one by one in fields', async () => {
    await place.addAccount('work', '--priority', '3', '--group', 'team')
    const table = await place.run('accounts list')
    const [head = '', row = ''] = table.out.split('\n')
    expect(head.split(/\s+/)).toEqual([
      'NAME',
      'PROVIDER',
      'PRIORITY',
      'STATE',
      'UNTIL',
      'TIGHTEST',
      'REASON',
      'REQUESTS',
      'COST',
    ])
    expect(row.split(/\s+/)).toEqual(['work', 'console', '3', 'ready', '0', '$0.0000'])
    const one = await place.run('accounts show work')
    expect(one.out).toMatch(/^name +work$/m)
    expect(one.out).toMatch(/^groups +team$/m)
    expect(one.out).toMatch(/^state +ready$/m)
  })

  it('are tested against their provider, which counts as no use', async () => {
    await place.addAccount('good')
    await place.addAccount('bad')
    place.simulator.always(keyOf('bad'), unauthorized)
    const good = await place.run('accounts test good')
    expect([good.code, good.out]).toEqual([
      0,
      expect.stringContaining('good: The provider takes its credential.'),
    ])
    const bad = await place.run('accounts test bad --json')
    expect(bad.code).toBe(1)
    expect(bad.json<object>()).toMatchObject({
      ok: false,
      status: 401,
      message: expect.stringContaining('refuses'),
    })
    expect((await list()).map(({ state, totals }) => [state.kind, totals.requests])).toEqual([
      ['ready', 0],
      ['ready', 0],
    ])
  })

  it('go out without their credentials and come in again with them', async () => {
    await place.addAccount('work', '--priority', '4', '--group', 'team', '--model-map', 'opus=sonnet')
    await place.addAccount('spare')
    const exported = await place.run('accounts export')
    expect([exported.code, exported.err]).toEqual([0, ''])
    const entries = exported.json<readonly Record<string, unknown>[]>()
    expect(entries).toMatchObject([{ name: 'work', priority: 4, groups: ['team'] }, { name: 'spare' }])

    for (const name of ['work', 'spare']) await place.run(['accounts', 'remove', name, '--yes'])
    const withKeys = [
      { ...entries[0], apiKeyEnv: 'WORK_KEY' },
      { ...entries[1], apiKey: 'CANARY-spare-again' },
    ]
    const imported = await place.run('accounts import -', {
      input: JSON.stringify(withKeys),
      environment: { WORK_KEY: 'CANARY-work-again' },
    })
    expect([imported.code, imported.out]).toEqual([0, 'Added the account work.\nAdded the account spare.\n'])
    const again = await place.run('accounts export')
    expect(again.json<unknown>()).toEqual(entries)
    expect(await keyAtProvider('work')).toBe('CANARY-work-again')
    expect(await keyAtProvider('spare')).toBe('CANARY-spare-again')
  })

  it('that cannot come in are named, and the others come in', async () => {
    await place.addAccount('taken')
    const file = join(place.directory, 'accounts.json')
    const entry = { provider: 'anthropic-compatible', baseUrl: place.simulator.url }
    const entries = [
      { ...entry, name: 'taken' },
      { ...entry, name: 'new' },
      { name: 'odd', provider: 'nonsense' },
    ]
    writeFileSync(file, JSON.stringify(entries))
    const { code, out, err } = await place.run(['accounts', 'import', file])
    expect([code, out]).toEqual([1, 'Added the account new.\n'])
    expect(err).toContain('taken: There is an account called "taken" already.')
    expect(err).toContain('odd: There is no provider "nonsense".')
    expect((await list()).map(({ name }) => name)).toEqual(['taken', 'new'])
  })

  it.each([
    ['no JSON', 'name: work'],
    ['no list', '{"name":"work"}'],
    ['empty', ''],
  ])('are not imported from what is %s', async (_what, input) => {
    const { code, out, err } = await place.run('accounts import -', { input })
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('must hold a JSON list of accounts')
  })

  it('are not added when the list holds what is no account', async () => {
    const { code, err } = await place.run('accounts import -', { input: '["work", null, 7]' })
    expect(code).toBe(1)
    expect(err).not.toContain('undefined is not an object')
    expect(err).not.toContain('null is not an object')
  })
})

describe('accounts that have been used', () => {
  it('are shown as they fare, and a cooldown can be cleared by hand', async () => {
    place = await openPlace(true)
    await place.addAccount('work')
    await place.world.ask()
    place.simulator.script(keyOf('work'), throttled(600))
    await place.world.ask()
    const cooling = await show('work')
    expect(cooling.state).toMatchObject({
      kind: 'cooling',
      until: expect.any(String),
      reason: expect.any(String),
    })
    expect(cooling.cooldowns).toHaveLength(1)
    expect(cooling.totals.requests).toBe(1)
    expect((await place.run('accounts show work')).out).toContain('ends in 10 min')
    const { code, out } = await place.run('accounts clear-cooldown work')
    expect([code, out]).toEqual([0, 'work is ready again.\n'])
    expect(await show('work')).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect((await place.world.ask()).status).toBe(200)
  })

  it('keep their cooldown for commands after the server has ended, and it can be cleared there too', async () => {
    place = await openPlace(true)
    await place.addAccount('work')
    place.simulator.script(keyOf('work'), throttled(600))
    await place.world.ask()
    await place.stopServer()
    expect((await show('work')).state.kind).toBe('cooling')
    await place.run('accounts clear-cooldown work')
    expect((await show('work')).state.kind).toBe('ready')
  })
})
