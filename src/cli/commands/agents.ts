/** `spillway agents …`: which agents there are, and which models they get. */
import { type Command, Option } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, present, repeated, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { toPair } from './account-options.ts'

type Agent = Answer<'changeAgent'>

interface SetOptions extends JsonOption {
  readonly model?: string
  readonly prefer?: readonly string[]
  readonly class?: 'interactive' | 'background'
  readonly clear?: boolean
}

export function addAgentCommands(program: Command, shell: Shell): void {
  const agents = program.command('agents').description('Kinds of agents, and the models that they get.')
  withJson(agents.command('list').description('Agents of workspaces, of traffic, and of rules.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const answer = await client.listAgents()
        present(shell, options, answer, (all) => showList(shell, all))
      }),
  )
  const set = agents
    .command('set')
    .description('Which model an agent gets, whatever it asks for, and its class of work.')
    .argument('<name...>', 'one agent, or several that are to get the same')
    .option('--model <name>', 'in the place of whatever it asks for')
    .addOption(repeated('--prefer <from=to>', 'in the place of one model or of a family (may be repeated)'))
    .addOption(new Option('--class <class>', 'its class of work').choices(['interactive', 'background']))
    .option('--clear', 'take back what was said before')
  examples(
    withJson(set),
    'spillway agents set explore --model claude-haiku-5-5',
    'spillway agents set explore plan --prefer opus=claude-sonnet-5-5 --class background',
    'spillway agents set explore --clear',
  ).action((names: readonly string[], options: SetOptions) =>
    useClient(shell, async (client) => {
      const change = toChange(options)
      const { agents: changed } = await client.changeAgents({
        body: { agents: names.map((name) => ({ name, ...change })) },
      })
      present(shell, options, changed, (all) => {
        for (const { name, preference } of all)
          shell.output.line(`${name}: ${preferenceOf(preference) || 'nothing said'}`)
      })
    }),
  )
}

function toChange({ model, prefer, class: ofClass, clear }: SetOptions): ClientInput<'changeAgent'>['body'] {
  if (model === undefined && prefer === undefined && ofClass === undefined && clear !== true)
    throw new CommandError(EXIT.usage, 'Say what is to change: --model, --prefer, --class or --clear.')
  if (clear === true && (model ?? prefer ?? ofClass) !== undefined)
    throw new CommandError(EXIT.usage, '--clear takes everything back; give it alone.')
  if (clear === true) return { models: null, class: null }
  return {
    ...(model === undefined ? {} : { model }),
    ...(prefer === undefined ? {} : { models: Object.fromEntries(prefer.map(toPair)) }),
    ...(ofClass === undefined ? {} : { class: ofClass }),
  }
}

function showList({ output }: Shell, { agents, problems }: Answer<'listAgents'>): void {
  const now = Date.now()
  table(
    output,
    ['AGENT', 'KNOWN FROM', 'SEEN', 'REQUESTS', 'SERVED BY', 'PREFERENCE', 'DESCRIPTION'],
    agents.map((agent) => [
      agent.name,
      agent.sources.join(', '),
      fromNow(agent.lastSeenAt, now),
      agent.requests,
      [...new Set(agent.models.map(({ servedModel }) => servedModel ?? ''))].join(', '),
      preferenceOf(agent.preference),
      agent.description ?? '',
    ]),
    { whole: ['AGENT'], dispensable: ['DESCRIPTION', 'KNOWN FROM', 'REQUESTS'] },
  )
  for (const { message } of problems) output.note(message)
}

const preferenceOf = ({ model, models, class: ofClass }: Agent['preference']): string =>
  [
    ...(model === undefined ? [] : [model]),
    ...Object.entries(models).map(([from, to]) => `${from} → ${to}`),
    ...(ofClass === undefined ? [] : [`${ofClass} work`]),
  ].join(', ')
