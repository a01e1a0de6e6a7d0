/** What the options of `accounts add` and `accounts set` mean. Keys never come from the command line itself. */
import type { Command } from 'commander'
import { numeric, repeated } from '../command.ts'
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
  readonly model?: readonly string[]
  readonly maxConcurrent?: number
  readonly planOnly?: boolean
  readonly proxy?: string
  readonly header?: readonly string[]
}

export interface AccountFields {
  readonly baseUrl?: string
  readonly priority?: number
  readonly weight?: number
  readonly tier?: number
  readonly groups?: string[]
  readonly modelMap?: Record<string, string | string[]>
  readonly models?: string[]
  readonly maxConcurrent?: number
  readonly planOnly?: boolean
  readonly proxy?: string
  readonly headers?: Record<string, string>
}

export const withAccountOptions = (command: Command): Command =>
  command
    .option('--api-key-stdin', 'read the API key from standard input')
    .option('--api-key-env <variable>', 'read the API key from an environment variable')
    .option('--base-url <url>', 'where requests go instead of to the provider’s own address')
    .addOption(numeric('--priority <number>', 'lower numbers go first'))
    .addOption(numeric('--weight <number>', 'share among equals'))
    .addOption(numeric('--tier <number>', 'size of the plan'))
    .addOption(repeated('--group <name>', 'a group it belongs to (may be repeated)'))
    .addOption(
      repeated(
        '--model-map <from=to>',
        'serve one model by another; FROM may be a family or "*", TO several with commas, best first (may be repeated)',
      ),
    )
    .addOption(
      repeated('--model <name>', 'a model or family that it serves, and no others (may be repeated)'),
    )
    .addOption(numeric('--max-concurrent <number>', 'requests that it is given at once'))
    .option('--plan-only', 'treat paid overage as a limit')
    .option('--no-plan-only', 'let it draw on paid overage')
    .option(
      '--proxy <url>',
      'a proxy for this account alone: http://… or socks5://…; "env:NAME" reads it from a variable',
    )
    .addOption(repeated('--header <name=value>', 'a header to add to its requests (may be repeated)'))

export function toAccountFields(options: AccountOptions, environment: Shell['environment']): AccountFields {
  const { baseUrl, priority, weight, tier, group, modelMap, model, maxConcurrent } = options
  const { planOnly, proxy, header } = options
  return {
    ...(planOnly === undefined ? {} : { planOnly }),
    ...(proxy === undefined ? {} : { proxy: fromEnvironment(proxy, environment) }),
    ...(header === undefined ? {} : { headers: Object.fromEntries(header.map(toPair)) }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(priority === undefined ? {} : { priority }),
    ...(weight === undefined ? {} : { weight }),
    ...(tier === undefined ? {} : { tier }),
    ...(group === undefined ? {} : { groups: [...group] }),
    ...(modelMap === undefined ? {} : { modelMap: toModelMap(modelMap) }),
    ...(model === undefined ? {} : { models: [...model] }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
  }
}

/** The same FROM again adds an alternative. */
function toModelMap(texts: readonly string[]): Record<string, string | string[]> {
  const map = new Map<string, string[]>()
  for (const [from, to] of texts.map(toPair)) {
    const names = to.split(',').map((name) => name.trim())
    if (names.includes(''))
      throw new CommandError(
        EXIT.usage,
        `"${from}=${to}" names a model that has no name. Write FROM=TO, or FROM=TO1,TO2 with the best first.`,
      )
    map.set(from, [...(map.get(from) ?? []), ...names])
  }
  return Object.fromEntries([...map].map(([from, to]) => [from, to.length === 1 ? (to[0] ?? '') : to]))
}

/** A proxy's password does not belong on a command line, where others can read it. */
function fromEnvironment(text: string, environment: Shell['environment']): string {
  if (!text.startsWith('env:')) return text
  const name = text.slice('env:'.length)
  return nonEmpty(environment[name]?.trim() ?? '', `The environment variable ${name} is empty or not set.`)
}

export function toPair(text: string): readonly [string, string] {
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
