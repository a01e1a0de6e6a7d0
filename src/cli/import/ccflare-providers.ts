/**
 * The providers of better-ccflare and ccflare: which of Spillway's each is, what its accounts
 * sign with, and where they go when their row names no place (`wire.md` §4.1). A table.
 */

export interface KnownProvider {
  /** Spillway's id. */
  readonly id: string
  /**
   * "machine": the other program takes it from the environment, as the cloud's own tools do.
   * "foreign-login": a login that Spillway cannot renew.
   */
  readonly credential: 'key' | 'key-or-endpoint' | 'optional-key' | 'login' | 'foreign-login' | 'machine'
  /** Where the other program sends requests of an account without an endpoint, if not where Spillway does. */
  readonly baseUrl?: string
}

const ANTHROPIC = 'https://api.anthropic.com'

export const CONSOLE: KnownProvider = { id: 'console', credential: 'key' }
export const SUBSCRIPTION: KnownProvider = { id: 'claude-oauth', credential: 'login' }

/** "anthropic" is not here: what it means depends on the row. Unknown ones are shown to the operator as skipped. */
export const KNOWN_PROVIDERS: Readonly<Record<string, KnownProvider>> = {
  'claude-console-api': CONSOLE,
  'claude-code': SUBSCRIPTION,
  zai: { id: 'zai', credential: 'key' },
  minimax: { id: 'minimax', credential: 'key' },
  nanogpt: { id: 'nanogpt', credential: 'key' },
  openrouter: { id: 'openrouter', credential: 'key' },
  'anthropic-compatible': { id: 'anthropic-compatible', credential: 'key-or-endpoint', baseUrl: ANTHROPIC },
  'openai-compatible': {
    id: 'openai-compatible',
    credential: 'key-or-endpoint',
    baseUrl: 'https://api.openai.com',
  },
  openai: { id: 'openai-compatible', credential: 'key', baseUrl: 'https://api.openai.com' },
  ollama: { id: 'ollama', credential: 'optional-key' },
  'alibaba-coding-plan': { id: 'alibaba-plan', credential: 'key' },
  kimi: { id: 'kimi-code', credential: 'foreign-login' },
  'vertex-ai': { id: 'vertex-ai', credential: 'machine' },
  bedrock: { id: 'bedrock', credential: 'machine' },
}
