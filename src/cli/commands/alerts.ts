/** `spillway alerts …`: what is wrong, what was told, and to whom. Rules and channels are in files of their own. */
import type { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, useClient, withJson } from '../command.ts'
import { fromNow, table } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'
import { addChannelCommands, addTestCommand } from './alert-channels.ts'
import { addRuleCommands, addRuleShortcuts } from './alert-rules.ts'

type Alert = Answer<'listAlerts'>['alerts'][number]

interface PageOptions extends JsonOption {
  readonly limit?: number
  readonly cursor?: string
}

export function addAlertCommands(program: Command, shell: Shell): void {
  const alerts = program.command('alerts').description('What is wrong, what was told, and to whom.')
  withJson(alerts.command('list').description('What is still so.')).action((options: JsonOption) =>
    useClient(shell, async (client) => {
      const { alerts: open } = await client.listAlerts({ query: { state: 'open', limit: 1_000 } })
      present(shell, options, open, (list) => showAlerts(shell, list, 'Nothing is wrong.'))
    }),
  )
  addHistory(alerts, shell)
  addAcknowledging(alerts, shell)
  addRuleCommands(alerts, shell)
  addRuleShortcuts(alerts, shell)
  addChannelCommands(alerts, shell)
  addTestCommand(alerts, shell)
  addDeliveries(alerts, shell)
}

function addHistory(alerts: Command, shell: Shell): void {
  const history = alerts
    .command('history')
    .description('What was told, newest first.')
    .addOption(numeric('--limit <count>', 'at most so many (default: 50)'))
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--rule <name>', 'of this rule only')
  examples(withJson(history), 'spillway alerts history --limit 20').action(
    ({ rule, ...options }: PageOptions & { readonly rule?: string }) =>
      useClient(shell, async (client) => {
        const query = { ...pageOf(options), ...(rule === undefined ? {} : { rule }) }
        const page = await client.listAlerts({ query })
        present(shell, options, page, (shown) => {
          showAlerts(shell, shown.alerts, 'Nothing was told yet.')
          noteMore(shell, shown)
        })
      }),
  )
}

const pageOf = ({ limit, cursor }: PageOptions) => ({
  ...(limit === undefined ? {} : { limit }),
  ...(cursor === undefined ? {} : { cursor }),
})

function noteMore({ output }: Shell, { nextCursor }: { readonly nextCursor?: string | undefined }): void {
  if (nextCursor !== undefined) output.note(`There are more: --cursor ${nextCursor}`)
}

function showAlerts({ output }: Shell, alerts: readonly Alert[], none: string): void {
  if (alerts.length === 0) return output.line(none)
  const now = Date.now()
  const columns = ['ID', 'SINCE', 'SEVERITY', 'RULE', 'STATE', 'WHAT']
  const rows = alerts.map((alert) => [
    alert.id,
    fromNow(alert.firedAt, now),
    alert.severity,
    alert.rule,
    stateOf(alert),
    alert.message,
  ])
  table(output, columns, rows, { whole: ['ID'] })
}

function stateOf({ resolvedAt, acknowledgedAt, muted }: Alert): string {
  if (resolvedAt !== null) return 'over'
  if (acknowledgedAt !== null) return 'seen'
  return muted ? 'muted' : 'open'
}

function addAcknowledging(alerts: Command, shell: Shell): void {
  withJson(
    alerts.command('acknowledge').description('Say that somebody has seen it.').argument('<alert-id>'),
  ).action((id: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const alert = await client.acknowledgeAlert({ params: { id } })
      present(shell, options, alert, () => shell.output.line(`Noted: ${alert.message}`))
    }),
  )
}

function addDeliveries(alerts: Command, shell: Shell): void {
  const deliveries = alerts
    .command('deliveries')
    .description('What was sent where, and what came of it.')
    .addOption(numeric('--limit <count>', 'at most so many (default: 50)'))
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--channel <name>', 'to this channel only')
  withJson(deliveries).action(({ channel, ...options }: PageOptions & { readonly channel?: string }) =>
    useClient(shell, async (client) => {
      const query = { ...pageOf(options), ...(channel === undefined ? {} : { channel }) }
      const page = await client.listAlertDeliveries({ query })
      present(shell, options, page, (shown) => showDeliveries(shell, shown))
    }),
  )
  withJson(
    alerts.command('redeliver').description('Send a delivery again, now.').argument('<delivery-id>'),
  ).action((id: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const delivery = await client.redeliverAlert({ params: { id } })
      const words = delivery.problem ?? `It has gone to "${delivery.channel}".`
      present(shell, options, delivery, () => shell.output.line(words))
      if (delivery.state !== 'delivered') shell.exitWith(EXIT.failure)
    }),
  )
}

function showDeliveries(shell: Shell, page: Answer<'listAlertDeliveries'>): void {
  const { output } = shell
  if (page.deliveries.length === 0) return output.line('Nothing was sent yet.')
  const now = Date.now()
  const rows = page.deliveries.map((each) => [
    each.id,
    each.channel,
    each.type,
    each.state,
    each.attempts,
    fromNow(each.nextAt ?? each.lastAt, now),
    each.problem ?? '',
  ])
  table(output, ['ID', 'CHANNEL', 'WHAT', 'STATE', 'TRIES', 'AT', 'PROBLEM'], rows, { whole: ['ID'] })
  noteMore(shell, page)
}
