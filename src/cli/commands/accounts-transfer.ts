/** `accounts export` and `accounts import`: everything but credentials goes out, credentials only come in. */
import { readFileSync } from 'node:fs'
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
  await useClient(shell, async (client) => {
    let failures = 0
    for (const { apiKeyEnv, ...entry } of entries) {
      const apiKey = apiKeyEnv === undefined ? undefined : shell.environment[apiKeyEnv]
      const body = { ...entry, ...(apiKey === undefined ? {} : { apiKey }) }
      try {
        await client.addAccount({ body })
        shell.output.line(`Added the account ${entry.name}.`)
      } catch (error) {
        failures++
        shell.output.note(`${entry.name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    if (failures > 0) shell.exitWith(EXIT.failure)
  })
}

type Entry = ClientInput<'addAccount'>['body'] & { readonly apiKeyEnv?: string }

function parseEntries(text: string): readonly Entry[] {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value
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
