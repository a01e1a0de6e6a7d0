/**
 * The configuration: flags over environment over the file over what was set through the API
 * over defaults, parsed once, and for each value where it came from. What an operator wrote
 * down outside is locked in the API. Reads what it is given; touches no disk and no
 * environment by itself.
 */
import { GatewayError, messageOf } from './core/error.ts'
import { RuleError } from './core/rules-input.ts'
import { nearest } from './core/similar.ts'
import {
  flagOf,
  isSettingName,
  rangeOfSetting,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Settings,
  unitOf,
  variableOf,
} from './settings.ts'

export type Source = 'flag' | 'environment' | 'file' | 'stored' | 'default'

export interface SettingView {
  readonly name: SettingName
  /** For showing: of a secret nothing. */
  readonly value: unknown
  readonly source: Source
  /** The flag, variable or file that it came from. */
  readonly place?: string
  /** It cannot be changed here; changing it is up to whoever owns this place. */
  readonly lockedBy?: string
  readonly default: Settings[SettingName]
  readonly unit?: string
  readonly range?: string
  readonly description: string
  readonly takesEffect: 'at once' | 'at the next start'
}

export interface Sources {
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stored: ReadonlyMap<string, unknown>
  readonly file: { readonly path: string; readonly values: Readonly<Record<string, unknown>> }
}

export interface Finding {
  /** Where it stands: a variable, a file, a flag; for rules the place within the setting. */
  readonly path: string
  readonly message: string
  readonly remedy?: string | undefined
}

export interface Config {
  readonly settings: Settings
  readonly views: readonly SettingView[]
  readonly findings: readonly Finding[]
}

interface Found {
  readonly input: unknown
  readonly source: Exclude<Source, 'default'>
  readonly place: string | undefined
}

/** Bad values are findings and leave the default in force; whoever starts a server refuses them. */
export function resolveConfig(sources: Sources): Config {
  const findings: Finding[] = unknownNames(sources)
  const resolved = SETTING_NAMES.map((name) => resolveOne(name, find(name, sources), findings))
  return {
    settings: Object.fromEntries(
      resolved.map(({ view, value }) => [view.name, value]),
    ) as unknown as Settings,
    views: resolved.map(({ view }) => view),
    findings,
  }
}

function resolveOne(
  name: SettingName,
  found: Found | undefined,
  findings: Finding[],
): { readonly view: SettingView; readonly value: unknown } {
  const { initial } = SETTINGS[name]
  const byDefault = { view: viewOf(name, initial, undefined), value: initial }
  if (found === undefined) return byDefault
  try {
    const value = parseSetting(name, found.input)
    return { view: viewOf(name, value, found), value }
  } catch (error) {
    const { place = name } = found
    findings.push({ path: place, message: messageOf(error), remedy: remedyFor(name, found) })
    return byDefault
  }
}

function viewOf(name: SettingName, value: unknown, found: Found | undefined): SettingView {
  const { initial, description, isHot } = SETTINGS[name]
  const show = SETTINGS[name].shown as (value: unknown) => unknown
  const unit = unitOf(name)
  const range = rangeOfSetting(name)
  const lock = found === undefined ? undefined : lockOf(found)
  return {
    name,
    value: show(value),
    source: found?.source ?? 'default',
    ...(found?.place === undefined ? {} : { place: found.place }),
    ...(lock === undefined ? {} : { lockedBy: lock }),
    default: initial,
    ...(unit === undefined ? {} : { unit }),
    ...(range === undefined ? {} : { range }),
    description,
    takesEffect: isHot ? 'at once' : 'at the next start',
  }
}

function lockOf({ source, place }: Found): string | undefined {
  switch (source) {
    case 'flag':
      return `the flag ${place}`
    case 'environment':
      return `the variable ${place}`
    case 'file':
      return `the file ${place}`
    case 'stored':
      return undefined
  }
}

function remedyFor(name: SettingName, { source, place }: Found): string {
  switch (source) {
    case 'flag':
      return `Give another value with ${place}, or leave it out.`
    case 'environment':
      return `Give ${place} another value, or unset it.`
    case 'file':
      return `Correct "${name}" in that file, or take it out.`
    case 'stored':
      return `Take it back with "spillway config unset ${name}".`
  }
}

