/** What each cause means for the pool: its outlook, and whether asking again can help. */
import { describe, expect, it } from 'bun:test'
import {
  type Cause,
  isConnectFault,
  isEndpointFault,
  isWorthRetrying,
  type Outlook,
  outlookOf,
} from './failure.ts'

interface Meaning {
  readonly outlook: Outlook
  readonly endpoint: boolean
  readonly connect: boolean
  readonly retry: boolean
}

const MEANINGS: Readonly<Record<Cause, Meaning>> = {
  'blocked-address': meaning('down', 'endpoint', 'connect'),
  'dns-failed': meaning('down', 'endpoint', 'connect', 'retry'),
  'connect-refused': meaning('down', 'endpoint', 'connect', 'retry'),
  'connect-timeout': meaning('down', 'endpoint', 'connect', 'retry'),
  'tls-failed': meaning('down', 'endpoint', 'connect'),
  'egress-proxy': meaning('down', 'endpoint', 'connect'),
  'no-sockets': meaning('down', 'endpoint'),
  reset: meaning('down', 'endpoint', 'retry'),
  'headers-timeout': meaning('timeout', 'endpoint'),
  'content-timeout': meaning('timeout', 'endpoint'),
  'bad-response': meaning('down', 'endpoint', 'retry'),
  redirect: meaning('down', 'endpoint'),
  'empty-answer': meaning('down', 'endpoint', 'retry'),
  overloaded: meaning('overloaded', 'endpoint', 'retry'),
  'server-error': meaning('down', 'endpoint', 'retry'),
  'request-timeout': meaning('down', 'endpoint', 'retry'),
  conflict: meaning('down', 'retry'),
  unauthorized: meaning('unauthorized'),
  forbidden: meaning('unserved'),
  billing: meaning('limited'),
  'spend-limit': meaning('limited'),
  'window-spent': meaning('limited'),
  'family-spent': meaning('limited'),
  throttled: meaning('limited'),
  'model-not-found': meaning('unserved'),
  'context-limit': meaning('unserved'),
  'secret-unreadable': meaning('down', 'endpoint'),
  'login-required': meaning('unauthorized'),
  'refresh-failed': meaning('down'),
  'request-refused': meaning('refused', 'retry'),
}

describe.each(Object.entries(MEANINGS).map(([cause, expected]) => [cause as Cause, expected] as const))(
  '%s',
  (cause, { outlook, endpoint, connect, retry }) => {
    it(`leaves the pool ${outlook}`, () => expect(outlookOf(cause)).toBe(outlook))

    it(endpoint ? 'says that the endpoint is in trouble' : 'says nothing about the endpoint', () => {
      expect(isEndpointFault(cause)).toBe(endpoint)
    })

    it(connect ? 'never reached the provider' : 'reached the provider', () => {
      expect(isConnectFault(cause)).toBe(connect)
    })

    it(retry ? 'may pass within seconds' : 'does not pass by asking again', () => {
      expect(isWorthRetrying(cause)).toBe(retry)
    })
  },
)

function meaning(outlook: Outlook, ...words: readonly ('endpoint' | 'connect' | 'retry')[]): Meaning {
  return {
    outlook,
    endpoint: words.includes('endpoint'),
    connect: words.includes('connect'),
    retry: words.includes('retry'),
  }
}
