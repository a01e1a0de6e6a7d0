/**
 * The configuration: flags over environment over what was set through the API over the file
 * over defaults, parsed once, and for each value where it came from. Reads what it is given;
 * touches no disk and no environment by itself.
 */
import { GatewayError, messageOf } from './core/error.ts'
import { RuleError } from './core/rules-input.ts'
import {
  isSettingName,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Settings,
  variableOf,
} from './settings.ts'

export type Source = 'flag' | 'environment' | 'stored' | 'file' | 'default'

export interface SettingView {
  readonly name: SettingName
  readonly value: Settings[SettingName]
  readonly source: Source
  /** The variable or file that it came from. */
  readonly place?: string
  readonly default: Settings[SettingName]
  readonly description: string
  readonly takesEffect: 'at once' | 'at the next start'
}

export interface Sources {
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stored: ReadonlyMap<string, unknown>
  /** Stored in this run: what an operator has just said outranks flags and environment until the next start. */
  readonly storedNow: ReadonlySet<string>
  readonly file: { readonly path: string; readonly values: Readonly<Record<string, unknown>> }
}

export interface Finding {
  readonly path: string
  readonly message: string
}

export interface Config {
  readonly settings: Settings
  readonly views: readonly SettingView[]
  readonly findings: readonly Finding[]
}

interface Found {
  readonly input: unknown
  readonly source: Source
  readonly place?: string
}

/** Bad values are findings and leave the default in force; whoever starts a server refuses them. */
export function resolveConfig(sources: Sources): Config {
  const findings: Finding[] = unknownNames(sources)
  const views = SETTING_NAMES.map((name): SettingView => {
    const found = find(name, sources)
    const { description, initial, isHot } = SETTINGS[name]
    const common = {
      name,
      default: initial,
      description,
      takesEffect: isHot ? ('at once' as const) : ('at the next start' as const),
    }
    if (found === undefined) return { ...common, value: initial, source: 'default' }
    const { source, place, input } = found
    try {
      return {
        ...common,
        value: parseSetting(name, input),
        source,
        ...(place === undefined ? {} : { place }),
      }
    } catch (error) {
      findings.push({ path: place ?? name, message: messageOf(error) })
      return { ...common, value: initial, source: 'default' }
    }
  })
  return { settings: toSettings(views), views: views.map(withoutPassword), findings }
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

function find(
  name: SettingName,
  { flags, environment, stored, storedNow, file }: Sources,
): Found | undefined {
  if (storedNow.has(name) && stored.has(name)) return { input: stored.get(name), source: 'stored' }
  if (flags[name] !== undefined) return { input: flags[name], source: 'flag' }
  for (const variable of [variableOf(name), ...SETTINGS[name].aliases]) {
    const input = environment[variable]
    if (input !== undefined && input !== '' && !isServiceLink(input))
      return { input, source: 'environment', place: variable }
  }
  if (stored.has(name)) return { input: stored.get(name), source: 'stored' }
  const input = file.values[name]
  return input === undefined ? undefined : { input, source: 'file', place: file.path }
}

/** Kubernetes gives every pod SPILLWAY_PORT=tcp://… where a service is called spillway. */
const isServiceLink = (input: string): boolean => input.startsWith('tcp://')

const unknownNames = ({ file }: Sources): Finding[] =>
  Object.keys(file.values)
    .filter((name) => !isSettingName(name))
    .map((name) => ({ path: file.path, message: `There is no setting called "${name}".${suggestion(name)}` }))

export function suggestion(name: string): string {
  const wanted = name.toLowerCase().replace(/[^a-z]/g, '')
  if (wanted === '') return ''
  const near = SETTING_NAMES.find(
    (each) => each.toLowerCase() === wanted || each.toLowerCase().startsWith(wanted.slice(0, 5)),
  )
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** A view is for showing: of a URL's credentials it has the user's name only (G5). */
const withoutPassword = (view: SettingView): SettingView =>
  typeof view.value === 'string'
    ? {
        ...view,
        value: view.value
          .replace(/^(\w+:\/\/[^:/?#@]*:).*@/, '$1***@')
          .replace(/([?&]password=)[^&]*/, '$1***'),
      }
    : view

const toSettings = (views: readonly SettingView[]): Settings =>
  Object.fromEntries(views.map(({ name, value }) => [name, value])) as unknown as Settings
