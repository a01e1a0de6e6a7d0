/** How routing rules are written, and what is said when they are written wrongly. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { RuleError, readAgents, readAliases, readPools, readReserves } from './rules-input.ts'
import { HOUR, MINUTE } from './time.ts'

describe('pools', () => {
  it('are lists of groups, the first going first', () => {
    expect(readPools({ work: ['subscriptions', { group: 'keys', usdPerDay: 20 }, '*'] }).get('work')).toEqual(
      {
        name: 'work',
        strategy: undefined,
        tiers: [
          { group: 'subscriptions', usdPerDay: undefined },
          { group: 'keys', usdPerDay: 20 },
          { group: '*', usdPerDay: undefined },
        ],
      },
    )
  })

  it('may have a strategy of their own', () => {
    expect(readPools({ work: { tiers: ['a'], strategy: 'session' } }).get('work')?.strategy).toBe('session')
  })
})

it('aliases and agents are read', () => {
  expect(readAliases({ fast: 'claude-haiku-5-5' }).get('fast')).toBe('claude-haiku-5-5')
  const { models, classes } = readAgents({
    explore: { class: 'background', models: { opus: 'claude-haiku-5-5' } },
    plan: {},
  })
  expect(models.get('explore')?.get('opus')).toBe('claude-haiku-5-5')
  expect([...classes]).toEqual([['explore', 'background']])
})

it('reserves are read, lent half an hour before the end unless said otherwise', () => {
  const [first, second] = readReserves([
    { class: 'interactive', window: '5h', percent: 20 },
    { class: 'interactive', window: '7d_opus', percent: 10, group: 'team', lend: '6h' },
  ])
  expect(first).toEqual({
    class: 'interactive',
    window: '5h',
    share: 0.2,
    group: undefined,
    lendMs: 30 * MINUTE,
  })
  expect(second).toMatchObject({ group: 'team', lendMs: 6 * HOUR })
})

describe('what is wrong is said with its place', () => {
  it.each<[string, () => unknown, string, RegExp]>([
    ['no object', () => readPools([]), '', /must be an object/],
    ['a pool without groups', () => readPools({ work: [] }), 'work.tiers', /no list of groups/],
    ['a pool whose name is no name', () => readPools({ 'a b': ['x'] }), 'a b', /name/],
    ['a group that is none', () => readPools({ work: [7] }), 'work.tiers[0]', /must be an object/],
    [
      'a budget that is none',
      () => readPools({ work: [{ group: 'a', usdPerDay: -1 }] }),
      'work.tiers[0].usdPerDay',
      /number of USD/,
    ],
    [
      'a misspelt field',
      () => readPools({ work: [{ group: 'a', usdPerDy: 1 }] }),
      'work.tiers[0].usdPerDy',
      /did you mean "usdPerDay"/,
    ],
    [
      'an unknown strategy',
      () => readPools({ work: { tiers: ['a'], strategy: 'sesion' } }),
      'work.strategy',
      /did you mean "session"/,
    ],
    ['an alias of an alias', () => readAliases({ a: 'b', b: 'c' }), 'a', /name the model: "c"/],
    [
      'an agent’s class that is none',
      () => readAgents({ plan: { class: 'urgent' } }),
      'plan.class',
      /interactive or background/,
    ],
    [
      'a preference for nothing',
      () => readAgents({ plan: { models: { opus: ' ' } } }),
      'plan.models.opus',
      /name of a model/,
    ],
    [
      'a window that is none',
      () => readReserves([{ class: 'interactive', window: 'day', percent: 5 }]),
      '[0].window',
      /such as "5h"/,
    ],
    [
      'more than everything',
      () => readReserves([{ class: 'interactive', window: '5h', percent: 101 }]),
      '[0].percent',
      /from 0 to 100/,
    ],
    [
      'a length that is none',
      () => readReserves([{ class: 'interactive', window: '5h', percent: 5, lend: 'soon' }]),
      '[0].lend',
      /such as "30m"/,
    ],
  ])('%s', (_what, read, path, words) => {
    const error = thrownBy(read)
    expect(error).toBeInstanceOf(RuleError)
    expect(error).toMatchObject({ path })
    expect(String(error)).toMatch(words)
  })

  it('whatever is written, it is read or it is a sentence', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const read of [readPools, readAliases, readAgents, readReserves]) {
          const error = thrownBy(() => read(value))
          expect(error === undefined || error instanceof RuleError).toBe(true)
        }
      }),
    )
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}
