/** Where agents are defined. Declarations only. */
import { setting } from './setting.ts'
import { directories } from './values.ts'

export const AGENT_SETTINGS = {
  agentWorkspaces: setting<readonly string[]>(
    'Directories whose .claude/agents are read, so that their agents can be told apart and be given models.',
    [],
    directories,
    { isHot: true },
  ),
} as const
