/**
 * Every setting there is: its name, its type, its default, where it may come from and
 * whether it takes effect at once. A setting without effect does not belong here. Parsing
 * only; where values come from is config.ts.
 */
import { isLoopbackHost } from './core/access.ts'
import { isStrategy, STRATEGIES, type StrategyName } from './core/strategies.ts'
import { HOUR, MINUTE, SECOND } from './core/time.ts'

export interface Setting<T> {
  readonly description: string
  readonly initial: T
  /** Names of other programs' variables that mean the same, besides SPILLWAY_<NAME>. */
  readonly aliases: readonly string[]
  /** A change through the API takes effect with the next request; otherwise with the next start. */
  readonly isHot: boolean
  /** From text or JSON; throws an Error that ends the sentence "The setting … …". */
  readonly parse: (input: unknown) => T
}

type Options<T> = Partial<Pick<Setting<T>, 'aliases' | 'isHot'>>

const setting = <T>(
  description: string,
  initial: T,
  parse: Setting<T>['parse'],
  options: Options<T> = {},
): Setting<T> => ({
  description,
  initial,
  aliases: options.aliases ?? [],
  isHot: options.isHot ?? false,
  parse,
})

export const SETTINGS = {
  host: setting('The address to listen on.', '127.0.0.1', text),
  port: setting('The port to listen on; 0 takes a free one.', 8080, integer(0, 65_535), {
    aliases: ['PORT'],
  }),
  tlsCert: setting('A PEM file with the certificate, to serve HTTPS.', '', text, {
    aliases: ['SSL_CERT_PATH'],
  }),
  tlsKey: setting('A PEM file with the certificate’s key.', '', text, { aliases: ['SSL_KEY_PATH'] }),
  publicUrl: setting(
    'How clients reach this gateway, where that is not what their Host says (behind a proxy with TLS).',
    '',
    optionalHttpUrl,
    { isHot: true },
  ),
  databaseUrl: setting('A PostgreSQL database to use instead of SQLite (postgres://…).', '', databaseUrl),
  allowedHosts: setting('Further names that this gateway answers to in the Host header.', [], names, {
    isHot: true,
  }),
  allowedOrigins: setting('Web origins whose pages may call this gateway.', [], names, { isHot: true }),
  allowedUpstreamHosts: setting(
    'Upstream hosts that may lead to link-local or cloud metadata addresses.',
    [],
    names,
    { isHot: true },
  ),
  requireKeys: setting(
    'Whether clients must show a key: auto (once a key exists, or when not on loopback), always, off.',
    'auto',
    oneOf('auto', 'always', 'off'),
    { isHot: true },
  ),
  strategy: setting<StrategyName>('How accounts are chosen.', 'affinity', strategy, {
    aliases: ['LB_STRATEGY'],
    isHot: true,
  }),
  sessionDurationMs: setting(
    'How long a conversation stays bound, and a session lasts.',
    5 * HOUR,
    integer(SECOND),
    {
      aliases: ['SESSION_DURATION_MS'],
      isHot: true,
    },
  ),
  retryAttempts: setting('Attempts on one account, for faults that pass.', 3, integer(1, 10), {
    aliases: ['RETRY_ATTEMPTS'],
    isHot: true,
  }),
  retryDelayMs: setting('The pause before the second attempt on an account.', 1_000, integer(0, MINUTE), {
    aliases: ['RETRY_DELAY_MS'],
    isHot: true,
  }),
  retryBackoff: setting('What each further pause is multiplied by.', 2, number(1, 10), {
    aliases: ['RETRY_BACKOFF'],
    isHot: true,
  }),
  patienceMs: setting('No attempt is begun later than this after the request came.', MINUTE, integer(0), {
    isHot: true,
  }),
  maxBodyBytes: setting('The largest request body.', 32 << 20, integer(1_024), { isHot: true }),
  connectTimeoutMs: setting('For a connection to an upstream, TLS included.', 10 * SECOND, integer(0), {
    isHot: true,
  }),
  headersTimeoutMs: setting('Until a streamed answer begins.', 365 * SECOND, integer(0), { isHot: true }),
  contentTimeoutMs: setting('Until a streamed answer has its first content.', 10 * MINUTE, integer(0), {
    isHot: true,
  }),
  idleTimeoutMs: setting('Between two bytes of a streamed answer.', 330 * SECOND, integer(0), {
    isHot: true,
  }),
  totalTimeoutMs: setting('For a whole answer that is not streamed.', 11 * MINUTE, integer(0), {
    isHot: true,
  }),
  holdMs: setting('How long a stream’s head is held back for its first content.', 15 * SECOND, integer(0), {
    isHot: true,
  }),
  limitHeaders: setting(
    'What clients are told in anthropic-ratelimit-* headers: pool (how the accounts together stand), account (what the account that answered said), strip (nothing).',
    'pool',
    oneOf('pool', 'account', 'strip'),
    { isHot: true },
  ),
  clientId: setting(
    'The OAuth client that sign-ins and renewals of tokens name.',
    '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
    word,
    { aliases: ['CLIENT_ID'], isHot: true },
  ),
  anthropicOauthUrl: setting(
    'The origin of the token endpoint, where codes and refresh tokens are exchanged.',
    'https://platform.claude.com',
    secureOrigin,
    { isHot: true },
  ),
  anthropicAuthorizeUrl: setting(
    'Where people sign in, in the place of claude.ai (subscriptions) and platform.claude.com (console).',
    '',
    optionalHttpUrl,
    { isHot: true },
  ),
  oauthRedirectUrl: setting(
    'The address that a sign-in ends at; it shows the code to paste.',
    'https://platform.claude.com/oauth/code/callback',
    httpUrl,
    { isHot: true },
  ),
  usagePollMs: setting(
    'How often providers are asked for an account’s usage, where they tell it; never more often than each bears. 0 never asks.',
    10 * MINUTE,
    integer(0),
    { isHot: true },
  ),
  anthropicUrl: setting('Where requests go while no account exists.', 'https://api.anthropic.com', httpUrl, {
    isHot: true,
  }),
  requestRetentionDays: setting('How long ledger rows are kept; 0 keeps them for ever.', 365, integer(0), {
    aliases: ['REQUEST_RETENTION_DAYS'],
    isHot: true,
  }),
  drainMs: setting(
    'How long running answers may go on after a stop was asked for.',
    10 * MINUTE,
    integer(0),
    { isHot: true },
  ),
  logLevel: setting(
    'What is logged: debug, info, warn, error.',
    'info',
    oneOf('debug', 'info', 'warn', 'error'),
    {
      aliases: ['LOG_LEVEL'],
      isHot: true,
    },
  ),
  logFormat: setting('How it is logged: auto (text on a terminal), text, json.', 'auto', logFormat, {
    aliases: ['LOG_FORMAT'],
  }),
} as const

