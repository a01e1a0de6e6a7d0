/**
 * Which kind of agent a request comes from, by how it begins (`wire.md` §3.3): a label for
 * preferences and statistics, never a reason to let anybody in or out.
 */
import type { MessagesRequest } from './request.ts'

/** Undefined when nothing is recognised. `hasAgent`: it says that it comes from a spawned agent. */
export function agentKindOf(
  _body: Uint8Array,
  _read: MessagesRequest,
  hasAgent: boolean,
): string | undefined {
  return hasAgent ? 'agent' : undefined
}
