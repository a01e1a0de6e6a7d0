/**
 * The handlers of the contract, put together. The type says that every route has one, with
 * the input that the contract checks and the answer that it promises.
 */
import type { Call } from './call.ts'
import type { Answer, Input, RouteName } from './contract.ts'
import { accountFileHandlers } from './handlers/account-files.ts'
import { accountHandlers } from './handlers/accounts.ts'
import { agentHandlers } from './handlers/agents.ts'
import { alertHandlers } from './handlers/alerts.ts'
import { analyticsHandlers } from './handlers/analytics.ts'
import { auditHandlers } from './handlers/audit.ts'
import { configHandlers } from './handlers/config.ts'
import { doorHandlers } from './handlers/door.ts'
import { forecastHandlers } from './handlers/forecast.ts'
import { historyHandlers } from './handlers/history.ts'
import { keyHandlers } from './handlers/keys.ts'
import { logHandlers } from './handlers/logs.ts'
import { maintenanceHandlers } from './handlers/maintenance.ts'
import { payloadHandlers } from './handlers/payloads.ts'
import { requestHandlers } from './handlers/requests.ts'
import { routingHandlers } from './handlers/routing.ts'
import { sessionHandlers } from './handlers/sessions.ts'
import { signInHandlers } from './handlers/sign-in.ts'
import { systemHandlers } from './handlers/system.ts'
import { upkeepHandlers } from './handlers/upkeep.ts'
import { userHandlers } from './handlers/users.ts'
import type { Services } from './services.ts'

export type Handlers = {
  readonly [Name in RouteName]: (input: Input<Name>, call: Call) => Promise<Answer<Name>>
}

export const createHandlers = (services: Services): Handlers => ({
  ...accountHandlers(services),
  ...accountFileHandlers(services),
  ...signInHandlers(services),
  ...upkeepHandlers(services),
  ...forecastHandlers(services),
  ...alertHandlers(services),
  ...historyHandlers(services),
  ...requestHandlers(services),
  ...payloadHandlers(services),
  ...analyticsHandlers(services),
  ...routingHandlers(services),
  ...sessionHandlers(services),
  ...agentHandlers(services),
  ...keyHandlers(services),
  ...logHandlers(services),
  ...configHandlers(services),
  ...systemHandlers(services),
  ...doorHandlers(services),
  ...userHandlers(services),
  ...auditHandlers(services),
  ...maintenanceHandlers(services),
})
