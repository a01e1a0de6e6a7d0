/** Settings while the gateway runs: changed whole or not at all, and in force when they say so. */
import { describe, expect, it } from 'bun:test'
import { sampleAccount } from '../../test/support/samples.ts'
import type { Sources } from '../config.ts'
import type { SettingStore } from '../core/ports/stores.ts'
import { type ConfigService, createConfigService } from './config-service.ts'

function inMemory(values: Readonly<Record<string, unknown>> = {}): SettingStore {
  const settings = new Map(Object.entries(values))
  return {
    all: () => settings,
    set: async (name, value) => void settings.set(name, value),
    unset: async (name) => void settings.delete(name),
  }
}

const service = (store: SettingStore, sources: Partial<Sources> = {}): ConfigService =>
  createConfigService(
    { flags: {}, environment: {}, file: { path: '/config.json', values: {} }, ...sources },
    store,
    () => [sampleAccount('a', { groups: ['subscriptions'] })],
  )

const viewOf = (config: ConfigService, name: string) => config.views().find((view) => view.name === name)

describe('a change', () => {
  it('is in force at once, and stored for the next start', async () => {
    const store = inMemory()
    const config = service(store)
    expect(config.strategy()).toBe('affinity')
    expect(await config.change({ strategy: 'round-robin', retryAttempts: '5' })).toEqual([])
    expect(config.settings()).toMatchObject({ strategy: 'round-robin', retryAttempts: 5 })
    expect(viewOf(config, 'strategy')).toMatchObject({
      value: 'round-robin',
      source: 'stored',
      default: 'affinity',
    })
    expect(service(store).settings()).toMatchObject({ strategy: 'round-robin', retryAttempts: 5 })
  })

  it('is stored as what it was read as', async () => {
    const store = inMemory()
    await service(store).change({ allowedHosts: 'A.example, b.example,', retryDelayMs: '250' })
    expect(Object.fromEntries(store.all())).toEqual({
      allowedHosts: ['a.example', 'b.example'],
      retryDelayMs: 250,
    })
  })

  it('that is taken back gives way to the default', async () => {
    const store = inMemory({ strategy: 'session' })
    const config = service(store)
    expect(config.strategy()).toBe('session')
    await config.change({ strategy: null })
    expect(config.strategy()).toBe('affinity')
    expect(viewOf(config, 'strategy')).toMatchObject({ source: 'default' })
    expect(store.all().size).toBe(0)
  })

  it('of what is bound at the start waits for the next one, and says so', async () => {
    const store = inMemory()
    const config = service(store)
    expect(await config.change({ port: 9_000 })).toEqual(['port takes effect at the next start.'])
    expect(config.settings().port).toBe(8_080)
    expect(service(store).settings().port).toBe(9_000)
  })

  it.each<[string, Partial<Sources>, string]>([
    ['a variable', { environment: { LB_STRATEGY: 'session' } }, 'the variable LB_STRATEGY'],
    [
      'the file',
      { file: { path: '/config.json', values: { strategy: 'session' } } },
      'the file /config.json',
    ],
    ['a flag', { flags: { strategy: 'session' } }, 'the flag --set strategy'],
  ])('of what %s sets is refused whole, and says where to change it', async (_what, sources, place) => {
    const store = inMemory()
    const config = service(store, sources)
    for (const strategy of ['round-robin', null]) {
      const change = config.change({ retryAttempts: 5, strategy })
      await expect(change).rejects.toMatchObject({ code: 'conflict', details: [{ path: 'strategy' }] })
      await expect(change).rejects.toThrow(`The setting strategy is set by ${place}, which outranks`)
    }
    expect(config.settings()).toMatchObject({ strategy: 'session', retryAttempts: 3 })
    expect(store.all().size).toBe(0)
  })

  it('of a secret is refused: the database is no place for it', async () => {
    const store = inMemory()
    const change = service(store).change({ databaseUrl: 'postgres://me:CANARY@db/x' })
    await expect(change).rejects.toMatchObject({ code: 'conflict' })
    await expect(change).rejects.toThrow('Set the variable SPILLWAY_DATABASE_URL')
    expect(store.all().size).toBe(0)
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'is not known',
      { strategie: 'session' },
      'There is no setting called "strategie". Did you mean "strategy"?',
    ],
    ['has no such value', { strategy: 'fastest' }, 'The setting strategy must be one of affinity'],
    [
      'is out of range',
      { retryAttempts: 11 },
      'The setting retryAttempts must be a whole number from 1 to 10.',
    ],
    [
      'is no number',
      { retryDelayMs: 'soon' },
      'The setting retryDelayMs must be a whole number from 0 to 60000.',
    ],
    [
      'is too small',
      { maxBodyBytes: 10 },
      'The setting maxBodyBytes must be a whole number of at least 1024.',
    ],
    [
      'is no URL',
      { databaseUrl: 'mysql://x' },
      'The setting databaseUrl must be a URL that begins with postgres://.',
    ],
  ])('of which one part %s is refused whole', async (_what, wrong, message) => {
    const store = inMemory()
    const config = service(store)
    const change = config.change({ retryBackoff: 3, ...wrong })
    await expect(change).rejects.toMatchObject({ code: 'bad-request' })
    await expect(change).rejects.toThrow(message)
    expect(store.all().size).toBe(0)
    expect(config.settings().retryBackoff).toBe(2)
  })

  it('that cannot be stored is not in force', async () => {
    const store: SettingStore = { ...inMemory(), set: () => Promise.reject(new Error('The disk is full.')) }
    const config = service(store)
    await expect(config.change({ strategy: 'session' })).rejects.toThrow('The disk is full.')
    expect(config.strategy()).toBe('affinity')
  })
})

