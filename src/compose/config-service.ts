/**
 * The configuration while the gateway runs: what is in force, and how it is changed through
 * the API. A change is checked whole, stored, and applied at once where the setting allows.
 */
import type { ConfigService as ApiConfig } from '../api/services.ts'
import { type Config, parseSetting, resolveConfig, type Sources, suggestion } from '../config.ts'
import type { Account } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { SettingStore } from '../core/ports/stores.ts'
import { checkRules } from '../core/rules-check.ts'
import { isSettingName, SETTINGS, type SettingName, type Settings } from '../settings.ts'
import { rulesOf } from './routing-rules.ts'

export interface ConfigService extends ApiConfig {
  readonly settings: () => Settings
}

export function createConfigService(
  sources: Omit<Sources, 'stored' | 'storedNow'>,
  store: SettingStore,
  accounts: () => readonly Account[],
): ConfigService {
  const storedNow = new Set<string>()
  const resolve = (): Config => resolveConfig({ ...sources, stored: store.all(), storedNow })
  const atStart = resolve()
  let present = atStart

  const apply = async (name: SettingName, value: unknown): Promise<void> => {
    if (value === null) {
      await store.unset(name)
      storedNow.delete(name)
    } else {
      await store.set(name, value)
      if (SETTINGS[name].isHot) storedNow.add(name)
    }
  }
  return {
    settings: () => present.settings,
    views: () => present.views,
    strategy: () => present.settings.strategy,
    async change(changes) {
      const checked = Object.entries(changes).map(([name, value]) => check(name, value))
      assertFitting(checked, present.settings, accounts())
      for (const { name, value } of checked) await apply(name, value)
      const next = resolve()
      present = { ...next, settings: { ...next.settings, ...coldSettings(atStart.settings) } }
      return checked.flatMap(({ name, value }) => noteOn(name, value, atStart))
    },
  }
}

function check(name: string, value: unknown): { readonly name: SettingName; readonly value: unknown } {
  if (!isSettingName(name)) {
    const message = `There is no setting called "${name}".${suggestion(name)}`
    throw new GatewayError('bad-request', message, { details: [{ path: name, message }] })
  }
  return { name, value: value === null ? null : parseSetting(name, value) }
}

/** Rules that could not work are refused when they are set; what stood before them is nobody's fault now. */
function assertFitting(
  changes: readonly { readonly name: SettingName; readonly value: unknown }[],
  settings: Settings,
  accounts: readonly Account[],
): void {
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

function noteOn(name: SettingName, value: unknown, { views }: Config): readonly string[] {
  const view = views.find((each) => each.name === name)
  if (value === null || view === undefined) return []
  const outranks = view.source === 'flag' || view.source === 'environment'
  const place = view.place ?? 'a flag'
  return [
    ...(SETTINGS[name].isHot ? [] : [`${name} takes effect at the next start.`]),
    ...(outranks
      ? [`At the next start ${place} outranks the stored value of ${name} again; change it there too.`]
      : []),
  ]
}
