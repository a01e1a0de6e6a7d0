/**
 * What every provider of Anthropic's dialect has in common; a row says only what differs.
 * Must not name a provider.
 */
import { readAnthropicFailure } from './anthropic/failure.ts'
import { readAnthropicLimits } from './anthropic/limits.ts'
import type { Provider } from './provider.ts'

export const ANTHROPIC_DIALECT = {
  dialect: 'anthropic',
  credential: 'key',
  models: [],
  notes: [],
  readFailure: readAnthropicFailure,
  readLimits: readAnthropicLimits,
} satisfies Partial<Provider>
