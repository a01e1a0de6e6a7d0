/** `spillway alerts rules …`, `mute` and `preview`: what is looked at, and what it would have said. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, repeated, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

type Rule = Answer<'showAlertRule'>
type NewRule = ClientInput<'addAlertRule'>['body']

export function addRuleCommands(alerts: Command, shell: Shell): void {
  const rules = alerts.command('rules').description('What is looked at.')
  withJson(rules.command('list', { isDefault: true }).description('All rules.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { rules: all } = await client.listAlertRules()
        present(shell, options, all, (list) => showRules(shell, list))
      }),
  )
  addAdding(rules, shell)
  addSetting(rules, shell)
  withJson(rules.command('remove').description('Look at it no more.').argument('<name>')).action(
    (name: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const rule = await client.removeAlertRule({ params: { id: name } })
        present(shell, options, rule, () => shell.output.line(`The rule "${rule.name}" is gone.`))
      }),
  )
}

function showRules({ output }: Shell, rules: readonly Rule[]): void {
  const rows = rules.map((rule) => [
    rule.name,
    whenOf(rule),
    Object.entries(rule.scope)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
    rule.severity,
    rule.cooldown,
    rule.channels?.join(', ') ?? 'every',
    stateOf(rule),
  ])
  table(output, ['NAME', 'WHEN', 'OF', 'SEVERITY', 'COOLDOWN', 'CHANNELS', 'STATE'], rows, {
    whole: ['NAME'],
    dispensable: ['COOLDOWN', 'OF'],
  })
}

function whenOf({ when: { kind, ...parameters } }: Rule): string {
  const words = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${Array.isArray(value) ? value.join('/') : value}`,
  )
  return [kind, ...words].join(', ')
}

function stateOf({ enabled, mutedUntil, open }: Rule): string {
  if (!enabled) return 'off'
  if (mutedUntil !== null) return `muted, ends ${fromNow(mutedUntil, Date.now())}`
  return open === 0 ? 'on' : `${open} open`
}

interface RuleOptions extends JsonOption {
  readonly share?: number
  readonly below?: number
  readonly fallsBy?: number
  readonly usdPerHour?: number
  readonly length?: string
  readonly over?: string
  readonly for?: string
  readonly state?: readonly string[]
  readonly window?: string
  readonly atLeast?: number
  readonly account?: string
  readonly group?: string
  readonly key?: string
  readonly model?: string
  readonly severity?: NewRule['severity']
  readonly cooldown?: string
  readonly channel?: readonly string[]
  readonly everyChannel?: boolean
  readonly name?: string
  readonly on?: boolean
  readonly off?: boolean
}

/** "90%" or 0.9. */
const share = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((text: string) => {
    const [, digits, sign] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim()) ?? []
    if (digits === undefined) throw new InvalidArgumentError('It is not a share such as 90% or 0.9.')
    return sign === '%' ? Number(digits) / 100 : Number(digits)
  })

const withParameters = (command: Command): Command =>
  command
    .addOption(share('--share <share>', 'above that: 90%, 0.9'))
    .addOption(share('--below <share>', 'cache-hit: fewer input tokens than that come from a cache'))
    .addOption(share('--falls-by <share>', 'cache-hit: so much fewer than the day before'))
    .addOption(numeric('--usd-per-hour <usd>', 'spend-above: more than that'))
    .option('--length <length>', 'runway-below: 30m, 2h')
    .option('--over <length>', 'error-rate, cache-hit: looked at over so long: 15m')
    .option('--for <length>', 'account-state: it has been so for that long')
    .addOption(repeated('--state <state>', 'account-state: cooling, needs-login or error (may be repeated)'))
    .option('--window <name>', 'window-above, window-reset: 5h, 7d, …')
    .addOption(numeric('--at-least <count>', 'of fewer requests or tokens nothing is said'))
    .option('--account <name>', 'of this account only')
    .option('--group <group>', 'of accounts in this group only')
    .option('--key <name>', 'of requests with this key only')
    .option('--model <model>', 'of this model or family only')
    .addOption(new Option('--severity <severity>', 'how loud').choices(['info', 'warning', 'critical']))
    .option('--cooldown <length>', 'so long it does not fire again for the same thing')
    .addOption(repeated('--channel <name>', 'told to this channel; otherwise to every one (may be repeated)'))

const KINDS = [
  'account-state',
  'window-above',
  'runway-below',
  'budget-above',
  'error-rate',
  'spend-above',
  'cache-hit',
  'window-reset',
]

