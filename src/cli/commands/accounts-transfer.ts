/**
 * `accounts export` and `accounts import`: as plain JSON without credentials, which only come
 * in that way; or as a file with them that a passphrase opens (age).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Client } from '../../api/client.ts'
import type { ClientInput } from '../../api/contract.ts'
import { examples, useClient } from '../command.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'
import { type TermsOptions, withTerms, withTermsOption } from './account-sign-in.ts'

interface ExportOptions extends PassphraseOption {
  readonly withCredentials?: boolean
  readonly output?: string
}

interface PassphraseOption {
  readonly passphraseEnv?: string
}

type ImportOptions = PassphraseOption & TermsOptions & { readonly dryRun?: boolean }

export function addTransferCommands(accounts: Command, shell: Shell): void {
  examples(
    accounts
      .command('export')
      .description(
        'Print all accounts: as JSON without their credentials, or with them, encrypted with a passphrase (age).',
      )
      .option('--with-credentials', 'encrypted with a passphrase that is asked for')
      .option('--passphrase-env <variable>', 'read the passphrase from an environment variable')
      .option('--output <file>', 'write to a new file for your eyes only'),
    'spillway accounts export > accounts.json',
    'spillway accounts export --with-credentials --output accounts.age',
  ).action((options: ExportOptions) => useClient(shell, (client) => exportAccounts(shell, client, options)))
  examples(
    withTermsOption(
      accounts
        .command('import')
        .description(
          'Add the accounts of a file that "accounts export" made. In plain JSON each needs "apiKey" or "apiKeyEnv" added.',
        )
        .argument('<file>', '"-" for standard input')
        .option('--passphrase-env <variable>', 'read the passphrase from an environment variable')
        .option('--dry-run', 'only say what would be added (encrypted files)'),
    ),
    'spillway accounts import accounts.age',
    'spillway accounts import accounts.json',
  ).action((file: string, options: ImportOptions) => importAccounts(shell, file, options))
}

async function exportAccounts(shell: Shell, client: Client, options: ExportOptions): Promise<void> {
  const isSealed = options.withCredentials === true || options.passphraseEnv !== undefined
  const text = isSealed ? await sealed(shell, client, options) : await plain(client)
  if (options.output === undefined) return shell.output.line(text.trimEnd())
  writeNew(options.output, text)
  shell.output.note(`Wrote ${options.output}.`)
  if (isSealed)
    shell.output.note(
      'Accounts that are signed in to work in one place only: whichever program renews a login first ends it for the other.',
    )
}

async function plain(client: Client): Promise<string> {
  const { accounts } = await client.listAccounts()
  const shown = accounts.map(
    ({ name, provider, baseUrl, priority, weight, tier, groups, planOnly, ...rest }) => {
      const { modelMap, models, maxConcurrent } = rest
      return {
        name,
        provider,
        baseUrl,
        priority,
        weight,
        tier,
        groups,
        modelMap,
        models,
        maxConcurrent,
        planOnly,
      }
    },
  )
  return JSON.stringify(shown, undefined, 2)
}

async function sealed(shell: Shell, client: Client, options: PassphraseOption): Promise<string> {
  const passphrase = await readPassphrase(shell, options, 'A new passphrase for the file')
  if (options.passphraseEnv === undefined && passphrase !== (await shell.askSecret('The same again')))
    throw new CommandError(EXIT.usage, 'The two passphrases differ. Nothing was written.')
  return (await client.exportAccounts({ body: { passphrase } })).file
}

async function readPassphrase(
  shell: Shell,
  { passphraseEnv }: PassphraseOption,
  question: string,
): Promise<string> {
  const given =
    passphraseEnv === undefined ? await shell.askSecret(question) : shell.environment[passphraseEnv]
  if (given !== undefined && given !== '') return given
  throw new CommandError(
    EXIT.usage,
    passphraseEnv === undefined
      ? 'A passphrase is needed: hand it over with --passphrase-env VARIABLE.'
      : `The environment variable ${passphraseEnv} is empty or not set.`,
  )
}

/** Never over something that is there. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    const message = isThere
      ? `The file ${file} is there already; choose another name.`
      : `The file ${file} cannot be written.`
    throw new CommandError(EXIT.failure, message)
  }
}

const AGE_START = '-----BEGIN AGE ENCRYPTED FILE-----'

async function importAccounts(shell: Shell, file: string, options: ImportOptions): Promise<void> {
  const text = file === '-' ? await shell.readInput() : readText(file)
  const isSealed = text.trimStart().startsWith(AGE_START)
  if (!isSealed && options.dryRun === true)
    throw new CommandError(
      EXIT.usage,
      '--dry-run is for encrypted files, and this is none. Nothing was added.',
    )
  const work = isSealed
    ? (client: Client) => importSealed(shell, client, text, options)
    : withEntries(shell, parseEntries(text), options)
  await useClient(shell, work, { mayCreate: true })
}

async function importSealed(
  shell: Shell,
  client: Client,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const passphrase = await readPassphrase(shell, options, 'The file’s passphrase')
  const { accounts } = await withTerms(shell, options, (accepted) =>
    client.importAccounts({
      body: { file, passphrase, ...accepted, ...(options.dryRun === true ? { dryRun: true } : {}) },
    }),
  )
  for (const { name, isAdded, problem } of accounts) {
    if (problem !== undefined) shell.output.note(`${name}: ${problem}`)
    else shell.output.line(isAdded ? `Added the account ${name}.` : `Would add the account ${name}.`)
  }
  if (accounts.some(({ problem }) => problem !== undefined)) shell.exitWith(EXIT.failure)
}

/** One account after the other; those whose name is taken are left as they are and named. */
const withEntries =
  (shell: Shell, entries: readonly unknown[], options: ImportOptions) =>
  async (client: Client): Promise<void> => {
    const problems: string[] = []
    for (const [index, entry] of entries.entries()) {
      const problem = await importOne(shell, client, entry, options)
      const label = nameOf(entry) ?? `Entry ${index + 1}`
      if (problem === undefined) shell.output.line(`Added the account ${label}.`)
      else problems.push(`${label}: ${problem}`)
    }
    for (const problem of problems) shell.output.note(problem)
    if (problems.length > 0) shell.exitWith(EXIT.failure)
  }

