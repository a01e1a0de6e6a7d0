/**
 * Which kind of agent a request comes from: a definition of the operator's workspaces, or one
 * that is recognised by its opening. Looked at once for each conversation and model, and
 * remembered, bounded. A label for preferences and statistics, never a reason to let anybody
 * in or out.
 */
import { agentKindOf } from '../dialects/messages/agent.ts'
import type { Job } from './job.ts'
import type { Asked } from './wants.ts'

export interface Agents {
  recognise(asked: Pick<Asked, 'body' | 'read' | 'hasAgent'>): string | undefined
  /** Of a request that is over. */
  kindOf(job: Job): string | undefined
}

/** An agent that the operator has defined: its name, and how its prompt begins as it stands in JSON. */
export interface DefinedAgent {
  readonly name: string
  readonly opening: Uint8Array
}

const MOST_KNOWN = 10_000
/** Claude Code puts a few lines of its own before an agent's prompt. */
const LOOKED_AT_BYTES = 16_384

export function createAgents(definitions: () => readonly DefinedAgent[]): Agents {
  // The first that came is the first to be forgotten.
  const known = new Map<string, string | undefined>()
  const recognise: Agents['recognise'] = ({ body, read, hasAgent }) =>
    definedIn(body, read, definitions()) ?? agentKindOf(body, read, hasAgent)
  return {
    recognise,
    kindOf({ facts, body, endpoint }) {
      const { conversation, parts, model = '' } = facts
      if (parts === undefined || conversation === undefined || endpoint.kind !== 'messages') return undefined
      // What a client asks for itself beside its main loop has another model, or no tools.
      const name = `${conversation} ${parts.tools === undefined ? '-' : '+'} ${model}`
      if (known.has(name)) return known.get(name)
      const kind = recognise({ body, read: { ...parts, model }, hasAgent: facts.agent !== undefined })
      known.set(Buffer.from(name).toString(), kind)
      const [oldest] = known.keys()
      if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest)
      return kind
    },
  }
}

function definedIn(
  body: Uint8Array,
  { system }: Asked['read'],
  definitions: readonly DefinedAgent[],
): string | undefined {
  if (definitions.length === 0 || system === undefined) return undefined
  const end = Math.min(system.end, system.start + LOOKED_AT_BYTES)
  const beginning = Buffer.from(body.buffer, body.byteOffset + system.start, end - system.start)
  return definitions.find(({ opening }) => opening.length > 0 && beginning.includes(opening))?.name
}
