/** Every setting: its default is valid, its variable is plain, and nonsense is refused in a sentence. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { STRATEGIES } from './core/strategies.ts'
import { isSettingName, SETTING_NAMES, SETTINGS, type SettingName, unitOf, variableOf } from './settings.ts'

/** What ends "The setting … …"; rules say the place within them. */
const ENDING = /^(?:must be |has at )/
/** Numbers that count nothing. */
const BARE: ReadonlySet<string> = new Set(['port', 'retryBackoff'])
const NAME_LISTS: ReadonlySet<string> = new Set([
  'allowedHosts',
  'allowedNetworks',
  'allowedOrigins',
  'allowedUpstreamHosts',
  'trustedProxies',
])

describe('every setting', () => {
  it.each(SETTING_NAMES)('%s has a default that it takes itself', (name) => {
    expect<unknown>(parse(name, SETTINGS[name].initial)).toEqual(SETTINGS[name].initial)
  })

  it.each(SETTING_NAMES)('%s has a description that is a sentence', (name) => {
    expect(SETTINGS[name].description).toMatch(/^[A-Z].*\.$/)
  })

  it.each(SETTING_NAMES)('%s refuses what no setting is, and says what it must be', (name) => {
    const structured = typeof SETTINGS[name].initial === 'object' && !NAME_LISTS.has(name)
    for (const input of [null, undefined, true, ...(structured ? [] : [{}]), [7], () => 1]) {
      expect(() => parse(name, input)).toThrow(ENDING)
    }
  })

  it.each(SETTING_NAMES)('%s gives a value or an error that ends a sentence, whatever comes', (name) => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.jsonValue()), (input) => {
        const value = outcome(() => parse(name, input))
        if (value instanceof Error) expect(value.message).toMatch(ENDING)
        else expect(value).not.toBeNaN()
      }),
    )
  })

  it.each(SETTING_NAMES)('%s does not repeat a wrong value, which may be a secret', (name) => {
    const canary = 'CANARY-value {"CANARY":'
    const refused = outcome(() => parse(name, canary))
    if (refused instanceof Error) expect(refused.message).not.toContain('CANARY')
  })

  it.each(SETTING_NAMES)('%s has a shape, which its default has', (name) => {
    const { shape, initial } = SETTINGS[name]
    const types = { number: ['integer', 'number'], string: ['string'], object: ['array', 'object'] }
    const { type = 'string' } = shape
    expect(Object.keys(shape)).not.toEqual([])
    expect(types[typeof initial as keyof typeof types]).toContain(type)
    expect(Array.isArray(initial)).toBe(type === 'array')
    if (shape.enum !== undefined) expect(shape.enum).toContain(String(initial))
  })

  it.each(SETTING_NAMES.filter((name) => typeof SETTINGS[name].initial === 'number' && !BARE.has(name)))(
    '%s counts something, and says what',
    (name) => expect(unitOf(name)).toMatch(/^[a-zA-Z%/]+$/),
  )

  it('has a variable and aliases of its own', () => {
    const variables = SETTING_NAMES.flatMap((name) => [variableOf(name), ...SETTINGS[name].aliases])
    expect(new Set(variables).size).toBe(variables.length)
  })
})

describe('variableOf', () => {
  it.each([
    ['port', 'SPILLWAY_PORT'],
    ['tlsCert', 'SPILLWAY_TLS_CERT'],
    ['retryDelayMs', 'SPILLWAY_RETRY_DELAY_MS'],
    ['allowedUpstreamHosts', 'SPILLWAY_ALLOWED_UPSTREAM_HOSTS'],
  ] as const)('of %s is %s', (name, variable) => {
    expect(variableOf(name)).toBe(variable)
  })
})

describe('isSettingName', () => {
  it.each(['constructor', '__proto__', 'toString', 'Port', '', 'SPILLWAY_PORT'])('refuses "%s"', (name) => {
    expect(isSettingName(name)).toBe(false)
  })
})

