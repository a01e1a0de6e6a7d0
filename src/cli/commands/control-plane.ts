/** `spillway dashboard` and `spillway audit`: the way in with a browser, and who has changed what. */
import type { Command } from 'commander'
import type { Answer, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

export function addControlPlaneCommands(program: Command, shell: Shell): void {
  addDashboard(program, shell)
  addAudit(program, shell)
}

function addDashboard(program: Command, shell: Shell): void {
  examples(
    withJson(
      program
        .command('dashboard')
        .description('Sign in with a browser: open a link that works once, within ten minutes.')
        .option('--print', 'print the link and open nothing'),
    ),
    'spillway dashboard',
    'spillway dashboard --print',
  ).action((options: { readonly print?: boolean } & JsonOption) =>
    useClient(shell, async (client, { url: server }) => {
      if (server === undefined)
        throw new CommandError(
          EXIT.unreachable,
          'No gateway is running here. Start one with "spillway serve".',
        )
      const { url, expiresAt } = await client.createSignInLink()
      const link = new URL(url, server).href
      present(shell, options, { url: link, expiresAt }, () => show(shell, link, options.print === true))
    }),
  )
}

function show({ output, openBrowser }: Shell, link: string, isPrinted: boolean): void {
  const isOpen = !isPrinted && openBrowser(link)
  if (isOpen) return output.note('Your browser opens the link. It works once.')
  output.line(link)
  output.note('The link works once, within ten minutes, for whoever has it.')
}

interface AuditOptions extends JsonOption {
  readonly limit?: number
  readonly action?: string
  readonly who?: string
  readonly since?: string
}

function addAudit(program: Command, shell: Shell): void {
  examples(
    withJson(
      program
        .command('audit')
        .description('What was changed, by whom, from what to what; newest first.')
        .addOption(numeric('--limit <count>', 'how many, at most'))
        .option('--action <name>', 'only this: changeAccount, createKey, signInFailed, …')
        .option('--who <name>', 'only by this one')
        .option('--since <when>', 'a time, or a length such as 24h'),
    ),
    'spillway audit --since 7d',
    'spillway audit --action signInFailed --json',
  ).action(({ json: _, ...query }: AuditOptions, command: Command) =>
    useClient(shell, async (client) => {
      const { entries } = await client.listAudit({ query: toQuery(query) })
      present(shell, command.opts(), entries, (list) => showAudit(shell, list))
    }),
  )
}

const toQuery = ({
  limit,
  action,
  who,
  since,
}: AuditOptions): NonNullable<ClientInput<'listAudit'>['query']> => ({
  ...(limit === undefined ? {} : { limit }),
  ...(action === undefined ? {} : { action }),
  ...(who === undefined ? {} : { who }),
  ...(since === undefined ? {} : { since }),
})

function showAudit({ output }: Shell, entries: Answer<'listAudit'>['entries']): void {
  if (entries.length === 0) return output.line('Nothing was changed.')
  const now = Date.now()
  table(
    output,
    ['WHEN', 'WHO', 'FROM', 'WHAT', 'ON', 'CHANGE'],
    entries.map(({ at, who, peer, action, target, from, to }) => [
      fromNow(at, now),
      who,
      peer,
      action,
      target,
      changeText(from, to),
    ]),
    { dispensable: ['FROM'] },
  )
}

function changeText(from: unknown, to: unknown): string {
  if (from === undefined && to === undefined) return ''
  if (from === undefined) return JSON.stringify(to)
  return to === undefined ? `was ${JSON.stringify(from)}` : `${JSON.stringify(from)} → ${JSON.stringify(to)}`
}
