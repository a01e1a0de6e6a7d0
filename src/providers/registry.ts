/**
 * The table of providers: everything that Spillway can address. To add one that speaks a
 * known dialect, add a row (and its recorded answers to the test).
 */
import { readAnthropicFailure } from './anthropic/failure.ts'
import { readAnthropicWindows } from './anthropic/limits.ts'
import type { Provider } from './provider.ts'

const anthropic = {
  dialect: 'anthropic',
  readFailure: readAnthropicFailure,
  readWindows: readAnthropicWindows,
} satisfies Partial<Provider>

export const PROVIDERS: readonly Provider[] = [
  {
    ...anthropic,
    id: 'console',
    label: 'Anthropic API key',
    baseUrl: 'https://api.anthropic.com',
    sign: (secret) => [['x-api-key', secret]],
  },
  {
    ...anthropic,
    id: 'anthropic-compatible',
    label: 'Anthropic-compatible endpoint',
    baseUrl: undefined,
    sign: (secret) =>
      secret === ''
        ? []
        : [
            ['x-api-key', secret],
            ['authorization', `Bearer ${secret}`],
          ],
  },
]

export const providerOf = (id: string): Provider | undefined =>
  PROVIDERS.find((provider) => provider.id === id)
