/** What the options of `keys create` and `keys set` mean. Must not call anything. */
import { type Command, Option } from 'commander'
import type { ClientInput } from '../../api/contract.ts'
import { numeric, repeated } from '../command.ts'
import { CommandError, EXIT } from '../shell.ts'
import { toPair } from './account-options.ts'

export interface RuleOptions {
  readonly pool?: string
  readonly class?: string
  readonly hold?: string
  readonly runaway?: string
  readonly prefer?: readonly string[]
  readonly model?: readonly string[]
  readonly group?: readonly string[]
  readonly strategy?: string
  readonly endpoint?: readonly string[]
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly maxConcurrent?: number
  readonly budget?: readonly string[]
  readonly expires?: string
  readonly payloads?: string
}

export type RuleInput = Omit<ClientInput<'createKey'>['body'], 'name'>
export type RuleChanges = Omit<ClientInput<'changeKey'>['body'], 'name' | 'disabled'>

/** Every name that the contract has, or it does not compile; its schemas are not loaded for it, they take their time. */
const namesOf = <Name extends string>(names: Readonly<Record<Name, true>>): readonly Name[] =>
  Object.keys(names) as Name[]

const ENDPOINTS = namesOf<NonNullable<RuleInput['endpoints']>[number]>({
  messages: true,
  count_tokens: true,
  models: true,
  batches: true,
  files: true,
  other: true,
})
const CLASSES = namesOf<NonNullable<RuleInput['class']>>({ interactive: true, background: true })
const RUNAWAYS = namesOf<NonNullable<RuleInput['runaway']>>({ off: true, warn: true, refuse: true })
const PERIODS = namesOf<NonNullable<RuleInput['budgets']>[number]['period']>({
  '5h': true,
  day: true,
  week: true,
  month: true,
})
const STRATEGIES = namesOf<NonNullable<RuleInput['strategy']>>({
  affinity: true,
  session: true,
  'round-robin': true,
  'least-requests': true,
  weighted: true,
  'weighted-round-robin': true,
  'drain-soonest': true,
  headroom: true,
})

export const withRules = (command: Command): Command =>
  command
    .option('--pool <name>', 'the pool or group that serves it, and the only one')
    .addOption(repeated('--group <name>', 'only accounts of this group serve it (may be repeated)'))
    .addOption(
      repeated('--model <name>', 'a model or family that it may use, and no others (may be repeated)'),
    )
    .addOption(
      repeated('--endpoint <name>', `of ${ENDPOINTS.join(', ')}: it may call no others (may be repeated)`),
    )
    .addOption(new Option('--strategy <name>', 'in the place of the one in force').choices(STRATEGIES))
    .addOption(numeric('--requests-per-minute <number>', 'in any 60 seconds'))
    .addOption(numeric('--tokens-per-minute <number>', 'input, output and cache writes in any 60 seconds'))
    .addOption(numeric('--max-concurrent <number>', 'requests under way at once'))
    .addOption(
      repeated(
        '--budget <amount/period>',
        '5usd/day, 2000000tokens/month; periods are 5h, day, week, month (may be repeated; takes the place of all)',
      ),
    )
    .option('--expires <time>', 'ISO 8601, or a length from now such as 30d')
    .option('--payloads <what>', 'what is kept of its bodies: off, headers, errors, "sampled 5%", all')
    .addOption(new Option('--class <class>', 'its class of work').choices(CLASSES))
    .option('--hold <length>', 'rather wait so long than be refused when everything is limited: 90s, 10m')
    .addOption(
      new Option('--runaway <what>', 'what happens to a client that seems to have run away').choices(
        RUNAWAYS,
      ),
    )
    .addOption(
      repeated(
        '--prefer <from=to>',
        'another model in the place of one or of a family; FROM= takes it back (may be repeated)',
      ),
    )

