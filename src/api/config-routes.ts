/** The routes of the contract about settings. Must not contain behaviour. */
import * as schemas from './config-schemas.ts'
import type { PlainRoute, Route } from './route.ts'

export const configRoutes = {
  showConfig: {
    method: 'GET',
    path: '/api/config',
    role: 'viewer',
    summary: 'Every setting with its value, where that came from, and whether it is locked there.',
    answer: schemas.configSchema,
  },
  changeConfig: {
    method: 'PATCH',
    path: '/api/config',
    role: 'owner',
    summary: 'Change settings; null takes a change back. What flag, environment or file set answers 409.',
    body: schemas.configChangeSchema,
    answer: schemas.configSchema,
  },
  checkConfig: {
    method: 'POST',
    path: '/api/config/check',
    role: 'viewer',
    summary: 'What is wrong with values, and with the routing rules for the accounts that there are.',
    body: schemas.configCheckSchema,
    answer: schemas.configFindingsSchema,
    isRead: true,
  },
} as const satisfies Readonly<Record<string, Route>>

export const configPlainRoutes = {
  configSchema: {
    path: '/api/config/schema',
    summary: 'A JSON Schema of the configuration file, for editors.',
    role: 'viewer',
    type: 'application/schema+json',
  },
} as const satisfies Readonly<Record<string, PlainRoute>>
