/** How upstreams are reached, how long they may take, and what clients are told of their limits. Declarations only. */
import { MINUTE, SECOND } from '../core/time.ts'
import { setting } from './setting.ts'
import { httpUrl, integer, names, oneOf } from './values.ts'

export const UPSTREAM_SETTINGS = {
  allowedUpstreamHosts: setting(
    'Upstream hosts that may lead to link-local or cloud metadata addresses.',
    [],
    names,
    { isHot: true },
  ),
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
  anthropicUrl: setting('Where requests go while no account exists.', 'https://api.anthropic.com', httpUrl, {
    isHot: true,
  }),
} as const
