/**
 * The configuration while the gateway runs: what is in force, and how it is changed through
 * the API. A change is checked whole, stored, and applied at once where the setting allows.
 */
import type { ConfigService as ApiConfig } from '../api/services.ts'
import {
  type Config,
  type Finding,
  parseSetting,
  resolveConfig,
  type SettingView,
  type Sources,
  suggestion,
} from '../config.ts'
import type { Account } from '../core/account.ts'
import { GatewayError, toGatewayError } from '../core/error.ts'
import type { SettingStore } from '../core/ports/stores.ts'
import { checkRules } from '../core/rules-check.ts'
import { configSchema } from '../reference.ts'
import { isSettingName, SETTINGS, type SettingName, type Settings, variableOf } from '../settings.ts'
import { rulesOf } from './routing-rules.ts'

export interface ConfigService extends ApiConfig {
  readonly settings: () => Settings
}

export function createConfigService(
  sources: Omit<Sources, 'stored'>,
  store: SettingStore,
  accounts: () => readonly Account[],
): ConfigService {
  const resolve = (): Config => resolveConfig({ ...sources, stored: store.all() })
  const atStart = resolve()
  let present = atStart
  return {
    settings: () => present.settings,
    views: () => present.views,
    strategy: () => present.settings.strategy,
    schema: configSchema,
    check: (changes) => checkChanges(changes, present.settings, accounts()),
    async change(changes) {
      const checked = Object.entries(changes).map(([name, value]) => read(name, value))
      for (const { name } of checked) assertChangeable(name, present.views)
      assertFitting(checked, present.settings, accounts())
      for (const { name, value } of checked)
        await (value === null ? store.unset(name) : store.set(name, value))
      const next = resolve()
      present = { ...next, settings: { ...next.settings, ...coldSettings(atStart.settings) } }
      return checked.flatMap(({ name, value }) =>
        SETTINGS[name].isHot || value === null ? [] : [`${name} takes effect at the next start.`],
      )
    },
  }
}

interface Change {
  readonly name: SettingName
  /** Null takes what was stored back. */
  readonly value: unknown
}

function read(name: string, value: unknown): Change {
  if (!isSettingName(name)) {
    const message = `There is no setting called "${name}".${suggestion(name)}`
    throw new GatewayError('bad-request', message, { details: [{ path: name, message }] })
  }
  return { name, value: value === null ? null : parseSetting(name, value) }
}

/** What somebody wrote down outside is theirs: stored values would be outranked by it, unseen. */
function assertChangeable(name: SettingName, views: readonly SettingView[]): void {
  const lockedBy = views.find((view) => view.name === name)?.lockedBy
  if (lockedBy !== undefined) {
    const message = `The setting ${name} is set by ${lockedBy}, which outranks what is stored here. Change it there and start the gateway again, or take it out there first.`
    throw new GatewayError('conflict', message, { details: [{ path: name, message }] })
  }
  if (SETTINGS[name].isSecret) {
    const message = `The setting ${name} may hold a secret and is not kept in the database. Set the variable ${variableOf(name)}, or put it into the configuration file.`
    throw new GatewayError('conflict', message, { details: [{ path: name, message }] })
  }
}

/** What would be said of these changes, and of the rules in force against the accounts that there are. */
function checkChanges(
  changes: Readonly<Record<string, unknown>>,
  settings: Settings,
  accounts: readonly Account[],
): readonly Finding[] {
  const findings: Finding[] = []
  const sound: Record<string, unknown> = {}
  for (const [name, input] of Object.entries(changes)) {
    try {
      const { value } = read(name, input)
      if (value !== null) sound[name] = value
    } catch (error) {
      findings.push(...(toGatewayError(error).details ?? []))
    }
  }
  return [...findings, ...checkRules(rulesOf({ ...settings, ...sound }), accounts)]
}

/** Rules that could not work are refused when they are set; what stood before them is nobody's fault now. */
function assertFitting(changes: readonly Change[], settings: Settings, accounts: readonly Account[]): void {
  const changed = Object.fromEntries(
    changes.map(({ name, value }) => [name, value === null ? SETTINGS[name].initial : value]),
  )
  const findings = checkRules(rulesOf({ ...settings, ...changed }), accounts).filter(({ path }) =>
    changes.some(({ name, value }) => value !== null && path.startsWith(name)),
  )
  const [first] = findings
  if (first === undefined) return
  throw new GatewayError('bad-request', `${first.path}: ${first.message}`, { details: findings })
}

/** What is bound at start (ports, files) stays as it was, whatever is stored for the next one. */
const coldSettings = (settings: Settings): Partial<Settings> =>
  Object.fromEntries(
    Object.entries(settings).filter(([name]) => isSettingName(name) && !SETTINGS[name].isHot),
  )