/** Why it could not be added; undefined when it was. */
async function importOne(
  shell: Shell,
  client: Client,
  entry: unknown,
  options: ImportOptions,
): Promise<string | undefined> {
  if (!isEntry(entry)) return 'It is not an object.'
  const { apiKeyEnv, ...body } = entry
  const apiKey = apiKeyEnv === undefined ? body.apiKey : shell.environment[apiKeyEnv]
  if (apiKeyEnv !== undefined && (apiKey ?? '') === '')
    return `The environment variable ${apiKeyEnv} is empty or not set.`
  try {
    await withTerms(shell, options, (accepted) =>
      client.addAccount({ body: { ...body, ...(apiKey === undefined ? {} : { apiKey }), ...accepted } }),
    )
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const nameOf = (entry: unknown): string | undefined =>
  isEntry(entry) && typeof entry.name === 'string' ? entry.name : undefined

/** Its fields are the API's to check. */
const isEntry = (entry: unknown): entry is Entry =>
  typeof entry === 'object' && entry !== null && !Array.isArray(entry)

type Entry = ClientInput<'addAccount'>['body'] & { readonly apiKeyEnv?: string }

/** A list, or an object that holds one as "accounts". */
function parseEntries(text: string): readonly unknown[] {
  try {
    const value = JSON.parse(text)
    const list: unknown = Array.isArray(value) ? value : value?.accounts
    if (Array.isArray(list)) return list
  } catch {
    // said below
  }
  throw new CommandError(
    EXIT.usage,
    'The file must hold a JSON list of accounts, as "spillway accounts export" prints it.',
  )
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new CommandError(EXIT.notFound, `The file ${file} cannot be read.`)
  }
}
