/**
 * `spillway import`: accounts and history of other programs, taken over through the API. The
 * source is only read. What is found is said first; what cannot be taken over is said with
 * its reason, and nothing is added twice.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import type { ClientInput } from '../../api/contract.ts'
import { ApiError } from '../../api/error.ts'
import { examples, useClient } from '../command.ts'
import { table } from '../format.ts'
import { readBetterCcflare, readCcflare } from '../import/ccflare.ts'
import { readClaudeCodeLogin } from '../import/claude-code.ts'
import type { Imported, ImportedAccount, ImportedRequest } from '../import/imported.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { type TermsOptions, withTerms, withTermsOption } from './account-sign-in.ts'

const SOURCES: Readonly<Record<string, (path: string) => Imported>> = {
  'better-ccflare': readBetterCcflare,
  ccflare: readCcflare,
  'claude-code': readClaudeCodeLogin,
}
const NAMES = Object.keys(SOURCES).join(', ')

type Options = TermsOptions & {
  readonly dryRun?: boolean
  readonly history?: boolean
  readonly name?: string
}

export function addImportCommand(program: Command, shell: Shell): void {
  examples(
    withTermsOption(
      program
        .command('import')
        .description('Take accounts over from another program, and its history where it has one.')
        .argument('<source>', NAMES)
        .argument('[path]', 'its database or login file; of claude-code the usual place')
        .option('--dry-run', 'only say what would be taken over')
        .option('--name <name>', 'what to call the account, where there is one')
        .option('--no-history', 'leave out the requests that it has served'),
    ),
    'spillway import better-ccflare ~/.config/better-ccflare/better-ccflare.db --dry-run',
    'spillway import claude-code',
  ).action((source: string, path: string | undefined, options: Options) =>
    run(shell, { source, path, options }),
  )
}

interface Wanted {
  readonly source: string
  readonly path: string | undefined
  readonly options: Options
}

async function run(shell: Shell, { source, path, options }: Wanted): Promise<void> {
  const read = Object.hasOwn(SOURCES, source) ? SOURCES[source] : undefined
  if (read === undefined)
    throw new CommandError(EXIT.usage, `There is no import from "${source}"; there is from ${NAMES}.`)
  const imported = read(path ?? usualPlace(shell, source))
  try {
    const accounts = named(imported.accounts, options.name)
    show(shell, accounts, imported)
    if (options.dryRun === true) return
    const work = { source, accounts, imported, options }
    await useClient(shell, (client) => takeOver(shell, client, work), { mayCreate: true })
  } finally {
    imported.close()
  }
}

function usualPlace({ environment }: Shell, source: string): string {
  if (source !== 'claude-code')
    throw new CommandError(EXIT.usage, `Name the database of ${source}: spillway import ${source} PATH`)
  const directory = environment.CLAUDE_CONFIG_DIR || join(environment.HOME || homedir(), '.claude')
  return join(directory, '.credentials.json')
}

function named(accounts: readonly ImportedAccount[], name: string | undefined): readonly ImportedAccount[] {
  const [first] = accounts
  if (name === undefined || first === undefined) return accounts
  if (accounts.length > 1)
    throw new CommandError(EXIT.usage, '--name is for sources with one account; this one has several.')
  return [{ ...first, name }]
}

function show(
  { output }: Shell,
  accounts: readonly ImportedAccount[],
  { requestCount, notes }: Imported,
): void {
  table(
    output,
    ['NAME', 'PROVIDER', 'PRIORITY', 'CREDENTIAL', 'REMARK'],
    accounts.map((account) => [
      ...[account.name, account.provider, account.priority ?? 0],
      ...[credentialOf(account), remarkOn(account)],
    ]),
  )
  if (requestCount > 0) output.line(`${requestCount.toLocaleString('en-US')} requests in its history.`)
  for (const note of notes) output.note(note)
}

function credentialOf({ apiKey, accessToken, refreshToken }: ImportedAccount): string {
  if (refreshToken !== undefined) return 'a login that is renewed'
  if (accessToken !== undefined) return 'a token'
  return apiKey === undefined ? 'none' : 'an API key'
}

const remarkOn = ({ skipped, isPaused }: ImportedAccount): string =>
  [skipped === undefined ? undefined : `left out: ${skipped}`, isPaused === true ? 'paused' : undefined]
    .filter(Boolean)
    .join('; ')

interface Work {
  readonly source: string
  readonly accounts: readonly ImportedAccount[]
  readonly imported: Imported
  readonly options: Options
}

async function takeOver(shell: Shell, client: Client, work: Work): Promise<void> {
  const problems: string[] = []
  for (const account of work.accounts.filter(({ skipped }) => skipped === undefined)) {
    const problem = await add(shell, client, account, work.options)
    if (problem === undefined) shell.output.line(`Added the account ${account.name}.`)
    else problems.push(`${account.name}: ${problem}`)
  }
  for (const problem of problems) shell.output.note(problem)
  if (work.options.history !== false && work.imported.requestCount > 0)
    await bringHistory(shell, client, work)
  if (problems.length > 0) shell.exitWith(EXIT.failure)
}

/** Why it was not added; undefined when it was. No yes to the terms ends everything. */
async function add(
  shell: Shell,
  client: Client,
  account: ImportedAccount,
  options: Options,
): Promise<string | undefined> {
  try {
    await withTerms(shell, options, (accepted) =>
      client.addAccount({ body: { ...toBody(account), ...accepted } }),
    )
    return undefined
  } catch (error) {
    if (error instanceof ApiError) return error.message
    throw error
  }
}

