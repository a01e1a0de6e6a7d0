/** Where each value comes from, who outranks whom, and what becomes of values that are none. */
import { describe, expect, it } from 'bun:test'
import { misspeltVariables, parseSetting, resolveConfig, type Sources, suggestion } from './config.ts'
import { GatewayError } from './core/error.ts'
import { SETTING_NAMES } from './settings.ts'

describe('a value', () => {
  it('is the default where nobody says anything', () => {
    const { settings, views, findings } = resolve({})
    expect(settings.port).toBe(8_080)
    expect(viewOf(views, 'port')).toEqual({
      name: 'port',
      value: 8_080,
      source: 'default',
      default: 8_080,
      range: 'from 0 to 65535',
      description: 'The port to listen on; 0 takes a free one.',
      takesEffect: 'at the next start',
    })
    expect(views.map(({ name }) => name)).toEqual([...SETTING_NAMES])
    expect(findings).toEqual([])
  })

  const file = { path: '/etc/spillway.json', values: { port: 1 } }
  const stored = new Map([['port', 2]])
  const environment = { SPILLWAY_PORT: '3' }
  const flags = { port: '4' }

  it('comes from what was stored before the defaults, and can be changed', () => {
    expect(where({ stored })).toEqual({ value: 2, source: 'stored' })
  })

  it('comes from the file before what was stored, and is locked by it', () => {
    const place = '/etc/spillway.json'
    expect(where({ file, stored })).toEqual({
      value: 1,
      source: 'file',
      place,
      lockedBy: `the file ${place}`,
    })
  })

  it('comes from the environment before the file, and is locked by it', () => {
    expect(where({ file, stored, environment })).toEqual({
      value: 3,
      source: 'environment',
      place: 'SPILLWAY_PORT',
      lockedBy: 'the variable SPILLWAY_PORT',
    })
  })

  it('comes from a flag before everything else, and is locked by it', () => {
    expect(where({ file, stored, environment, flags })).toEqual({
      value: 4,
      source: 'flag',
      place: '--port',
      lockedBy: 'the flag --port',
    })
  })

  it('of a setting without a flag of its own comes from --set', () => {
    const { views } = resolve({ flags: { strategy: 'session' } })
    expect(viewOf(views, 'strategy')).toMatchObject({ place: '--set strategy', source: 'flag' })
  })

  it('is shown with its unit and what it may be', () => {
    const { views } = resolve({})
    expect(viewOf(views, 'retryDelayMs')).toMatchObject({ unit: 'ms', range: 'from 0 to 60000' })
    expect(viewOf(views, 'maxBodyBytes')).toMatchObject({ unit: 'bytes', range: 'at least 1024' })
    expect(viewOf(views, 'requireKeys')).toMatchObject({ range: 'one of auto, always, off' })
  })

  it('that is a secret is never taken from what was stored', () => {
    const secret = new Map([['databaseUrl', 'postgres://me:CANARY@db/x']])
    expect(resolve({ stored: secret }).settings.databaseUrl).toBe('')
  })

  it.each([
    ['postgres://me:CANARY@db:5432/x', 'postgres://me:***@db:5432/x'],
    ['postgres://me:CANARY@CANARY@db/x', 'postgres://me:***@db/x'],
    ['postgres://me:CANARY/CANARY@db/x', 'postgres://me:***@db/x'],
    ['postgres://db/x?user=me&password=CANARY&a=b', 'postgres://db/x?user=me&password=***&a=b'],
    ['postgres://me@db:5432/x', 'postgres://me@db:5432/x'],
  ])('is shown without the password in it: %s', (databaseUrl, shown) => {
    const { settings, views } = resolve({ flags: { databaseUrl } })
    expect(settings.databaseUrl).toBe(databaseUrl)
    expect(viewOf(views, 'databaseUrl')?.value).toBe(shown)
  })
})

describe('the environment', () => {
  it('may speak in the names of other programs', () => {
    const { settings } = resolve({
      environment: {
        PORT: '9',
        LB_STRATEGY: 'session',
        RETRY_ATTEMPTS: '5',
        RETRY_BACKOFF: '3',
        LOG_FORMAT: 'pretty',
      },
    })
    expect(settings).toMatchObject({
      port: 9,
      strategy: 'session',
      retryAttempts: 5,
      retryBackoff: 3,
      logFormat: 'text',
    })
  })

  it('is heard in our own name first', () => {
    expect(where({ environment: { PORT: '9', SPILLWAY_PORT: '3' } })).toMatchObject({
      place: 'SPILLWAY_PORT',
    })
  })

  it('says nothing with an empty variable', () => {
    expect(where({ environment: { SPILLWAY_PORT: '' } })).toMatchObject({ source: 'default' })
    expect(where({ environment: { SPILLWAY_PORT: '', PORT: '9' } })).toMatchObject({
      value: 9,
      place: 'PORT',
    })
  })

  it('says nothing with what Kubernetes writes there for a service called spillway', () => {
    expect(where({ environment: { SPILLWAY_PORT: 'tcp://10.0.0.1:8080' } })).toMatchObject({
      source: 'default',
    })
  })
})

