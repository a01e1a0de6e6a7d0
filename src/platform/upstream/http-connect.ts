/** Asking an HTTP proxy for a tunnel: CONNECT (RFC 9110 §9.3.6). Must not touch a socket. */
import { canBecomeHttp } from './plausible.ts'
import type { TunnelGoal, TunnelStep, TunnelTalk } from './tunnel.ts'

const MOST_ANSWER_CHARACTERS = 16_384
const HEAD_END = '\r\n\r\n'
const WAIT: TunnelStep = { kind: 'wait', send: new Uint8Array(0) }

export function createConnectTalk(goal: TunnelGoal, authorization: string | undefined): TunnelTalk {
  const authority = `${goal.host}:${goal.port}`
  const fields = authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`
  let held = ''
  return {
    begin: () => ({
      kind: 'wait',
      send: Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${fields}\r\n`, 'latin1'),
    }),
    hear(bytes) {
      held += Buffer.from(bytes).toString('latin1')
      if (!canBecomeHttp(held)) return refused('answered no HTTP')
      const end = held.indexOf(HEAD_END)
      if (end < 0) return held.length > MOST_ANSWER_CHARACTERS ? refused('answered without an end') : WAIT
      const status = /^HTTP\/1\.[01] (\d{3})(?!\d)/.exec(held)?.[1]
      if (status === undefined) return refused('answered no HTTP')
      if (!status.startsWith('2')) return refused(`refused a tunnel to ${authority} (${meaningOf(status)})`)
      // Whoever is behind the tunnel has nothing to say before it was asked.
      return held.length > end + HEAD_END.length ? refused('said more than it was asked') : { kind: 'open' }
    },
  }
}

const refused = (words: string): TunnelStep => ({ kind: 'refused', words })

const meaningOf = (status: string): string =>
  status === '407' ? '407: it wants other credentials' : `status ${status}`