describe('a check', () => {
  it('finds everything that is wrong, and changes nothing', () => {
    const store = inMemory()
    const config = service(store)
    const findings = config.check({
      strategie: 'session',
      retryAttempts: 99,
      pools: { work: ['subscriptoins'] },
      retryBackoff: 3,
    })
    expect(findings.map(({ path }) => path)).toEqual(['strategie', 'retryAttempts', 'pools.work.tiers[0]'])
    expect(config.settings()).toMatchObject({ retryBackoff: 2, pools: {} })
    expect(store.all().size).toBe(0)
  })

  it('looks at the rules in force where nothing is to be changed', () => {
    const pools = { work: ['nobody'] }
    expect(service(inMemory({ pools })).check({})).toMatchObject([{ path: 'pools.work.tiers[0]' }])
    expect(service(inMemory()).check({})).toEqual([])
  })
})

describe('routing rules', () => {
  const rules = async (change: Readonly<Record<string, unknown>>) => {
    const store = inMemory()
    const config = service(store)
    await config.change({ pools: { default: ['subscriptions'] } })
    const problem = await config.change(change).then(
      () => undefined,
      (error: unknown) => error,
    )
    return { config, problem }
  }

  it.each<[string, Readonly<Record<string, unknown>>, string, RegExp]>([
    [
      'an unknown strategy',
      { pools: { work: { tiers: ['*'], strategy: 'afinity' } } },
      'pools.work.strategy',
      /did you mean "affinity"/,
    ],
    [
      'a group that nobody is in',
      { pools: { work: ['subscriptoins'] } },
      'pools.work.tiers[0]',
      /Did you mean "subscriptions"/,
    ],
    ['a map to nowhere', { aliases: { fast: '' } }, 'aliases.fast', /name of a model/],
    [
      'a reserve over 100 %',
      { reserves: [{ class: 'interactive', window: '5h', percent: 120 }] },
      'reserves[0].percent',
      /from 0 to 100/,
    ],
    [
      'reserves that come to more than there is',
      {
        reserves: [
          { class: 'interactive', window: '5h', percent: 60 },
          { class: 'background', window: '5h', percent: 50 },
        ],
      },
      'reserves[0].percent',
      /110 %/,
    ],
  ])(
    'with %s are refused with their place, and what was in force stays',
    async (_what, change, path, words) => {
      const { config, problem } = await rules(change)
      expect(problem).toMatchObject({ code: 'bad-request', details: [{ path }] })
      expect(String(problem)).toMatch(words)
      expect(config.settings().pools).toEqual({ default: ['subscriptions'] })
    },
  )

  it('are taken back although their group is empty by now', async () => {
    const { problem, config } = await rules({ pools: null })
    expect(problem).toBeUndefined()
    expect(config.settings().pools).toEqual({})
  })
})
