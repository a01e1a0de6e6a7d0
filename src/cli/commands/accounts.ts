/** `spillway accounts …`: what the operator says about accounts, and how each fares. */
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import type { Account } from '../../api/contract.ts'
import { type JsonOption, present, useClient, withJson } from '../command.ts'
import { fromNow, table, usd } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'
import { addEditingCommands } from './account-edit.ts'
import { showAccount, tightest } from './account-show.ts'
import { addSignInCommands } from './account-sign-in.ts'
import { addTransferCommands } from './accounts-transfer.ts'

export function addAccountCommands(program: Command, shell: Shell): void {
  const accounts = program
    .command('accounts')
    .description('Add accounts, see how they fare, change and remove them.')
  addListing(accounts, shell)
  addEditingCommands(accounts, shell)
  addSignInCommands(accounts, shell)
  addActions(accounts, shell)
  addRemoveAndTest(accounts, shell)
  addTransferCommands(accounts, shell)
}

function addListing(accounts: Command, shell: Shell): void {
  withJson(accounts.command('list').description('All accounts with their state.')).action(
    (options: JsonOption) =>
      useClient(shell, async (client) => {
        const { accounts: all } = await client.listAccounts()
        present(shell, options, all, (list) => showList(shell, list))
      }),
  )
  withJson(accounts.command('show').description('One account, whole.').argument('<name>')).action(
    (name: string, options: JsonOption) =>
      useClient(shell, async (client) => {
        const account = await client.showAccount({ params: { id: name } })
        const { events } = await client.listAccountEvents({ params: { id: name }, query: { limit: 10 } })
        present(shell, options, { ...account, events }, () => showAccount(shell, account, events))
      }),
  )
}

function showList(shell: Shell, list: readonly Account[]): void {
  if (list.length === 0) {
    shell.output.line(
      'No account yet. Add one with "spillway accounts add <name> --provider console --api-key-stdin".',
    )
    return
  }
  const columns = ['NAME', 'PROVIDER', 'PRIORITY', 'STATE', 'UNTIL', 'TIGHTEST', 'REASON', 'REQUESTS', 'COST']
  const now = Date.now()
  table(
    shell.output,
    columns,
    list.map(({ name, provider, priority, state, totals, windows }) => [
      ...[
        name,
        provider,
        priority,
        state.kind,
        fromNow(state.until, now),
        tightest(windows),
        state.reason ?? '',
      ],
      ...[totals.requests, usd(totals.costUsd)],
    ]),
    {
      whole: ['NAME', 'STATE', 'UNTIL', 'TIGHTEST'],
      dispensable: ['PRIORITY', 'REQUESTS', 'COST', 'PROVIDER'],
    },
  )
  for (const { name, state } of list)
    if (state.kind === 'needs-login' || state.kind === 'error')
      shell.output.note(`${name}: ${state.remedy ?? ''}`)
}

function addActions(accounts: Command, shell: Shell): void {
  const action = (
    name: string,
    description: string,
    call: (client: Client, account: string) => Promise<Account>,
    done: string,
  ): void => {
    withJson(accounts.command(name).description(description).argument('<name>')).action(
      (account: string, options: JsonOption) =>
        useClient(shell, async (client) => {
          present(shell, options, await call(client, account), () => shell.output.line(`${account} ${done}.`))
        }),
    )
  }
  action(
    'pause',
    'Send nothing more to an account.',
    (client, id) => client.pauseAccount({ params: { id } }),
    'is paused',
  )
  action(
    'resume',
    'Use a paused account again.',
    (client, id) => client.resumeAccount({ params: { id } }),
    'is in use again',
  )
  action(
    'clear-cooldown',
    'Make a cooling or failed account ready again.',
    (client, id) => client.clearCooldown({ params: { id } }),
    'is ready again',
  )
  action(
    'refresh',
    'Renew an account’s token now, and ask its provider for its usage.',
    (client, id) => client.refreshAccount({ params: { id } }),
    'is up to date',
  )
}

function addRemoveAndTest(accounts: Command, shell: Shell): void {
  accounts
    .command('remove')
    .description('Remove an account and its credential; its requests stay in the ledger.')
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: { readonly yes?: boolean }) => {
      if (options.yes !== true && !(await shell.confirm(`Remove the account ${name} and its credential?`)))
        return
      await useClient(shell, (client) => client.removeAccount({ params: { id: name } }))
      shell.output.line(`Removed the account ${name}.`)
    })
  withJson(
    accounts
      .command('test')
      .description(
        'Ask the provider whether it takes the account’s credential. Costs nothing, counts nowhere.',
      )
      .argument('<name>'),
  ).action((name: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const result = await client.testAccount({ params: { id: name } })
      present(shell, options, result, ({ message, ms }) =>
        shell.output.line(`${name}: ${message} (${ms} ms)`),
      )
      if (!result.ok) shell.exitWith(EXIT.failure)
    }),
  )
}