export type Settings = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['parse']> }
export type SettingName = keyof typeof SETTINGS

export const SETTING_NAMES = Object.keys(SETTINGS).filter(isSettingName)

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

/** retryDelayMs → SPILLWAY_RETRY_DELAY_MS. */
export const variableOf = (name: SettingName): string =>
  `SPILLWAY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

function text(input: unknown): string {
  if (typeof input === 'string') return input
  throw new Error('must be a text')
}

function integer(least: number, most = Number.MAX_SAFE_INTEGER): (input: unknown) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return (input) => {
    const value = toNumber(input)
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw new Error(`must be a whole number ${range}`)
  }
}

function number(least: number, most: number): (input: unknown) => number {
  return (input) => {
    const value = toNumber(input)
    if (value >= least && value <= most) return value
    throw new Error(`must be a number from ${least} to ${most}`)
  }
}

const toNumber = (input: unknown): number => {
  if (typeof input === 'number') return input
  return typeof input === 'string' && input.trim() !== '' ? Number(input) : Number.NaN
}

function oneOf<const Word extends string>(...words: readonly Word[]): (input: unknown) => Word {
  return (input) => {
    const word = words.find((each) => each === input)
    if (word !== undefined) return word
    throw new Error(`must be one of ${words.join(', ')}`)
  }
}

function strategy(input: unknown): StrategyName {
  if (typeof input === 'string' && isStrategy(input)) return input
  throw new Error(`must be one of ${STRATEGIES.map(({ name }) => name).join(', ')}`)
}

/** Other programs call the text format "pretty". */
function logFormat(input: unknown): 'auto' | 'text' | 'json' {
  return oneOf('auto', 'text', 'json')(input === 'pretty' ? 'text' : input)
}

/** A list, or one text with commas. */
function names(input: unknown): readonly string[] {
  const list = typeof input === 'string' ? input.split(',') : input
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
    throw new Error('must be a list of names, or names with commas between them')
  }
  return list.map((each) => each.trim().toLowerCase()).filter((each) => each !== '')
}

function httpUrl(input: unknown): string {
  if (typeof input === 'string' && /^https?:\/\/[^/]/.test(input)) return input
  throw new Error('must be a URL that begins with http:// or https://')
}

function optionalHttpUrl(input: unknown): string {
  return input === '' ? '' : httpUrl(input)
}

/** Refresh tokens go there: only encrypted, or within this machine. */
function secureOrigin(input: unknown): string {
  const url = typeof input === 'string' ? URL.parse(input) : null
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url !== null && isSecure && url.username === '') return url.origin
  throw new Error('must be an address that begins with https:// (http:// only on this machine)')
}

function word(input: unknown): string {
  if (typeof input === 'string' && /^[\x21-\x7e]{1,200}$/.test(input)) return input
  throw new Error('must be one word')
}

function databaseUrl(input: unknown): string {
  if (typeof input === 'string' && (input === '' || /^postgres(?:ql)?:\/\//.test(input))) return input
  throw new Error('must be a URL that begins with postgres://')
}
