/** What counts as the prompt. */
import { expect, it } from 'bun:test'
import { NO_USAGE, promptTokensOf } from './usage.ts'

it('counts everything that the model read as its prompt, and nothing that it wrote', () => {
  const usage = {
    ...NO_USAGE,
    inputTokens: 1,
    cacheReadTokens: 20,
    cacheWrite5mTokens: 300,
    cacheWrite1hTokens: 4_000,
    outputTokens: 50_000,
  }
  expect(promptTokensOf(usage)).toBe(4_321)
})
