/**
 * Every setting there is: its name, its type, its default, where it may come from and
 * whether it takes effect at once. A setting without effect does not belong here. Parsing
 * only; where values come from is config.ts.
 */
import { readAgents, readAliases, readPools, readReserves } from './core/rules-input.ts'
import type { StrategyName } from './core/strategies.ts'
import { HOUR, MINUTE, SECOND } from './core/time.ts'
import {
  databaseUrl,
  httpUrl,
  integer,
  logFormat,
  names,
  number,
  oneOf,
  optionalHttpUrl,
  secureOrigin,
  strategy,
  structured,
  text,
  word,
} from './setting-values.ts'

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
  pools: setting(
    'Pools: groups of accounts in their order, for /pool/<name>/v1/… and for keys; the one called "default" serves everybody else.',
    {},
    structured(readPools),
    { isHot: true },
  ),
  aliases: setting('Further names of models.', {}, structured(readAliases), {
    isHot: true,
  }),
  agents: setting(
    'What kinds of agents get: their class of work and the models in the place of those that they ask for.',
    {},
    structured(readAgents),
    { isHot: true },
  ),
  reserves: setting('Parts of windows that are kept for a class of work.', [], structured(readReserves), {
    isHot: true,
  }),
  queueMs: setting(
    'How long a request waits in line when all accounts are busy.',
    30 * SECOND,
    integer(0, HOUR),
    {
      isHot: true,
    },
  ),
  queueSize: setting('How many requests may wait in line.', 500, integer(0, 100_000), { isHot: true }),
  throttleWaitMs: setting(
    'How long a throttle of moments, or a conversation’s own account, is waited for in place.',
    750,
    integer(0, 5 * MINUTE),
    { isHot: true },
  ),
  waitUsdPerSecond: setting(
    'What a second of waiting is worth, against writing a conversation’s cache anew on another account.',
    0.03,
    number(0, 1_000),
    { isHot: true },
  ),
  circuitFaults: setting(
    'Faults in a row after which an endpoint is left alone and tried by one request at a time; 0 never.',
    5,
    integer(0, 1_000),
    { isHot: true },
  ),
  runaway: setting(
    'What happens to a client that seems to have run away: off, warn (a header and a line in the log), refuse. A key may say otherwise.',
    'warn',
    oneOf('off', 'warn', 'refuse'),
    { isHot: true },
  ),
  runawayRepeats: setting(
    'Answers to the very same request within ten minutes that look like a runaway; 0 never.',
    100,
    integer(0, 100_000),
    { isHot: true },
  ),
  runawayTokensPerMinute: setting(
    'Tokens of one conversation in a minute, reads from caches aside, that look like a runaway; 0 never.',
    0,
    integer(0),
    { isHot: true },
  ),
  hedgeMs: setting(
    'After how long without an answer a token count or a listing is asked of a second account as well; 0 never.',
    0,
    integer(0, MINUTE),
    { isHot: true },
  ),
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
