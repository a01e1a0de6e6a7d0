/** What the control plane sees and changes of live sessions: bindings and pins, as routing uses them. */
import type { LiveSessions } from '../api/services.ts'
import type { AccountId } from '../core/account.ts'
import { conversationKey, isAlive, movedTo } from '../core/session.ts'
import type { ProxyContext } from '../proxy/context.ts'
import { keyOf } from '../proxy/facts.ts'

export function createLiveSessions(context: ProxyContext): LiveSessions {
  const { bindings, pins, pool, clock } = context
  const keyFor = (session: string, agent: string | undefined): string =>
    keyOf(conversationKey(session, agent), context)
  const move: LiveSessions['move'] = (session, agents, account) => {
    const to = { account, organization: pool.standingOf(account).organization, now: clock.now() }
    for (const agent of [undefined, ...agents]) {
      const key = keyFor(session, agent)
      const binding = bindings.get(key)
      // Agents that are over are not begun anew.
      if (agent === undefined || binding !== undefined) bindings.put(key, movedTo(binding, to))
    }
  }
  return {
    bindingOf(session, agent) {
      const binding = bindings.get(keyFor(session, agent))
      return binding && isAlive(binding, context.settings().sessionMs, clock.now()) ? binding : undefined
    },
    pinOf: pins.of,
    async pin(session, agents, account: AccountId) {
      await pins.put(session, account, clock.now())
      move(session, agents, account)
    },
    unpin: pins.remove,
    move,
  }
}
