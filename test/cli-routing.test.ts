/** `routes`, `queue`, `config set` for rules, `keys` with rules and accounts' models, by the real command. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { openPlace, type Place } from './support/command-line.ts'

let place: Place
beforeEach(async () => {
  place = await openPlace(true)
  await place.addAccount('sub')
  await place.addAccount('key')
})
afterEach(() => place.stop())

const json = async (words: string) => (await place.run(`${words} --json`)).json<Record<string, unknown>>()

describe('pools', () => {
  it('are set, shown and tried', async () => {
    await place.run('accounts set sub --group subs')
    await place.run('accounts set key --group keys')
    const set = await place.run([
      'config',
      'set',
      'pools',
      '{"work":["subs",{"group":"keys","usdPerDay":5}]}',
    ])
    expect(set.code).toBe(0)
    const { out } = await place.run('routes show')
    expect(out).toMatch(
      /Pool work:\nTIER +GROUP +TODAY +AT MOST +ACCOUNTS\n1 +subs .* sub\n2 +keys .*\$5\.00 +key\n/,
    )
    const explained = await place.run('routes explain --model claude-sonnet-5-5 --pool work --exclude sub')
    expect(explained.code).toBe(0)
    expect(explained.out).toContain('It would go to key, asking for claude-sonnet-5-5')
    expect(explained.out).toMatch(/sub +excluded: the client does not want it/)
    expect(await json('routes explain --model x --pool work')).toMatchObject({
      outcome: 'send',
      account: 'sub',
    })
  })

  it('that cannot be are refused with exit code 2 and what was meant', async () => {
    await place.run('accounts set sub --group subs')
    const wrong = await place.run(['config', 'set', 'pools', '{"work":["sub"]}'])
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('Did you mean "subs"?')])
    const strategy = await place.run('config set strategy headrom')
    expect([strategy.code, strategy.err]).toEqual([2, expect.stringContaining('did you mean "headroom"?')])
    expect((await place.run('config get pools')).out.trim()).toBe('{}')
  })
})

describe('a dry run', () => {
  it('of what would be refused ends with 75, of an unknown pool with 3, of nonsense with 2', async () => {
    expect((await place.run('routes explain --model x --exclude sub,key')).code).toBe(75)
    expect((await place.run('routes explain --model x --pool nowhere')).code).toBe(3)
    expect((await place.run('routes explain --model x --class urgent')).code).toBe(2)
    expect((await place.run('routes explain')).code).toBe(2)
  })
})

it('nobody waits in an empty line', async () => {
  expect((await place.run('queue')).out).toContain('Nobody waits.')
  expect(await json('queue')).toEqual([] as never)
})

describe('an account', () => {
  it('is given maps, models and limits, and loses them again', async () => {
    const words =
      'accounts set sub --model-map opus=claude-a,claude-b --model-map *=claude-c --model sonnet --model claude-* --max-concurrent 4 --group g'
    expect((await place.run(words)).code).toBe(0)
    expect(await json('accounts show sub')).toMatchObject({
      modelMap: { opus: ['claude-a', 'claude-b'], '*': 'claude-c' },
      models: ['sonnet', 'claude-*'],
      maxConcurrent: 4,
      groups: ['g'],
    })
    const { out } = await place.run('accounts show sub')
    expect(out).toMatch(/model map +opus → claude-a or claude-b, \* → claude-c\n/)
    expect(out).toMatch(/serves only +sonnet, claude-\*\n/)
    const clear = '--clear-model-map --all-models --unlimited-concurrency --clear-groups'
    expect((await place.run(`accounts set sub ${clear}`)).code).toBe(0)
    const shown = await json('accounts show sub')
    expect(shown).toMatchObject({ modelMap: {}, groups: [] })
    expect(shown).not.toHaveProperty('models')
    expect(shown).not.toHaveProperty('maxConcurrent')
    const nowhere = await place.run('accounts set key --clear-base-url')
    expect(nowhere.code).toBe(0)
    expect(await json('accounts show key')).not.toHaveProperty('baseUrl')
  })
})

describe('a key', () => {
  it('has rules that are shown, changed and taken back', async () => {
    const words =
      'keys create nightly --class background --pool work --hold 10m --runaway refuse --prefer opus=claude-haiku-5-5'
    expect((await place.run(words)).code).toBe(0)
    const { out } = await place.run('keys show nightly')
    expect(out).toMatch(/pool +work\n/)
    expect(out).toMatch(/rather waits +600s\n/)
    expect(out).toMatch(/prefers +claude-haiku-5-5 for opus/)
    expect((await place.run('keys set nightly --clear hold --clear pool --runaway off')).code).toBe(0)
    const shown = await json('keys show nightly')
    expect(shown).toMatchObject({ class: 'background', runaway: 'off' })
    expect(shown).not.toHaveProperty('hold')
    expect((await place.run('keys set nightly')).code).toBe(2)
    expect((await place.run('keys set nightly --clear everything')).code).toBe(2)
    expect((await place.run('keys set nightly --hold soon')).code).toBe(2)
  })
})
