/**
 * Every setting there is, by area: its name, its type, its default, where it may come from
 * and whether it takes effect at once. A setting without effect does not belong here.
 */
import { ACCOUNTS_SETTINGS } from './settings/accounts.ts'
import { AGENT_SETTINGS } from './settings/agents.ts'
import { ALERT_SETTINGS } from './settings/alerts.ts'
import { LOGGING_SETTINGS } from './settings/logging.ts'
import { NETWORK_SETTINGS } from './settings/network.ts'
import { PAYLOAD_SETTINGS } from './settings/payloads.ts'
import { ROUTING_SETTINGS } from './settings/routing.ts'
import { SERVER_SETTINGS } from './settings/server.ts'
import { rangeOf } from './settings/shape.ts'
import { SIGNING_IN_SETTINGS } from './settings/signing-in.ts'
import { UPKEEP_SETTINGS } from './settings/upkeep.ts'
import { UPSTREAM_SETTINGS } from './settings/upstream.ts'

/** In the order of the reference. */
export const SETTING_AREAS = {
  Server: SERVER_SETTINGS,
  Networks: NETWORK_SETTINGS,
  Routing: ROUTING_SETTINGS,
  Upstreams: UPSTREAM_SETTINGS,
  Accounts: ACCOUNTS_SETTINGS,
  'Signing in': SIGNING_IN_SETTINGS,
  Logs: LOGGING_SETTINGS,
  Upkeep: UPKEEP_SETTINGS,
  Payloads: PAYLOAD_SETTINGS,
  Alerts: ALERT_SETTINGS,
  Agents: AGENT_SETTINGS,
} as const

export const SETTINGS = {
  ...SERVER_SETTINGS,
  ...NETWORK_SETTINGS,
  ...ROUTING_SETTINGS,
  ...UPSTREAM_SETTINGS,
  ...ACCOUNTS_SETTINGS,
  ...SIGNING_IN_SETTINGS,
  ...LOGGING_SETTINGS,
  ...UPKEEP_SETTINGS,
  ...PAYLOAD_SETTINGS,
  ...ALERT_SETTINGS,
  ...AGENT_SETTINGS,
} as const

export type Settings = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['parse']> }
export type SettingName = keyof typeof SETTINGS

export const SETTING_NAMES = Object.keys(SETTINGS).filter(isSettingName)

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

/** retryDelayMs → SPILLWAY_RETRY_DELAY_MS. */
export const variableOf = (name: SettingName): string =>
  `SPILLWAY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Names say their unit, as in retryDelayMs; of the others the declaration does. */
const UNITS: readonly (readonly [ending: RegExp, unit: string])[] = [
  [/Ms$/, 'ms'],
  [/Bytes$/, 'bytes'],
  [/Days$/, 'days'],
  [/UsdPerSecond$/, 'USD/s'],
  [/Usd$/, 'USD'],
  [/Percent$/, '%'],
]

export const unitOf = (name: SettingName): string | undefined =>
  SETTINGS[name].unit ?? UNITS.find(([ending]) => ending.test(name))?.[1]

/** How it is given on the command line of `serve`. */
export const flagOf = (name: SettingName): string => SETTINGS[name].flag ?? `--set ${name}`

export const rangeOfSetting = (name: SettingName): string | undefined => rangeOf(SETTINGS[name].shape)