describe('a value that is none', () => {
  it('is a finding where it stands, and leaves the default in force', () => {
    const { settings, views, findings } = resolve({ environment: { SPILLWAY_PORT: 'eighty' } })
    expect(findings).toEqual([
      {
        path: 'SPILLWAY_PORT',
        message: 'The setting port must be a whole number from 0 to 65535.',
        remedy: 'Give SPILLWAY_PORT another value, or unset it.',
      },
    ])
    expect(settings.port).toBe(8_080)
    expect(viewOf(views, 'port')?.source).toBe('default')
  })

  it('is found by its flag where it came with one', () => {
    expect(resolve({ flags: { strategy: 'random' } }).findings).toMatchObject([{ path: '--set strategy' }])
  })

  it('is found in the file', () => {
    const file = { path: 'config.json', values: { port: null, retryAttempts: 99 } }
    expect(resolve({ file }).findings.map(({ path }) => path)).toEqual(['config.json', 'config.json'])
  })

  it('never takes other values with it', () => {
    const { settings } = resolve({ flags: { port: 'x', host: '0.0.0.0' } })
    expect(settings).toMatchObject({ port: 8_080, host: '0.0.0.0' })
  })
})

describe('a name that is none', () => {
  it('is a finding in the file, with a suggestion', () => {
    const file = { path: 'config.json', values: { retryAttemps: 3 } }
    expect(resolve({ file }).findings).toEqual([
      {
        path: 'config.json',
        message: 'There is no setting called "retryAttemps". Did you mean "retryAttempts"?',
        remedy: 'Correct or remove "retryAttemps" in that file.',
      },
    ])
  })

  it('is a finding among the flags, with a suggestion', () => {
    expect(resolve({ flags: { portt: '1' } }).findings).toMatchObject([
      { path: '--set portt', message: 'There is no setting called "portt". Did you mean "port"?' },
    ])
  })

  it('may be that of the schema, which editors read', () => {
    const file = { path: 'config.json', values: { $schema: './schema.json' } }
    expect(resolve({ file }).findings).toEqual([])
  })

  it.each(['__proto__', 'constructor', 'toString'])('is none even if every object has it: %s', (name) => {
    const values: Readonly<Record<string, unknown>> = JSON.parse(`{"${name}":{"port":1}}`)
    const { settings, findings } = resolve({ file: { path: 'config.json', values } })
    expect(findings).toHaveLength(1)
    expect(settings.port).toBe(8_080)
  })
})

describe('suggestion', () => {
  it.each([
    ['PORT', 'port'],
    ['tls_cert', 'tlsCert'],
    ['log-level', 'logLevel'],
    ['strategie', 'strategy'],
  ])('for "%s" is %s', (name, near) => {
    expect(suggestion(name)).toBe(` Did you mean "${near}"?`)
  })

  it.each(['quux', 'zzz', '123', ''])('for "%s" is none', (name) => {
    expect(suggestion(name)).toBe('')
  })
})

describe('misspelt variables', () => {
  it.each([
    ['SPILLWAY_STRATEGIE', 'SPILLWAY_STRATEGY'],
    ['SPILLWAY_RETRY_DELAY', 'SPILLWAY_RETRY_DELAY_MS'],
  ])('such as %s are found, with what was meant', (variable, meant) => {
    const [finding, ...others] = misspeltVariables({ [variable]: 'x' })
    expect(finding).toMatchObject({ path: variable, message: expect.stringContaining(`${meant}?`) })
    expect(others).toEqual([])
  })

  it.each([
    'SPILLWAY_STRATEGY',
    'SPILLWAY_DATA_DIR',
    'SPILLWAY_SECRET_KEY',
    'SPILLWAY_SERVICE_PORT',
    'SPILLWAY_PORT_8080_TCP',
    'SPILLWAY_SOMETHING_ELSE_ALTOGETHER',
    'STRATEGIE',
  ])('%s is none', (variable) => {
    expect(misspeltVariables({ [variable]: 'x' })).toEqual([])
  })
})

describe('parseSetting', () => {
  it('gives the value', () => expect(parseSetting('port', '80')).toBe(80))

  it('ends in a sentence about the setting', () => {
    expect(() => parseSetting('retryBackoff', 'x')).toThrow(
      new GatewayError('bad-request', 'The setting retryBackoff must be a number from 1 to 10.'),
    )
  })
})

it('tells what takes effect at once', () => {
  const { views } = resolve({})
  expect(viewOf(views, 'strategy')?.takesEffect).toBe('at once')
  expect(viewOf(views, 'host')?.takesEffect).toBe('at the next start')
})

type Views = ReturnType<typeof resolve>['views']

function resolve(sources: Partial<Sources>) {
  return resolveConfig({
    flags: {},
    environment: {},
    stored: new Map(),
    file: { path: 'config.json', values: {} },
    ...sources,
  })
}

function where(sources: Partial<Sources>) {
  const view = viewOf(resolve(sources).views, 'port')
  if (view === undefined) return undefined
  const { value, source, place, lockedBy } = view
  return { value, source, ...(place === undefined ? {} : { place, lockedBy }) }
}

function viewOf(views: Views, name: string): Views[number] | undefined {
  return views.find((view) => view.name === name)
}