export function rulesOf(options: RuleOptions, now: number): Omit<RuleInput, 'models'> {
  const { pool, hold, payloads, group, model, requestsPerMinute, tokensPerMinute, maxConcurrent } = options
  return {
    ...said({ pool, hold, payloads, requestsPerMinute, tokensPerMinute, maxConcurrent }),
    ...said({
      groups: group && [...group],
      allowedModels: model && [...model],
      endpoints: options.endpoint?.map((name) => oneOf(ENDPOINTS, name, 'endpoint')),
      budgets: options.budget?.map(toBudget),
      expiresAt: options.expires === undefined ? undefined : toTime(options.expires, now),
      class: CLASSES.find((name) => name === options.class),
      runaway: RUNAWAYS.find((name) => name === options.runaway),
      strategy: STRATEGIES.find((name) => name === options.strategy),
    }),
  }
}

/** Only what somebody has said. */
const said = <T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>
  }

function oneOf<Name extends string>(names: readonly Name[], text: string, what: string): Name {
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  throw new CommandError(EXIT.usage, `There is no ${what} "${text}"; there are ${names.join(', ')}.`)
}

const BUDGET = /^(\d+(?:\.\d+)?)\s*(usd|tokens?)\/(\w+)$/i

/** "5usd/day", "2000000tokens/month". */
function toBudget(text: string) {
  const [, amount, unit = '', per = ''] = BUDGET.exec(text.replaceAll('_', '')) ?? []
  if (amount === undefined)
    throw new CommandError(EXIT.usage, `"${text}" is not of the form 5usd/day or 2000000tokens/month.`)
  const period = oneOf(PERIODS, per, 'period')
  return unit.toLowerCase() === 'usd' ? { usd: Number(amount), period } : { tokens: Number(amount), period }
}

const LENGTH = /^(\d+)\s*(m|h|d)$/
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function toTime(text: string, now: number): string {
  const [, count, unit = ''] = LENGTH.exec(text) ?? []
  const at = count === undefined ? Date.parse(text) : now + Number(count) * (UNIT_MS[unit] ?? 0)
  if (!Number.isNaN(at) && /^\d/.test(text)) return new Date(at).toISOString()
  throw new CommandError(
    EXIT.usage,
    `"${text}" is neither a time such as 2027-01-31T00:00:00Z nor a length such as 30d.`,
  )
}

export const modelsOf = ({ prefer }: RuleOptions): Pick<RuleInput, 'models'> =>
  prefer === undefined ? {} : { models: Object.fromEntries(prefer.map(toPair)) }

/** "opus=" takes back what was preferred to it. */
export function modelChangesOf({ prefer }: RuleOptions): { readonly models?: Record<string, string | null> } {
  if (prefer === undefined) return {}
  const toChange = (text: string): readonly [string, string | null] =>
    text.indexOf('=') === text.length - 1 && text.length > 1 ? [text.slice(0, -1), null] : toPair(text)
  return { models: Object.fromEntries(prefer.map(toChange)) }
}

/** By the names that the API has: the option that sets each. */
const CLEARABLE = {
  pool: 'pool',
  groups: 'group',
  allowedModels: 'model',
  endpoints: 'endpoint',
  strategy: 'strategy',
  requestsPerMinute: 'requestsPerMinute',
  tokensPerMinute: 'tokensPerMinute',
  maxConcurrent: 'maxConcurrent',
  budgets: 'budget',
  expiresAt: 'expires',
  class: 'class',
  hold: 'hold',
  runaway: 'runaway',
  payloads: 'payloads',
  models: 'prefer',
} as const satisfies Readonly<Record<keyof RuleChanges, keyof RuleOptions>>

export const CLEARABLE_NAMES: readonly string[] = Object.keys(CLEARABLE)

const isClearable = (name: string): name is keyof typeof CLEARABLE => Object.hasOwn(CLEARABLE, name)

export function clearedBy(options: RuleOptions & { readonly clear?: readonly string[] }): RuleChanges {
  const cleared = (options.clear ?? []).map((name) => {
    if (!isClearable(name))
      throw new CommandError(
        EXIT.usage,
        `There is no rule "${name}"; there are ${CLEARABLE_NAMES.join(', ')}.`,
      )
    if (options[CLEARABLE[name]] !== undefined)
      throw new CommandError(EXIT.usage, `The rule "${name}" cannot be set and taken back at once.`)
    return [name, null] as const
  })
  return Object.fromEntries(cleared)
}
