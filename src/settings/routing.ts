/** How accounts are chosen, and what happens while none is free. Declarations only. */
import { readAgents, readAliases, readPools, readReserves } from '../core/rules-input.ts'
import type { StrategyName } from '../core/strategies.ts'
import { HOUR, MINUTE, SECOND } from '../core/time.ts'
import { setting } from './setting.ts'
import { AGENTS_SHAPE, ALIASES_SHAPE, poolsShape, RESERVES_SHAPE } from './shape.ts'
import { integer, number, oneOf, STRATEGY_NAMES, strategy, structured } from './values.ts'

export const ROUTING_SETTINGS = {
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
    unit: 'attempts',
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
  pools: setting(
    'Pools: groups of accounts in their order, for /pool/<name>/v1/… and for keys; the one called "default" serves everybody else.',
    {},
    structured(readPools, poolsShape(STRATEGY_NAMES)),
    { isHot: true },
  ),
  aliases: setting('Further names of models.', {}, structured(readAliases, ALIASES_SHAPE), {
    isHot: true,
  }),
  agents: setting(
    'What kinds of agents get: their class of work and the models in the place of those that they ask for.',
    {},
    structured(readAgents, AGENTS_SHAPE),
    { isHot: true },
  ),
  reserves: setting(
    'Parts of windows that are kept for a class of work.',
    [],
    structured(readReserves, RESERVES_SHAPE),
    {
      isHot: true,
    },
  ),
  queueMs: setting(
    'How long a request waits in line when all accounts are busy.',
    30 * SECOND,
    integer(0, HOUR),
    {
      isHot: true,
    },
  ),
  queueSize: setting('How many requests may wait in line.', 500, integer(0, 100_000), {
    isHot: true,
    unit: 'requests',
  }),
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
    { isHot: true, unit: 'faults' },
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
    { isHot: true, unit: 'answers' },
  ),
  runawayTokensPerMinute: setting(
    'Tokens of one conversation in a minute, reads from caches aside, that look like a runaway; 0 never.',
    0,
    integer(0),
    { isHot: true, unit: 'tokens/min' },
  ),
  hedgeMs: setting(
    'After how long without an answer a token count or a listing is asked of a second account as well; 0 never.',
    0,
    integer(0, MINUTE),
    { isHot: true },
  ),
} as const