function addAdding(rules: Command, shell: Shell): void {
  const add = rules
    .command('add')
    .description('Look at something more.')
    .argument('<name>')
    .addOption(new Option('--when <kind>', 'what it looks at').choices(KINDS).makeOptionMandatory())
  examples(
    withJson(withParameters(add)),
    'spillway alerts rules add "weekly window" --when window-above --window 7d --share 80%',
    'spillway alerts rules add spending --when spend-above --usd-per-hour 20 --channel ops',
    'spillway alerts rules add benched --when account-state --state cooling --for 2h --severity info',
  ).action((name: string, options: RuleOptions & { readonly when: string }) =>
    useClient(shell, async (client) => {
      // The server says what is missing or too much, by its name.
      const when = { kind: options.when, ...parametersOf(options) } as NewRule['when']
      const rule = await client.addAlertRule({
        body: { name, when, scope: scopeOf(options), ...restOf(options) },
      })
      present(shell, options, rule, () =>
        shell.output.line(`The rule "${rule.name}" is on: ${whenOf(rule)}.`),
      )
    }),
  )
}

function parametersOf(options: RuleOptions): Readonly<Record<string, unknown>> {
  const { share, below, fallsBy, usdPerHour, length, over, for: forLength, state, window, atLeast } = options
  const lengths = { length, over, for: forLength }
  const all = { share, below, fallsBy, usdPerHour, ...lengths, states: state, window, atLeast }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function scopeOf({ account, group, key, model }: RuleOptions): NonNullable<NewRule['scope']> {
  const all = { account, group, key, model }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

const restOf = ({ severity, cooldown, channel, everyChannel }: RuleOptions) => ({
  ...(severity === undefined ? {} : { severity }),
  ...(cooldown === undefined ? {} : { cooldown }),
  ...(channel === undefined ? {} : { channels: [...channel] }),
  ...(everyChannel === true ? { channels: null } : {}),
})

function addSetting(rules: Command, shell: Shell): void {
  const set = rules
    .command('set')
    .description('Change a rule, or turn it off and on.')
    .argument('<name>')
    .option('--name <new-name>', 'its new name')
    .option('--on', 'turn it on')
    .option('--off', 'turn it off')
    .option('--every-channel', 'told to every channel')
  examples(
    withJson(withParameters(set)),
    'spillway alerts rules set "many requests fail" --off',
    'spillway alerts rules set "pool nearly empty" --length 2h --severity critical',
  ).action((id: string, options: RuleOptions) =>
    useClient(shell, async (client) => {
      if (options.on === true && options.off === true)
        throw new CommandError(EXIT.usage, 'A rule is either on or off.')
      const before = await client.showAlertRule({ params: { id } })
      const rule = await client.changeAlertRule({ params: { id }, body: changeOf(before, options) })
      present(shell, options, rule, () => shell.output.line(`The rule "${rule.name}" is ${stateOf(rule)}.`))
    }),
  )
}

/** Parameters and scope that are not named stay. */
function changeOf(before: Rule, options: RuleOptions): ClientInput<'changeAlertRule'>['body'] {
  const parameters = parametersOf(options)
  const scope = scopeOf(options)
  return {
    ...restOf(options),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.on === true ? { enabled: true } : {}),
    ...(options.off === true ? { enabled: false } : {}),
    ...(Object.keys(parameters).length === 0
      ? {}
      : { when: { ...before.when, ...parameters } as NewRule['when'] }),
    ...(Object.keys(scope).length === 0 ? {} : { scope: { ...before.scope, ...scope } }),
  }
}

export function addRuleShortcuts(alerts: Command, shell: Shell): void {
  const mute = alerts
    .command('mute')
    .description('Tell nobody of a rule for a while.')
    .argument('<rule>')
    .option('--for <length>', 'so long', '1h')
    .option('--off', 'tell again')
  examples(
    withJson(mute),
    'spillway alerts mute "pool nearly empty" --for 8h',
    'spillway alerts mute "pool nearly empty" --off',
  ).action((id: string, options: { readonly for: string; readonly off?: boolean } & JsonOption) =>
    useClient(shell, async (client) => {
      const body = { for: options.off === true ? null : options.for }
      const rule = await client.muteAlertRule({ params: { id }, body })
      present(shell, options, rule, () => shell.output.line(`The rule "${rule.name}" is ${stateOf(rule)}.`))
    }),
  )
  const preview = alerts
    .command('preview')
    .description('When a rule would have fired over the past days.')
    .argument('<rule>')
    .addOption(numeric('--days <count>', '1 to 14 (default: 7)'))
  withJson(preview).action((id: string, options: { readonly days?: number } & JsonOption) =>
    useClient(shell, async (client) => {
      const query = options.days === undefined ? {} : { days: options.days }
      const found = await client.previewAlertRule({ params: { id }, query })
      present(shell, options, found, () => showPreview(shell, found))
    }),
  )
}

function showPreview({ output }: Shell, { from, to, count, alerts }: Answer<'previewAlertRule'>): void {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000)
  const times = count === 1 ? 'once' : `${count} times`
  output.line(
    count === 0
      ? `It would not have fired in the last ${days} days.`
      : `It would have fired ${times} in the last ${days} days.`,
  )
  if (count === 0) return
  const now = Date.now()
  const rows = alerts.map(({ firedAt, resolvedAt, message }) => [
    fromNow(firedAt, now),
    resolvedAt === null ? 'still' : fromNow(resolvedAt, now),
    message,
  ])
  table(output, ['FIRED', 'OVER', 'WHAT'], rows)
}
