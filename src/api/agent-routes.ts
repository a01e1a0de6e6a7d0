/** The routes about agents. Must not contain behaviour. */
import { z } from 'zod'
import { agentChangeSchema, agentChangesSchema, agentListSchema, agentSchema } from './agent-schemas.ts'
import type { Route } from './route.ts'

export const agentRoutes = {
  listAgents: {
    method: 'GET',
    path: '/api/agents',
    role: 'viewer',
    summary:
      'Agents: defined in workspaces, seen in traffic, or named by a rule; and the models that they get.',
    answer: agentListSchema,
  },
  changeAgent: {
    method: 'PATCH',
    path: '/api/agents/:name',
    role: 'operator',
    summary: 'Which model an agent gets in the place of the one that it asks for, and its class of work.',
    body: agentChangeSchema,
    answer: agentSchema,
  },
  changeAgents: {
    method: 'POST',
    path: '/api/agents/bulk',
    role: 'operator',
    summary: 'The same for several agents, all or none.',
    body: agentChangesSchema,
    answer: z.object({ agents: z.array(agentSchema) }),
  },
} as const satisfies Readonly<Record<string, Route>>
