/** What the options of `accounts add` and `accounts set` mean. Keys never come from the command line itself. */
import { CommandError, EXIT, type Shell } from '../shell.ts'

export interface AccountOptions {
  readonly apiKeyStdin?: boolean
  readonly apiKeyEnv?: string
  readonly baseUrl?: string
  readonly priority?: number
  readonly weight?: number
  readonly tier?: number
  readonly group?: readonly string[]
  readonly modelMap?: readonly string[]
}

export interface AccountFields {
  readonly baseUrl?: string
  readonly priority?: number
  readonly weight?: number
  readonly tier?: number
  readonly groups?: string[]
  readonly modelMap?: Record<string, string>
}

export function toAccountFields({
  baseUrl,
  priority,
  weight,
  tier,
  group,
  modelMap,
}: AccountOptions): AccountFields {
  return {
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(priority === undefined ? {} : { priority }),
    ...(weight === undefined ? {} : { weight }),
    ...(tier === undefined ? {} : { tier }),
    ...(group === undefined ? {} : { groups: [...group] }),
    ...(modelMap === undefined ? {} : { modelMap: Object.fromEntries(modelMap.map(toPair)) }),
  }
}

function toPair(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals), text.slice(equals + 1)]
  throw new CommandError(EXIT.usage, `"${text}" is not of the form FROM=TO.`)
}

export async function readApiKey(
  shell: Shell,
  options: AccountOptions,
  isNeeded: boolean,
): Promise<string | undefined> {
  const { apiKeyStdin, apiKeyEnv } = options
  if (apiKeyStdin === true && apiKeyEnv !== undefined)
    throw new CommandError(EXIT.usage, 'Give either --api-key-stdin or --api-key-env, not both.')
  if (apiKeyStdin === true) {
    // Typed on a terminal it is asked for, so that it does not show.
    const text = (await shell.askSecret('API key')) ?? (await shell.readInput())
    return nonEmpty(text.trim(), 'Standard input holds no API key.')
  }
  if (apiKeyEnv !== undefined) {
    return nonEmpty(
      shell.environment[apiKeyEnv]?.trim() ?? '',
      `The environment variable ${apiKeyEnv} is empty or not set.`,
    )
  }
  if (!isNeeded) return undefined
  const asked = await shell.askSecret('API key')
  return nonEmpty(
    asked?.trim() ?? '',
    'An API key is needed: hand it over with --api-key-stdin or --api-key-env VARIABLE.',
  )
}

function nonEmpty(text: string, problem: string): string {
  if (text === '') throw new CommandError(EXIT.usage, problem)
  return text
}