const toBody = ({
  skipped: _,
  isPaused,
  modelMap,
  accessToken,
  ...same
}: ImportedAccount): ClientInput<'addAccount'>['body'] => ({
  ...same,
  // A token whose end nobody knows is left out: the login is renewed before it is used.
  ...(accessToken === undefined || (same.refreshToken !== undefined && same.tokenExpiresAt === undefined)
    ? {}
    : { accessToken }),
  ...(isPaused === true ? { paused: true } : {}),
  ...(modelMap === undefined ? {} : { modelMap: toModelMap(modelMap) }),
})

const toModelMap = (modelMap: NonNullable<ImportedAccount['modelMap']>) =>
  Object.fromEntries(Object.entries(modelMap).map(([from, to]) => [from, [...to]]))

async function bringHistory(
  shell: Shell,
  client: Client,
  { source, accounts, imported }: Work,
): Promise<void> {
  const { requests, requestCount } = imported
  const providers = new Map(accounts.map(({ name, provider }) => [name, provider]))
  const all = requestCount.toLocaleString('en-US')
  let seen = 0
  let added = 0
  for (const batch of requests) {
    const entries = batch.map((request) => toEntry(request, providers))
    added += (await client.importRequests({ body: { source, requests: entries } })).added
    seen += batch.length
    if (shell.isInteractive) shell.output.note(`${seen.toLocaleString('en-US')} of ${all} requests`)
  }
  const known = seen - added
  const rest = known > 0 ? ` ${known.toLocaleString('en-US')} were there already.` : ''
  shell.output.line(`Added ${added.toLocaleString('en-US')} requests to the ledger.${rest}`)
}

type Entry = ClientInput<'importRequests'>['body']['requests'][number]

/** One odd row must not keep the others out: what is longer than the ledger keeps it is cut. */
const toEntry = (
  { account, model, status, agent, ...request }: ImportedRequest,
  providers: ReadonlyMap<string, string>,
): Entry => ({
  ...request,
  id: toId(request.id),
  path: request.path.slice(0, 500),
  method: request.method.slice(0, 16),
  ...(agent === undefined ? {} : { agent: agent.slice(0, 120) }),
  account: account ?? null,
  provider: (providers.get(account ?? '') ?? 'unknown').slice(0, 64),
  model: model?.slice(0, 200) ?? null,
  status: toStatus(status) ?? (request.isSuccess ? 200 : 0),
  costUsd: request.costUsd ?? null,
})

const toId = (id: string): string =>
  id !== '' && id.length <= 200 ? id : new Bun.CryptoHasher('sha256').update(id).digest('hex')

const toStatus = (status: number | undefined): number | undefined =>
  status !== undefined && Number.isInteger(status) && status >= 0 && status <= 999 ? status : undefined
