/**
 * The table of providers: everything that Spillway can address. To add one that speaks a
 * known dialect, add a row (and its recorded answers to the test).
 */
import { readAnthropicFailure } from './anthropic/failure.ts'
import { readAnthropicLimits } from './anthropic/limits.ts'
import type { Provider } from './provider.ts'

const anthropic = {
  dialect: 'anthropic',
  readFailure: readAnthropicFailure,
  models: [],
  notes: [],
  readLimits: readAnthropicLimits,
} satisfies Partial<Provider>

/** One credential in one header: as a key, or as a bearer token where it was given as one. */
const signCompatible: Provider['sign'] = (secret) => {
  if (secret === '') return []
  return secret.startsWith('Bearer ') ? [['authorization', secret]] : [['x-api-key', secret]]
}

export const PROVIDERS: readonly Provider[] = [
  {
    ...anthropic,
    id: 'console',
    label: 'Anthropic API key',
    baseUrl: 'https://api.anthropic.com',
    credential: 'key',
    sign: (secret) => [['x-api-key', secret]],
  },
  {
    ...anthropic,
    id: 'anthropic-compatible',
    label: 'Anthropic-compatible endpoint',
    baseUrl: undefined,
    credential: 'optional-key',
    sign: signCompatible,
  },
]

export const providerOf = (id: string): Provider | undefined =>
  PROVIDERS.find((provider) => provider.id === id)
