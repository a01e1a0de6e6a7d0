/**
 * Accounts of better-ccflare and ccflare, row by row. Columns came and went over the
 * versions: whatever a row lacks is not said. Must not put a credential into a sentence.
 */
import { type Endpoint, readEndpoint, readMappings } from './ccflare-endpoint.ts'
import { CONSOLE, KNOWN_PROVIDERS, type KnownProvider, SUBSCRIPTION } from './ccflare-providers.ts'
import {
  type Fields,
  harmless,
  present,
  readFlag,
  readJson,
  readNumber,
  readText,
  readTime,
} from './fields.ts'
import type { ImportedAccount } from './imported.ts'
import { toNames } from './names.ts'

export interface ReadAccount {
  /** The source's id, by which its requests name it. */
  readonly id: string
  readonly account: ImportedAccount
  /** What the operator should know of it. */
  readonly notes: readonly string[]
}

const LARGEST_PRIORITY = 1_000
const LARGEST_TIER = 1_000
const LONGEST_CREDENTIAL = 4_096

/** `program` is the other program's name, for the sentences. */
export function toAccounts(rows: readonly Fields[], program: string): readonly ReadAccount[] {
  const names = toNames(rows.map((row) => String(row.name ?? '')))
  return rows.map((row, index) => {
    const name = names[index] ?? ''
    const account = toAccount(row, name)
    return { id: String(row.id), account, notes: [...notesOn(row, account, program)].map(harmless) }
  })
}

function toAccount(row: Fields, name: string): ImportedAccount {
  const word = readText(row.provider) ?? 'anthropic'
  const provider = providerOf(row, word)
  const plain = { name, ...settingsOf(row) }
  if (provider === undefined)
    return {
      ...plain,
      provider: word,
      skipped: harmless(`Spillway has no provider for ${word} accounts yet.`),
    }
  const endpoint = readEndpoint(row.base_url ?? row.custom_endpoint)
  const credential = credentialOf(row, provider)
  const skipped = whySkipped(row, provider, { endpoint, credential })
  if (skipped !== undefined) return { ...plain, provider: provider.id, skipped: harmless(skipped) }
  const baseUrl = endpoint.baseUrl ?? provider.baseUrl
  return {
    ...plain,
    provider: provider.id,
    ...present({ ...credential, baseUrl }),
    ...mappingsOf(row, endpoint),
  }
}

/** "anthropic" is a subscription, or a key: by what the row holds, and in ccflare's later versions a key only. */
function providerOf(row: Fields, word: string): KnownProvider | undefined {
  if (word !== 'anthropic') return Object.hasOwn(KNOWN_PROVIDERS, word) ? KNOWN_PROVIDERS[word] : undefined
  const isKey = readText(row.api_key) !== undefined || row.auth_method === 'api_key'
  return isKey || isMisplacedKey(row) ? CONSOLE : SUBSCRIPTION
}

/** Early versions kept keys where refresh tokens are; as a refresh token one would go to the wrong server. */
const isMisplacedKey = (row: Fields): boolean =>
  readText(row.refresh_token)?.startsWith('sk-ant-api') === true

interface Credential {
  readonly apiKey?: string | undefined
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  readonly tokenExpiresAt?: string | undefined
}

function credentialOf(row: Fields, { credential }: KnownProvider): Credential {
  switch (credential) {
    case 'machine':
    case 'foreign-login':
      return {}
    case 'key':
    case 'key-or-endpoint':
    case 'optional-key':
      return { apiKey: readText(row.api_key) ?? readText(row.refresh_token) ?? readText(row.access_token) }
    case 'login':
      return {
        accessToken: readText(row.access_token),
        refreshToken: readText(row.refresh_token),
        tokenExpiresAt: readTime(row.expires_at),
      }
  }
}

