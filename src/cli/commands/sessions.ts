/** `spillway sessions …`: where conversations are at home, what they have used, and pins. */
import type { Command } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { showCache } from '../cache.ts'
import { examples, type JsonOption, numeric, present, useClient, withJson } from '../command.ts'
import { fields, fromNow, table, usd } from '../format.ts'
import type { Shell } from '../shell.ts'

type Session = Answer<'pinSession'>
type Filter = NonNullable<ClientInput<'listSessions'>['query']>

const FILTERS = ['account', 'key', 'agent', 'since', 'limit', 'cursor'] as const

/** Of all options only those that the API takes. */
const toFilter = (options: Filter): Filter =>
  Object.fromEntries(FILTERS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))

export function addSessionCommands(program: Command, shell: Shell): void {
  const sessions = program
    .command('sessions')
    .description('Clients’ sessions: where they are at home, what they have used, what their caches missed.')
  const list = sessions
    .command('list')
    .description('Sessions, last used first.')
    .option('--account <name>', 'served last by this account')
    .option('--key <name>', 'with this client key only')
    .option('--agent <kind>', 'with this kind of agent, or this agent')
    .option('--since <time>', 'used since then: ISO 8601, or a length such as 15m, 24h, 7d')
    .addOption(numeric('--limit <number>', 'how many').default(20))
    .option('--cursor <cursor>', 'go on after the page that gave this')
  examples(withJson(list), 'spillway sessions list --since 1h').action((options: Filter & JsonOption) =>
    useClient(shell, async (client) => {
      const page = await client.listSessions({ query: toFilter(options) })
      present(shell, options, page, ({ sessions: all }) => showList(shell, all))
    }),
  )
  withJson(
    sessions.command('show').description('One session with its last requests.').argument('<id>'),
  ).action((id: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const session = await client.showSession({ params: { id } })
      present(shell, options, session, (one) => showOne(shell, one))
    }),
  )
  addActions(sessions, shell)
}

function addActions(sessions: Command, shell: Shell): void {
  examples(
    withJson(
      sessions
        .command('pin')
        .description('Keep a session on an account; it spills only while that cannot take it.')
        .argument('<id>')
        .argument('<account>'),
    ),
    'spillway sessions pin 3f2c8a5e-… work',
  ).action((id: string, account: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const session = await client.pinSession({ params: { id }, body: { account } })
      present(shell, options, session, () => shell.output.line(`${id} is pinned to ${session.pinned}.`))
    }),
  )
  withJson(sessions.command('unpin').description('Take a pin back.').argument('<id>')).action(
    (id: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const session = await client.unpinSession({ params: { id } })
        present(shell, options, session, () => shell.output.line(`${id} is not pinned any more.`))
      }),
  )
  withJson(
    sessions
      .command('move')
      .description('Make another account a session’s home, once. Its cache is written there anew.')
      .argument('<id>')
      .argument('<account>'),
  ).action((id: string, account: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const session = await client.moveSession({ params: { id }, body: { account } })
      present(shell, options, session, () => shell.output.line(`${id} is at home at ${session.account} now.`))
    }),
  )
}

const LIST_FIT = { whole: ['ID'], dispensable: ['LOST', 'MISSED', 'AGENTS', 'COST', 'REQUESTS'] } as const

function showList(shell: Shell, all: readonly Session[]): void {
  if (all.length === 0) return shell.output.line('No session yet.')
  const now = Date.now()
  table(
    shell.output,
    ['USED', 'ID', 'HOME', 'REQUESTS', 'AGENTS', 'MISSED', 'LOST', 'COST'],
    all.map((session) => [
      fromNow(session.usedAt, now),
      session.id,
      homeOf(session),
      session.requests,
      session.agents.filter(({ agent }) => agent !== null).length,
      session.cache.misses,
      usd(session.cache.lostUsd),
      usd(session.costUsd),
    ]),
    LIST_FIT,
  )
}

function homeOf({ account, pinned, spill, lastAccount }: Session): string {
  if (pinned !== undefined) return `${pinned} (pinned)`
  if (account === null) return lastAccount === null ? '' : `(${lastAccount})`
  return spill === undefined ? account : `${account}, spilled to ${spill}`
}

function showOne(shell: Shell, session: Answer<'showSession'>): void {
  const { output } = shell
  const now = Date.now()
  const { cache } = session
  const causes = Object.entries(cache.causes).map(([cause, count]) => `${count} ${cause}`)
  fields(output, [
    ['id', session.id],
    ['begun', session.startedAt],
    ['used', fromNow(session.usedAt, now)],
    ['home', homeOf(session)],
    ['cache until', session.cacheUntil],
    ['key', session.key],
    ['requests', session.requests],
    [
      'tokens',
      `${session.inputTokens + session.cacheReadTokens + session.cacheWriteTokens} in, ${session.outputTokens} out`,
    ],
    [
      'cache',
      `${cache.hits} hits, ${cache.misses} misses${causes.length === 0 ? '' : ` (${causes.join(', ')})`}`,
    ],
    ['lost', `${cache.lostTokens} tokens written anew, ${usd(cache.lostUsd)}`],
    ['cost', usd(session.costUsd)],
  ])
  output.line()
  table(
    output,
    ['AGENT', 'KIND', 'HOME', 'USED', 'REQUESTS', 'TOKENS', 'COST', 'MODELS'],
    session.agents.map((each) => [
      each.agent ?? '(main)',
      each.kind ?? '',
      each.account ?? '',
      fromNow(each.usedAt, now),
      each.requests,
      each.tokens,
      usd(each.costUsd),
      [...new Set(each.models.map(({ servedModel }) => servedModel ?? ''))].join(', '),
    ]),
    { whole: [], dispensable: ['TOKENS', 'HOME', 'COST'] },
  )
  output.line()
  table(
    output,
    ['WHEN', 'REQUEST', 'ACCOUNT', 'STATUS', 'CACHE'],
    session.turns.map((turn) => [
      fromNow(turn.startedAt, now),
      turn.id,
      turn.account ?? '',
      String(turn.status),
      showCache(turn.cache),
    ]),
    { whole: ['REQUEST'], dispensable: [] },
  )
}
