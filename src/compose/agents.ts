/**
 * The agents of the configured workspaces while the gateway runs: read at the start, whenever
 * somebody asks for them, when the setting changes, and now and then, because files change.
 */
import type { AgentFiles } from '../core/agent-definition.ts'
import type { Log } from '../core/ports/log.ts'
import { MINUTE } from '../core/time.ts'
import { readAgentFiles } from '../platform/agent-files.ts'
import type { Settings } from '../settings.ts'

export interface AgentLibrary {
  /** As they were read last; costs nothing. */
  present(): AgentFiles
  refresh(): AgentFiles
  stop(): void
}

const NOTHING: AgentFiles = { definitions: [], problems: [] }

export function createAgentLibrary(
  settings: () => Pick<Settings, 'agentWorkspaces'>,
  log: Log,
): AgentLibrary {
  let read = NOTHING
  let said = ''
  const refresh = (): AgentFiles => {
    const { agentWorkspaces } = settings()
    read = agentWorkspaces.length === 0 ? NOTHING : readAgentFiles(agentWorkspaces)
    const problems = read.problems.map(({ message }) => message)
    // Each problem is told once, not every minute.
    if (problems.join('\n') !== said) for (const problem of problems) log.warn(problem)
    said = problems.join('\n')
    return read
  }
  refresh()
  const timer = setInterval(refresh, MINUTE)
  timer.unref()
  return { present: () => read, refresh, stop: () => clearInterval(timer) }
}
