/** `spillway routes …` and `queue`: the rules in force, what would happen, who waits. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { showDecision } from '../decision.ts'
import { fromNow, table, usd } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'

interface ExplainOptions extends JsonOption {
  readonly model: string
  readonly session?: string
  readonly agent?: string
  readonly key?: string
  readonly pool?: string
  readonly class?: 'interactive' | 'background'
  readonly exclude?: string
  readonly tokens?: number
}

export function addRouteCommands(program: Command, shell: Shell): void {
  const routes = program.command('routes').description('How requests are routed, and how one would be.')
  withJson(routes.command('show').description('Pools, groups, aliases, agents and reserves.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const routing = await client.showRouting()
        present(shell, options, routing, (all) => showRouting(shell, all))
      }),
  )
  examples(
    withJson(
      routes
        .command('explain')
        .description('Where a request would go now, and why. Nothing is sent.')
        .requiredOption('--model <name>', 'as a client would ask for it')
        .option('--session <id>', 'a conversation, to see where it is at home')
        .option('--agent <id>', 'an agent’s id or kind')
        .option('--key <name>', 'as a client with this key')
        .option('--pool <name>', 'as under /pool/<name>/v1')
        .option('--class <class>', 'interactive or background', classOf)
        .option('--exclude <names>', 'accounts that it does not want, with commas between them')
        .option('--tokens <n>', 'what it is expected to use', wholeNumber),
    ),
    'spillway routes explain --model claude-opus-5-5',
    'spillway routes explain --model claude-haiku-5-5 --pool work --class background',
  ).action((options: ExplainOptions) =>
    useClient(shell, async (client) => {
      const explained = await client.explainRoute({ query: toQuery(options) })
      present(shell, options, explained, (one) => showExplained(shell, one))
      if (explained.outcome === 'refuse') shell.exitWith(EXIT.exhausted)
    }),
  )
  withJson(program.command('queue').description('Requests that wait in line for an account.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { waiting } = await client.showQueue()
        present(shell, options, waiting, (list) => showQueue(shell, list))
      }),
  )
}

/** Of all options only those that the API takes. */
const toQuery = ({ model, ...options }: ExplainOptions): ClientInput<'explainRoute'>['query'] & {} => ({
  model,
  ...Object.fromEntries(
    ASKED.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ),
})

const ASKED = ['session', 'agent', 'key', 'pool', 'class', 'exclude', 'tokens'] as const

function classOf(text: string): 'interactive' | 'background' {
  if (text === 'interactive' || text === 'background') return text
  throw new InvalidArgumentError('It must be interactive or background.')
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}

function showExplained({ output }: Shell, explained: Answer<'explainRoute'>): void {
  const { outcome, account, model, until, status, decision } = explained
  const words = decision.reason ?? decision.refusal ?? ''
  if (outcome === 'send') output.line(`It would go to ${account}, asking for ${model}: ${words}.`)
  if (outcome === 'wait') output.line(`It would wait until ${until}: ${words}.`)
  if (outcome === 'refuse')
    output.line(`It would be refused${status === undefined ? '' : ` with ${status}`}. ${words}`)
  output.line(`Strategy ${decision.strategy}.`)
  showDecision(output, decision)
}

function showRouting({ output }: Shell, routing: Answer<'showRouting'>): void {
  const { strategy, pools, groups, aliases, agents, reserves, findings } = routing
  output.line(`Strategy ${strategy}.`)
  for (const { name, tiers, strategy: own } of pools) {
    output.line()
    output.line(`Pool ${name}${own === undefined ? '' : `, strategy ${own}`}:`)
    table(
      output,
      ['TIER', 'GROUP', 'TODAY', 'AT MOST', 'ACCOUNTS'],
      tiers.map(({ group, usdPerDay, spentTodayUsd, accounts }, index) => [
        String(index + 1),
        group,
        usd(spentTodayUsd),
        usdPerDay === undefined ? '' : usd(usdPerDay),
        accounts.join(', ') || 'nobody',
      ]),
    )
  }
  const rows = [
    ...groups.map(({ name, accounts }) => ['group', name, accounts.join(', ')]),
    ...Object.entries(aliases).map(([name, model]) => ['alias', name, model]),
    ...agents.flatMap(({ kind, class: ofClass, models }) => [
      ...(ofClass === undefined ? [] : [['agent', kind, `${ofClass} work`]]),
      ...Object.entries(models).map(([from, to]) => ['agent', kind, `${from} → ${to}`]),
    ]),
    ...reserves.map(({ class: ofClass, window, percent, group }) => [
      'reserve',
      window,
      `${percent} % for ${ofClass} work${group === undefined ? '' : ` in ${group}`}`,
    ]),
  ]
  if (rows.length > 0) {
    output.line()
    table(output, ['RULE', 'NAME', 'MEANS'], rows)
  }
  for (const { path, message } of findings) output.note(`${path}: ${message}`)
}

function showQueue({ output }: Shell, waiting: Answer<'showQueue'>['waiting']): void {
  if (waiting.length === 0) return output.line('Nobody waits.')
  const now = Date.now()
  table(
    output,
    ['PLACE', 'SINCE', 'CLASS', 'WAITS FOR', 'UNTIL', 'MODEL', 'KEY'],
    waiting.map(({ place, since, class: ofClass, cause, until, model, key }) => [
      String(place),
      fromNow(since, now),
      ofClass,
      CAUSES[cause],
      fromNow(until, now),
      model ?? '',
      key ?? '',
    ]),
  )
}

const CAUSES = {
  probing: 'the test of an account',
  'own-account': 'its own account',
  busy: 'a free place',
  throttled: 'the end of a throttle',
  held: 'a limit to end (held)',
} as const