describe('the defaults of the contract', () => {
  it.each([
    ['host', '127.0.0.1'],
    ['port', 8_080],
    ['strategy', 'affinity'],
    ['sessionDurationMs', 18_000_000],
    ['retryAttempts', 3],
    ['retryDelayMs', 1_000],
    ['retryBackoff', 2],
    ['requireKeys', 'auto'],
    ['limitHeaders', 'pool'],
    ['clientId', '9d1c250a-e61b-44d9-88ed-5944d1962f5e'],
    ['anthropicOauthUrl', 'https://platform.claude.com'],
    ['oauthRedirectUrl', 'https://platform.claude.com/oauth/code/callback'],
    ['usagePollMs', 600_000],
  ] as const)('%s is %p', (name, value) => {
    expect<unknown>(SETTINGS[name].initial).toBe(value)
  })
})

describe('whole numbers', () => {
  it.each([
    ['port', '0', 0],
    ['port', ' 65535 ', 65_535],
    ['port', 8_080, 8_080],
    ['retryAttempts', '10', 10],
    ['retryDelayMs', 60_000, 60_000],
  ] as const)('%s takes %p', (name, input, value) => {
    expect<unknown>(parse(name, input)).toBe(value)
  })

  it.each([
    ['port', 65_536],
    ['port', -1],
    ['port', 80.5],
    ['port', ''],
    ['port', ' '],
    ['port', 'eighty'],
    ['port', '80,1'],
    ['retryAttempts', 0],
    ['retryAttempts', 11],
    ['retryDelayMs', 60_001],
    ['sessionDurationMs', 999],
    ['maxBodyBytes', 1_023],
    ['patienceMs', Number.NaN],
    ['patienceMs', Number.POSITIVE_INFINITY],
    ['patienceMs', 2 ** 60],
  ] as const)('%s refuses %p', (name, input) => {
    expect(() => parse(name, input)).toThrow(/^must be a whole number (?:of at least|from) \d/)
  })
})

describe('retryBackoff', () => {
  it.each([1, '1.5', 10])('takes %p', (input) => {
    expect(SETTINGS.retryBackoff.parse(input)).toBe(Number(input))
  })

  it.each([0.9, 10.1, 'x', Number.NaN])('refuses %p', (input) => {
    expect(() => SETTINGS.retryBackoff.parse(input)).toThrow('must be a number from 1 to 10')
  })
})

describe('words', () => {
  it('strategy takes every strategy there is, and says which when it is another', () => {
    for (const { name } of STRATEGIES) expect(SETTINGS.strategy.parse(name)).toBe(name)
    expect(() => SETTINGS.strategy.parse('random')).toThrow(
      `must be one of ${STRATEGIES.map(({ name }) => name).join(', ')}`,
    )
  })

  it('requireKeys takes no other word', () => {
    expect(SETTINGS.requireKeys.parse('always')).toBe('always')
    expect(() => SETTINGS.requireKeys.parse('yes')).toThrow('must be one of auto, always, off')
  })

  it('logFormat understands what other programs call the text format', () => {
    expect(SETTINGS.logFormat.parse('pretty')).toBe('text')
    expect(SETTINGS.logFormat.parse('json')).toBe('json')
    expect(() => SETTINGS.logFormat.parse('xml')).toThrow('must be one of auto, text, json')
  })
})

describe('sign-ins and limits', () => {
  it('limitHeaders takes the three policies, and no other', () => {
    for (const word of ['pool', 'account', 'strip'] as const)
      expect(SETTINGS.limitHeaders.parse(word)).toBe(word)
    expect(() => SETTINGS.limitHeaders.parse('none')).toThrow('must be one of pool, account, strip')
  })

  it('clientId is one word', () => {
    expect(SETTINGS.clientId.parse('9d1c250a-e61b')).toBe('9d1c250a-e61b')
    for (const input of ['', 'two words', 'a\nb', 'x'.repeat(201), 'ü'])
      expect(() => SETTINGS.clientId.parse(input)).toThrow('must be one word')
  })

  it.each([
    ['0', 0],
    [1_000, 1_000],
    ['600000', 600_000],
  ])('usagePollMs takes %p', (input, value) => {
    expect(SETTINGS.usagePollMs.parse(input)).toBe(value)
  })

  it.each([-1, '-1', 0.5, 'never', Number.POSITIVE_INFINITY])('usagePollMs refuses %p', (input) => {
    expect(() => SETTINGS.usagePollMs.parse(input)).toThrow('must be a whole number of at least 0')
  })
})

