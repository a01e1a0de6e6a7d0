/** `spillway accounts add`, `set` and `rename`: what the operator says about accounts. */
import { type Command, Option } from 'commander'
import type { Client } from '../../api/client.ts'
import type { ClientInput } from '../../api/contract.ts'
import { examples, type JsonOption, present, useClient, withJson } from '../command.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { type AccountOptions, readApiKey, toAccountFields, withAccountOptions } from './account-options.ts'
import { type SignInOptions, signIn, withSignInOptions, withTerms } from './account-sign-in.ts'

export function addEditingCommands(accounts: Command, shell: Shell): void {
  addAdding(accounts, shell)
  addSetting(accounts, shell)
  addRenaming(accounts, shell)
}

type AddOptions = AccountOptions & SignInOptions & JsonOption & { readonly provider: string }

function addAdding(accounts: Command, shell: Shell): void {
  const add = accounts
    .command('add')
    .description('Add an account. API keys are the easy way: get one at your provider and hand it over here.')
    .argument('<name>', 'how you and your clients call it')
    .requiredOption(
      '--provider <id>',
      'console (Anthropic API key), zai, openrouter, claude-oauth, …: "spillway providers" lists them',
    )
  examples(
    withJson(withSignInOptions(withAccountOptions(add))),
    'spillway accounts add work --provider console --api-key-stdin < key.txt',
    'spillway accounts add spare --provider console --api-key-env ANTHROPIC_API_KEY --priority 10',
    'spillway accounts add glm --provider zai --api-key-env ZAI_API_KEY --model-map claude-sonnet-5-5=glm-5.3',
    'spillway accounts add local --provider ollama --model-map claude-haiku-5-5=qwen3',
    'spillway accounts add max --provider claude-oauth',
  ).action((name: string, options: AddOptions) =>
    useClient(shell, (client) => addOne(shell, client, name, options), { mayCreate: true }),
  )
}

async function addOne(shell: Shell, client: Client, name: string, options: AddOptions): Promise<void> {
  const { provider } = options
  const fields = toAccountFields(options, shell.environment)
  const hasKey = options.apiKeyStdin === true || options.apiKeyEnv !== undefined
  const { providers } = await client.listProviders()
  const { credential } = providers.find(({ id }) => id === provider) ?? {}
  if (credential === 'sign-in' && !hasKey) {
    await assertNew(client, name)
    const account = await signIn(shell, client, { name, provider, fields, options })
    return present(shell, options, account, () => sayAdded(shell, name, account.notes))
  }
  const apiKey = await readApiKey(shell, options, credential === 'key')
  const account = await withTerms(shell, options, (acceptTerms) =>
    client.addAccount({
      body: { name, provider, ...fields, ...(apiKey === undefined ? {} : { apiKey }), ...acceptTerms },
    }),
  )
  present(shell, options, account, () => sayAdded(shell, name, account.notes))
}

/** Said before somebody goes and signs in. */
async function assertNew(client: Client, name: string): Promise<void> {
  const { accounts } = await client.listAccounts()
  if (accounts.some((account) => account.name === name))
    throw new CommandError(
      EXIT.failure,
      `There is an account called "${name}" already. Sign in to it again with "spillway accounts login ${name}", or choose another name.`,
    )
}

function sayAdded(shell: Shell, name: string, notes: readonly string[] = []): void {
  shell.output.line(`Added the account ${name}.`)
  for (const note of notes) shell.output.note(note)
}

type SetOptions = AccountOptions & JsonOption & { readonly [Name in keyof typeof CLEARED]?: boolean }

/** Options that take something back, and what the API is told then. */
const CLEARED = {
  clearProxy: { proxy: null },
  clearHeaders: { headers: null },
  clearBaseUrl: { baseUrl: null },
  clearGroups: { groups: [] as string[] },
  clearModelMap: { modelMap: {} },
  allModels: { models: null },
  unlimitedConcurrency: { maxConcurrent: null },
} as const

function addSetting(accounts: Command, shell: Shell): void {
  const set = accounts.command('set').description('Change an account.').argument('<name>')
  examples(
    withJson(withClearingOptions(withAccountOptions(set))),
    'spillway accounts set work --priority 5',
    'spillway accounts set work --api-key-stdin < key.txt',
    'spillway accounts set glm --model-map opus=glm-5.3,glm-5.2 --max-concurrent 4',
  ).action(async (name: string, options: SetOptions) => {
    const apiKey = await readApiKey(shell, options, false)
    const body = {
      ...toAccountFields(options, shell.environment),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...clearedBy(options),
    }
    await useClient(shell, async (client) => {
      const changed = await client.changeAccount({ params: { id: name }, body })
      present(shell, options, changed, () => {
        shell.output.line(`Changed the account ${name}.`)
        for (const note of changed.notes ?? []) shell.output.note(note)
      })
    })
  })
}

/** What is set and taken back at once is a mistake, not a question of which comes last. */
function withClearingOptions(command: Command): Command {
  const clearing = (flags: string, description: string, setting: string): Option =>
    new Option(flags, description).conflicts(setting)
  return command
    .addOption(clearing('--clear-proxy', 'let its requests leave as all others do', 'proxy'))
    .addOption(clearing('--clear-headers', 'add no header to its requests any more', 'header'))
    .addOption(clearing('--clear-base-url', 'use the provider’s own address again', 'baseUrl'))
    .addOption(clearing('--clear-groups', 'take it out of all groups', 'group'))
    .addOption(clearing('--clear-model-map', 'map no models any more', 'modelMap'))
    .addOption(clearing('--all-models', 'let it serve whatever its provider and plan have', 'model'))
    .addOption(
      clearing('--unlimited-concurrency', 'give it as many requests at once as there are', 'maxConcurrent'),
    )
}

const clearedBy = (options: SetOptions) =>
  Object.assign(
    {},
    ...CLEARING.filter((name) => options[name] === true).map((name) => CLEARED[name]),
  ) as Partial<ClientInput<'changeAccount'>['body']>

const CLEARING = Object.keys(CLEARED) as readonly (keyof typeof CLEARED)[]

function addRenaming(accounts: Command, shell: Shell): void {
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
