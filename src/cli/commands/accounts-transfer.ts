/** `accounts export` and `accounts import`: everything but credentials goes out, credentials only come in. */
import { readFileSync } from 'node:fs'
import type { Client } from '../../api/client.ts'
import type { ClientInput } from '../../api/contract.ts'
import { useClient } from '../command.ts'
import { json } from '../format.ts'
import { CommandError, EXIT, type Shell } from '../shell.ts'

export const exportAccounts = (shell: Shell): Promise<void> =>
  useClient(shell, async (client) => {
    const { accounts } = await client.listAccounts()
    json(
      shell.output,
      accounts.map(({ name, provider, baseUrl, priority, weight, tier, groups, modelMap }) => ({
        ...{ name, provider, baseUrl, priority, weight, tier, groups, modelMap },
      })),
    )
  })

/** One account after the other; those whose name is taken are left as they are and named. */
export async function importAccounts(shell: Shell, file: string): Promise<void> {
  const entries = parseEntries(file === '-' ? await shell.readInput() : readText(file))
  const work = async (client: Client): Promise<void> => {
    const problems: string[] = []
    for (const [index, entry] of entries.entries()) {
      const problem = await importOne(shell, client, entry)
      const label = nameOf(entry) ?? `Entry ${index + 1}`
      if (problem === undefined) shell.output.line(`Added the account ${label}.`)
      else problems.push(`${label}: ${problem}`)
    }
    for (const problem of problems) shell.output.note(problem)
    if (problems.length > 0) shell.exitWith(EXIT.failure)
  }
  await useClient(shell, work, { mayCreate: true })
}

/** Why it could not be added; undefined when it was. */
async function importOne(shell: Shell, client: Client, entry: unknown): Promise<string | undefined> {
  if (!isEntry(entry)) return 'It is not an object.'
  const { apiKeyEnv, ...body } = entry
  const apiKey = apiKeyEnv === undefined ? body.apiKey : shell.environment[apiKeyEnv]
  if (apiKeyEnv !== undefined && (apiKey ?? '') === '')
    return `The environment variable ${apiKeyEnv} is empty or not set.`
  try {
    await client.addAccount({ body: { ...body, ...(apiKey === undefined ? {} : { apiKey }) } })
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