/** Throws GatewayError `bad-request` with a sentence about the value. */
export function parseSetting<Name extends SettingName>(name: Name, input: unknown): Settings[Name] {
  try {
    const parse: (input: unknown) => unknown = SETTINGS[name].parse
    return parse(input) as Settings[Name]
  } catch (cause) {
    const message = `The setting ${name} ${messageOf(cause)}.`
    const path = cause instanceof RuleError ? pathOf(name, cause.path) : name
    throw new GatewayError('bad-request', message, { cause, details: [{ path, message }] })
  }
}

const pathOf = (name: string, path: string): string =>
  path === '' || path.startsWith('[') ? name + path : `${name}.${path}`

function find(name: SettingName, { flags, environment, stored, file }: Sources): Found | undefined {
  if (flags[name] !== undefined) return { input: flags[name], source: 'flag', place: flagOf(name) }
  for (const variable of [variableOf(name), ...SETTINGS[name].aliases]) {
    const input = environment[variable]
    if (input !== undefined && input !== '' && !isServiceLink(input))
      return { input, source: 'environment', place: variable }
  }
  if (Object.hasOwn(file.values, name)) return { input: file.values[name], source: 'file', place: file.path }
  // An earlier version took secrets into the database; they were never read from there.
  if (SETTINGS[name].isSecret || !stored.has(name)) return undefined
  return { input: stored.get(name), source: 'stored', place: undefined }
}

/** Kubernetes gives every pod SPILLWAY_PORT=tcp://… where a service is called spillway. */
const isServiceLink = (input: string): boolean => input.startsWith('tcp://')

/** Editors find the schema by it. */
const SCHEMA = '$schema'

function unknownNames({ file, flags }: Sources): Finding[] {
  const missing = (name: string, path: string, remedy: string): Finding => ({
    path,
    message: `There is no setting called "${name}".${suggestion(name)}`,
    remedy,
  })
  const isUnknown = (name: string): boolean => !isSettingName(name) && name !== SCHEMA
  return [
    ...Object.keys(file.values)
      .filter(isUnknown)
      .map((name) => missing(name, file.path, `Correct or remove "${name}" in that file.`)),
    ...Object.keys(flags)
      .filter(isUnknown)
      .map((name) => missing(name, `--set ${name}`, 'See "spillway config list" for what there is.')),
  ]
}

export function suggestion(name: string): string {
  const wanted = name.toLowerCase().replace(/[^a-z]/g, '')
  if (wanted === '') return ''
  const near =
    SETTING_NAMES.find((each) => each.toLowerCase() === wanted) ??
    nearest(wanted, SETTING_NAMES) ??
    SETTING_NAMES.find((each) => each.toLowerCase().startsWith(wanted.slice(0, 5)))
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** Variables that look like a misspelt setting; those that other programs made up are none of ours. */
export function misspeltVariables(environment: Sources['environment']): readonly Finding[] {
  const known = SETTING_NAMES.map(variableOf)
  return Object.keys(environment).flatMap((variable): readonly Finding[] => {
    if (!variable.startsWith(PREFIX) || known.includes(variable) || OWN_VARIABLES.has(variable)) return []
    const near = nearest(
      variable.slice(PREFIX.length),
      known.map((each) => each.slice(PREFIX.length)),
    )
    if (near === undefined || KUBERNETES.test(variable)) return []
    const message = `There is no setting behind this variable. Did you mean ${PREFIX}${near}?`
    return [{ path: variable, message, remedy: 'Correct its name, or unset it.' }]
  })
}

const PREFIX = 'SPILLWAY_'
/** They say where things are, and are no settings. */
const OWN_VARIABLES: ReadonlySet<string> = new Set(
  ['API_KEY', 'CONFIG', 'DATA_DIR', 'LAUNCHER_PID', 'SECRET_KEY'].map((name) => PREFIX + name),
)
const KUBERNETES = /^SPILLWAY_(?:SERVICE_|PORT_)/