function whySkipped(
  row: Fields,
  provider: KnownProvider,
  { endpoint, credential }: { readonly endpoint: Endpoint; readonly credential: Credential },
): string | undefined {
  if (provider.credential === 'machine') return machineSentence(row, provider.id)
  if (provider.credential === 'foreign-login')
    return `Its login is not one that Spillway can renew. Add it with an API key, provider ${provider.id}.`
  if (endpoint.isUnusable === true) return 'Its endpoint is not a plain http or https address.'
  const texts = [credential.apiKey, credential.accessToken, credential.refreshToken].filter(
    (text) => text !== undefined,
  )
  if (texts.some((text) => !isSendable(text)))
    return 'Its credential holds characters that no credential has.'
  if (provider.credential === 'login' && credential.refreshToken === undefined)
    return 'Its login has no refresh token. Log in anew.'
  const needsKey =
    provider.credential === 'key' ||
    (provider.credential === 'key-or-endpoint' && endpoint.baseUrl === undefined)
  return needsKey && texts.length === 0 ? 'It has no credential.' : undefined
}

const isSendable = (text: string): boolean => /^[\x21-\x7e]+$/.test(text) && text.length <= LONGEST_CREDENTIAL

/** Google's and Amazon's credentials were taken from the machine; the row says only where to use them. */
function machineSentence(row: Fields, provider: string): string {
  const text = readText(row.custom_endpoint) ?? ''
  const [, profile, region] = /^bedrock:([^:]*):([^:]*)$/.exec(text) ?? []
  const { projectId, region: vertexRegion } = readJson(text) ?? {}
  const parts = [
    ['profile', profile],
    ['project', readText(projectId)],
    ['region', region ?? readText(vertexRegion)],
  ].filter(([, value]) => value !== undefined)
  const place = parts.length === 0 ? '' : ` (${parts.map(([what, value]) => `${what} ${value}`).join(', ')})`
  return `Its credentials are this machine’s and not in the database${place}. Add it with "spillway accounts add", provider ${provider}.`
}

function settingsOf(row: Fields): Partial<ImportedAccount> {
  const priority = readNumber(row.priority)
  const tier = readNumber(row.account_tier)
  const weight = readNumber(row.weight)
  return present({
    priority: priority === undefined ? undefined : within(Math.round(priority), LARGEST_PRIORITY),
    tier: tier === undefined || tier <= 0 ? undefined : Math.min(tier, LARGEST_TIER),
    weight: weight === undefined || weight <= 0 ? undefined : Math.min(weight, LARGEST_TIER),
    isPaused: readFlag(row.paused) || undefined,
    planOnly: readFlag(row.auto_pause_on_overage_enabled) || undefined,
  })
}

const within = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value))

function mappingsOf(row: Fields, { mappings }: Endpoint): Partial<ImportedAccount> {
  const { models } = readMappings(readJson(row.model_mappings), mappings)
  return present({ modelMap: unlessEmpty(models) })
}

const unlessEmpty = <T extends object>(value: T): T | undefined =>
  Object.keys(value).length === 0 ? undefined : value

function* notesOn(row: Fields, account: ImportedAccount, program: string): Generator<string> {
  const { name, skipped, isPaused } = account
  if (name !== row.name) yield `The account "${String(row.name ?? '')}" is called ${name} here.`
  if (skipped !== undefined) return
  const reason = readText(row.pause_reason)
  if (isPaused === true && reason !== undefined && reason !== 'manual')
    yield `${name} was paused by ${program} itself (${reason}) and stays paused until you resume it.`
  const text = readText(row.model_mappings)
  const mappings = readJson(text)
  if (text !== undefined && mappings === undefined)
    yield `The model mappings of ${name} cannot be read and are left out.`
  const { custom } = readMappings(mappings)
  if (custom.length > 0)
    yield `${name} maps models of no known family to ${custom.join(' or ')}. That is left out; map them by name, or all of them with "--model-map *=${custom[0]}".`
  if (readText(row.model_fallbacks) !== undefined)
    yield `${name} names models to fall back to for all others. They are left out: name them behind each model’s own, as in "--model-map opus=first,second".`
}