describe('lists of names', () => {
  it.each<[string, unknown, readonly string[]]>([
    ['a text with commas', 'A.example.com, b ,,c', ['a.example.com', 'b', 'c']],
    ['a list', ['A', ' b ', ''], ['a', 'b']],
    ['nothing', '', []],
  ])('may be %s', (_what, input, names) => {
    expect(SETTINGS.allowedHosts.parse(input)).toEqual(names)
  })

  it.each([[7], [{}], [['a', 7]], [null]])('may not be %j', (input) => {
    expect(() => SETTINGS.allowedHosts.parse(input)).toThrow('must be a list of names')
  })
})

describe('lists of networks', () => {
  it('may be a text with commas or a list, of networks and addresses', () => {
    expect(SETTINGS.trustedProxies.parse('10.0.0.0/8, FD00::/8,192.0.2.7')).toEqual([
      '10.0.0.0/8',
      'fd00::/8',
      '192.0.2.7',
    ])
  })

  it('say which of them is none', () => {
    expect(() => SETTINGS.allowedNetworks.parse('10.0.0.0/8,10.0.0.0/64')).toThrow('number 2 is none')
  })
})

describe('URLs', () => {
  it('anthropicUrl is one of the web', () => {
    expect(SETTINGS.anthropicUrl.parse('http://localhost:1')).toBe('http://localhost:1')
    for (const input of ['', 'localhost', 'ftp://x', 'http://', 'https:///x']) {
      expect(() => SETTINGS.anthropicUrl.parse(input)).toThrow('must be a URL that begins with http')
    }
  })

  it('publicUrl is one of the web, or none', () => {
    for (const input of ['', 'https://llm.example.com']) {
      expect(SETTINGS.publicUrl.parse(input)).toBe(input)
    }
    expect(() => SETTINGS.publicUrl.parse('llm.example.com')).toThrow('must be a URL that begins with http')
  })

  it.each([
    ['https://platform.claude.com', 'https://platform.claude.com'],
    ['https://PLATFORM.claude.com:443/', 'https://platform.claude.com'],
    ['https://llm.example:8443', 'https://llm.example:8443'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://127.1.2.3', 'http://127.1.2.3'],
    ['http://localhost:1', 'http://localhost:1'],
    ['http://[::1]:9', 'http://[::1]:9'],
  ])('anthropicOauthUrl, where refresh tokens go, may be %s', (input, origin) => {
    expect(SETTINGS.anthropicOauthUrl.parse(input)).toBe(origin)
  })

  it.each([
    '',
    'platform.claude.com',
    'http://platform.claude.com',
    'http://192.168.1.5:8080',
    'http://10.0.0.1',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil.example',
    'http://evil.example#127.0.0.1',
    'http://[::2]',
    'http://0.0.0.0:1',
    'https://somebody@platform.claude.com',
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'javascript:alert(1)',
  ])('anthropicOauthUrl may not be %j: refresh tokens go there', (input) => {
    expect(() => SETTINGS.anthropicOauthUrl.parse(input)).toThrow(
      'must be an address that begins with https:// (http:// only on this machine)',
    )
  })

  it('a refused anthropicOauthUrl is not repeated: it may hold a password', () => {
    const refused = outcome(() => SETTINGS.anthropicOauthUrl.parse('https://me:CANARY-password@h'))
    expect(String(refused)).not.toContain('CANARY-password')
  })

  it('the addresses of sign-ins are of the web; that of the page to sign in at may be left out', () => {
    expect(SETTINGS.anthropicAuthorizeUrl.parse('')).toBe('')
    expect(SETTINGS.anthropicAuthorizeUrl.parse('https://claude.ai/oauth')).toBe('https://claude.ai/oauth')
    expect(SETTINGS.oauthRedirectUrl.parse('http://localhost:1/callback')).toBe('http://localhost:1/callback')
    expect(() => SETTINGS.oauthRedirectUrl.parse('')).toThrow('must be a URL that begins with http')
    expect(() => SETTINGS.anthropicAuthorizeUrl.parse('javascript:alert(1)')).toThrow('must be a URL')
  })

  it('databaseUrl is one of PostgreSQL, or none', () => {
    for (const input of ['', 'postgres://u@h/d', 'postgresql://h']) {
      expect(SETTINGS.databaseUrl.parse(input)).toBe(input)
    }
    expect(() => SETTINGS.databaseUrl.parse('mysql://h')).toThrow(
      'must be a URL that begins with postgres://',
    )
  })
})

function parse(name: SettingName, input: unknown): unknown {
  return SETTINGS[name].parse(input)
}

function outcome(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return error
  }
}
