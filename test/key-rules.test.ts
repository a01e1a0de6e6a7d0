/** What is said of a key's requests, by the API's callers and by the real command. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import type { Key } from '../src/api/contract.ts'
import { openPlace, type Place } from './support/command-line.ts'
import { openWorld, type World } from './support/world.ts'

describe('through the API', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld({ settings: { requireKeys: 'off' } })
  })
  afterEach(() => world.stop())

  const change = (body: object) => world.api.changeKey({ params: { id: 'ci' }, body })

  it('a preference is changed or taken back for itself, and all of them at once', async () => {
    await world.api.createKey({ body: { name: 'ci', models: { opus: 'a', sonnet: 'b' } } })
    expect((await change({ models: { opus: 'c', haiku: 'd' } })).models).toEqual({
      opus: 'c',
      sonnet: 'b',
      haiku: 'd',
    })
    expect((await change({ models: { opus: null, nobody: null } })).models).toEqual({
      sonnet: 'b',
      haiku: 'd',
    })
    expect(await change({ models: { sonnet: null, haiku: null } })).not.toHaveProperty('models')
    await change({ models: { opus: 'a' } })
    expect(await change({ models: null })).not.toHaveProperty('models')
  })

  it('what is not named stays as it was', async () => {
    const rules = { pool: 'team', class: 'background', runaway: 'off', models: { opus: 'a' } } as const
    await world.api.createKey({ body: { name: 'ci', ...rules, hold: '90s' } })
    expect(await change({ hold: '10m' })).toMatchObject({ ...rules, hold: '600s' })
    expect(await change({ name: 'ci', disabled: true })).toMatchObject({ ...rules, hold: '600s' })
  })

  it.each<[string, object]>([
    ['pool', { pool: '' }],
    ['pool', { pool: 7 }],
    ['class', { class: 'urgent' }],
    ['hold', { hold: 'soon' }],
    ['hold', { hold: '61m' }],
    ['hold', { hold: 3_601 }],
    ['hold', { hold: -1 }],
    ['runaway', { runaway: 'stop' }],
    ['models.0', { models: [''] }],
    ['models', { models: [] }],
    ['models', { models: 7 }],
    ['allowedModels', { allowedModels: 'opus' }],
    ['groups', { groups: ['*'] }],
    ['groups.0', { groups: [''] }],
    ['strategy', { strategy: 'best' }],
    ['endpoints.0', { endpoints: ['everything'] }],
    ['endpoints', { endpoints: [] }],
    ['requestsPerMinute', { requestsPerMinute: 0 }],
    ['tokensPerMinute', { tokensPerMinute: 1.5 }],
    ['maxConcurrent', { maxConcurrent: '4' }],
    ['budgets.0.usd', { budgets: [{ usd: 0, period: 'day' }] }],
    ['budgets.0.period', { budgets: [{ usd: 1, period: 'year' }] }],
    ['budgets.0', { budgets: [{ usd: 1, tokens: 1, period: 'day' }] }],
    [
      'budgets',
      {
        budgets: [
          { usd: 1, period: 'day' },
          { usd: 2, period: 'day' },
        ],
      },
    ],
    ['expiresAt', { expiresAt: 'tomorrow' }],
    ['expiresAt', { expiresAt: '2027-02-30T00:00:00Z' }],
    ['models. ', { models: { ' ': 'claude-haiku-5-5' } }],
    ['models.opus', { models: { opus: '' } }],
    ['models.opus', { models: { opus: 7 } }],
  ])('a %s that means nothing is refused with a sentence: %j', async (path, fields) => {
    const init = (method: string, body: object) => ({
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    await world.api.createKey({ body: { name: 'ci' } })
    for (const answer of [
      await world.admin('/api/keys', init('POST', { name: 'other', ...fields })),
      await world.admin('/api/keys/ci', init('PATCH', fields)),
    ]) {
      const { error } = JSON.parse(await answer.text())
      expect([answer.status, error.details[0].path]).toEqual([400, path])
      expect(error.message).toMatch(/^".+": must .+\.$/)
    }
  })
})

describe('on the command line', () => {
  let place: Place
  beforeEach(async () => {
    place = await openPlace(true)
  })
  afterEach(() => place.stop())

  const show = async (): Promise<Key> => (await place.run('keys show nightly --json')).json()
  const set = (words: string) => place.run(`keys set nightly ${words}`)

  it('a key is created with its rules, and shows them', async () => {
    const words = '--class background --pool cheap --hold 10m --runaway refuse --prefer opus=claude-haiku-5-5'
    expect((await place.run(`keys create nightly ${words}`)).code).toBe(0)
    expect(await show()).toMatchObject({
      class: 'background',
      pool: 'cheap',
      hold: '600s',
      runaway: 'refuse',
      models: { opus: 'claude-haiku-5-5' },
    })
    const { out } = await place.run('keys show nightly')
    for (const line of [
      /class +background\n/,
      /pool +cheap\n/,
      /runaway +refuse\n/,
      /claude-haiku-5-5 for opus\n/,
    ])
      expect(out).toMatch(line)
  })

  it('a key is created with what it may call and use, and shows how that stands', async () => {
    const words =
      '--model haiku --model claude-opus-* --group work --endpoint messages --strategy headroom ' +
      '--requests-per-minute 30 --tokens-per-minute 100000 --max-concurrent 4 --expires 2099-01-31T12:00:00Z ' +
      '--budget 5usd/day --budget 2_000_000tokens/month'
    expect((await place.run(`keys create nightly ${words}`)).code).toBe(0)
    expect(await show()).toMatchObject({
      allowedModels: ['haiku', 'claude-opus-*'],
      groups: ['work'],
      endpoints: ['messages'],
      strategy: 'headroom',
      requestsPerMinute: 30,
      tokensPerMinute: 100_000,
      maxConcurrent: 4,
      expiresAt: '2099-01-31T12:00:00.000Z',
      budgets: [
        { usd: 5, period: 'day' },
        { tokens: 2_000_000, period: 'month' },
      ],
    })
    const { out } = await place.run('keys show nightly')
    for (const line of [
      /may use +haiku, claude-opus-\*\n/,
      /may call +messages\n/,
      /budgets +\$5\.00\/day, 2,000,000 tokens\/month\n/,
      /this month +0 requests, 0 tokens, \$0\.0000\n/,
      /requests\/min +30 +0 /,
      /usd\/day +\$5\.00 +\$0\.0000 .* in \d+ (?:h|min|s)\n/,
    ])
      expect(out).toMatch(line)
    expect((await place.run('keys list')).out).toMatch(/nightly +active .* requests\/min: 0 %\n/)
  })

  it('budgets take each other’s place, and each limit is taken back by its name', async () => {
    await place.run('keys create nightly --budget 5usd/day --max-concurrent 4 --model haiku --expires 30d')
    expect((await set('--budget 9usd/5h')).code).toBe(0)
    expect((await show()).budgets).toEqual([{ usd: 9, period: '5h' }])
    expect(
      (await set('--clear budgets --clear maxConcurrent --clear allowedModels --clear expiresAt')).code,
    ).toBe(0)
    const { use, ...key } = await show()
    expect(use.limits).toEqual([])
    for (const rule of ['budgets', 'maxConcurrent', 'allowedModels', 'models', 'expiresAt'])
      expect(key).not.toHaveProperty(rule)
  })

  it('preferences are added and taken back one by one', async () => {
    await place.run('keys create nightly --prefer opus=a --prefer sonnet=b')
    expect((await set('--prefer opus= --prefer haiku=c')).code).toBe(0)
    expect((await show()).models).toEqual({ sonnet: 'b', haiku: 'c' })
  })

  it('a rule is taken back by its name', async () => {
    await place.run('keys create nightly --pool cheap --hold 90 --runaway off')
    expect((await set('--clear pool --clear hold')).code).toBe(0)
    const key = await show()
    expect([key.pool, key.hold, key.runaway]).toEqual([undefined, undefined, 'off'])
  })

  it.each([
    ['create nightly --prefer opus=', '"opus=" is not of the form FROM=TO.'],
    ['create nightly --class urgent', 'Allowed choices are interactive, background.'],
    ['create nightly --runaway stop', 'Allowed choices are off, warn, refuse.'],
    ['create nightly --budget 5eur/day', '"5eur/day" is not of the form 5usd/day'],
    ['create nightly --budget 5usd/year', 'There is no period "year"; there are 5h, day, week, month.'],
    ['create nightly --endpoint x', 'There is no endpoint "x"'],
    ['create nightly --strategy best', 'Allowed choices are affinity, '],
    ['create nightly --expires soon', '"soon" is neither a time'],
    ['create nightly --max-concurrent 0', '"maxConcurrent": must be a whole number above 0.'],
    ['set nightly --clear budgets --budget 5usd/day', 'cannot be set and taken back at once'],
    ['set nightly --prefer opus', '"opus" is not of the form FROM=TO.'],
    ['set nightly --prefer =', '"=" is not of the form FROM=TO.'],
    ['set nightly --clear nonsense', 'There is no rule "nonsense"'],
    ['set nightly --clear hold --hold 9s', 'cannot be set and taken back at once'],
    ['set nightly --clear models --prefer opus=a', 'cannot be set and taken back at once'],
    ['set nightly', 'Say what is to change'],
  ])('"keys %s" is a wrong use, and says why', async (words, why) => {
    const { code, err } = await place.run(`keys ${words}`)
    expect([code, err]).toEqual([2, expect.stringContaining(why)])
  })

  it('a hold that is too long is refused with its path', async () => {
    const { code, err } = await place.run('keys create nightly --hold 2h')
    expect(code).toBe(2)
    expect(err).toContain('"hold": must be a length such as "90s" or "10m", of at most an hour.')
  })
})
