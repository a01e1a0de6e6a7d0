/** `spillway accounts …`: what the operator says about accounts, and how each fares. */
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import type { Account, ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, numeric, present, repeated, useClient, withJson } from '../command.ts'
import { fields, fromNow, table, usd } from '../format.ts'
import { EXIT, type Shell } from '../shell.ts'
import { type AccountOptions, readApiKey, toAccountFields } from './account-options.ts'
import { exportAccounts, importAccounts } from './accounts-transfer.ts'

export function addAccountCommands(program: Command, shell: Shell): void {
  const accounts = program
    .command('accounts')
    .description('Add accounts, see how they fare, change and remove them.')
  addListing(accounts, shell)
  addEditing(accounts, shell)
  addActions(accounts, shell)
  addRemoveAndTest(accounts, shell)
  addTransfer(accounts, shell)
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
        present(shell, options, await client.showAccount({ params: { id: name } }), (account) =>
          showOne(shell, account),
        )
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
  const columns = ['NAME', 'PROVIDER', 'PRIORITY', 'STATE', 'UNTIL', 'REASON', 'REQUESTS', 'COST']
  const now = Date.now()
  table(
    shell.output,
    columns,
    list.map(({ name, provider, priority, state, totals }) => [
      ...[name, provider, priority, state.kind, fromNow(state.until, now), state.reason ?? ''],
      ...[totals.requests, usd(totals.costUsd)],
    ]),
  )
}

function showOne(shell: Shell, account: Account): void {
  const { state, totals, windows, cooldowns, modelMap } = account
  const now = Date.now()
  fields(shell.output, [
    ['name', account.name],
    ['id', account.id],
    ['provider', account.provider],
    ['base URL', account.baseUrl],
    ['priority', account.priority],
    ['weight', account.weight],
    ['tier', account.tier],
    ['groups', account.groups.join(', ') || undefined],
    [
      'model map',
      Object.entries(modelMap)
        .map(([from, to]) => `${from} → ${to}`)
        .join(', ') || undefined,
    ],
    ['state', [state.kind, state.reason, fromNow(state.until, now)].filter(Boolean).join(', ')],
    ['in flight', account.inFlight],
    ['requests', totals.requests],
    [
      'tokens',
      `${totals.inputTokens.toLocaleString('en-US')} in, ${totals.outputTokens.toLocaleString('en-US')} out`,
    ],
    ['cost', usd(totals.costUsd)],
    ...windows.map(({ name, utilization, resetsAt }) => {
      const used = utilization === null ? '' : `${Math.round(utilization * 100)} %`
      return [
        `window ${name}`,
        [used, resetsAt === null ? '' : `resets ${fromNow(resetsAt, now)}`].filter(Boolean).join(', '),
      ] as const
    }),
    ...cooldowns.map(
      ({ scope, evidence, until }) =>
        [`cooling (${scope})`, `${evidence}, ends ${fromNow(until, now)}`] as const,
    ),
  ])
}

function addEditing(accounts: Command, shell: Shell): void {
  const add = accounts
    .command('add')
    .description('Add an account. API keys are the easy way: get one at your provider and hand it over here.')
    .argument('<name>', 'how you and your clients call it')
    .requiredOption('--provider <id>', 'console (Anthropic API key) or anthropic-compatible')
  examples(
    withJson(withAccountOptions(add)),
    'spillway accounts add work --provider console --api-key-stdin < key.txt',
    'spillway accounts add local --provider anthropic-compatible --base-url http://localhost:11434',
    'printf "Bearer %s" "$KEY" | spillway accounts add kimi --provider anthropic-compatible --base-url https://api.moonshot.ai/anthropic --api-key-stdin',
    'spillway accounts add spare --provider console --api-key-env ANTHROPIC_API_KEY --priority 10',
  ).action(async (name: string, options: AccountOptions & { readonly provider: string } & JsonOption) => {
    const apiKey = await readApiKey(shell, options, options.provider === 'console')
    const body: ClientInput<'addAccount'>['body'] = {
      name,
      provider: options.provider,
      ...toAccountFields(options),
      ...(apiKey === undefined ? {} : { apiKey }),
    }
    const addIt = async (client: Client) => {
      present(shell, options, await client.addAccount({ body }), () =>
        shell.output.line(`Added the account ${name}.`),
      )
    }
    await useClient(shell, addIt, { mayCreate: true })
  })

  const set = accounts.command('set').description('Change an account.').argument('<name>')
  examples(
    withJson(withAccountOptions(set)),
    'spillway accounts set work --priority 5',
    'spillway accounts set work --api-key-stdin < key.txt',
  ).action(async (name: string, options: AccountOptions & JsonOption) => {
    const apiKey = await readApiKey(shell, options, false)
    const body = { ...toAccountFields(options), ...(apiKey === undefined ? {} : { apiKey }) }
    await useClient(shell, async (client) => {
      const changed = await client.changeAccount({ params: { id: name }, body })
      present(shell, options, changed, () => shell.output.line(`Changed the account ${name}.`))
    })
  })
  withJson(
    accounts
      .command('rename')
      .description('Give an account another name.')
      .argument('<name>')
      .argument('<new-name>'),
  ).action((name: string, newName: string, options: JsonOption) =>
    useClient(shell, async (client) => {
      const changed = await client.changeAccount({ params: { id: name }, body: { name: newName } })
      present(shell, options, changed, () => shell.output.line(`${name} is now called ${newName}.`))
    }),
  )
}

const withAccountOptions = (command: Command): Command =>
  command
    .option('--api-key-stdin', 'read the API key from standard input')
    .option('--api-key-env <variable>', 'read the API key from an environment variable')
    .option('--base-url <url>', 'where requests go instead of to the provider’s own address')
    .addOption(numeric('--priority <number>', 'lower numbers go first'))
    .addOption(numeric('--weight <number>', 'share among equals'))
    .addOption(numeric('--tier <number>', 'size of the plan'))
    .addOption(repeated('--group <name>', 'a group it belongs to (may be repeated)'))
    .addOption(repeated('--model-map <from=to>', 'serve one model by another (may be repeated)'))

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

function addTransfer(accounts: Command, shell: Shell): void {
  accounts
    .command('export')
    .description('Print all accounts as JSON, without their credentials.')
    .action(() => exportAccounts(shell))
  examples(
    accounts
      .command('import')
      .description(
        'Add the accounts of a JSON file as "accounts export" prints it, each with "apiKey" or "apiKeyEnv" added.',
      )
      .argument('<file>', '"-" for standard input'),
    'spillway accounts import accounts.json',
  ).action((file: string) => importAccounts(shell, file))
}
