/**
 * The table of providers: everything that Spillway can address. To add one that speaks a
 * known dialect, add a row (and its recorded answers to the test).
 */
import { CLAUDE } from './claude.ts'
import { COMPATIBLE } from './compatible.ts'
import { DEEPSEEK } from './deepseek.ts'
import { KIMI_CODE } from './kimi.ts'
import { LOCAL } from './local.ts'
import { MINIMAX } from './minimax.ts'
import { MOONSHOT } from './moonshot.ts'
import { NANOGPT } from './nanogpt.ts'
import { OPENCODE_GO } from './opencode-go.ts'
import { OPENROUTER } from './openrouter.ts'
import type { Provider } from './provider.ts'
import { ZAI } from './zai.ts'

/** In the order in which people are offered them. */
export const PROVIDERS: readonly Provider[] = [
  ...CLAUDE,
  ZAI,
  MINIMAX,
  KIMI_CODE,
  MOONSHOT,
  DEEPSEEK,
  NANOGPT,
  OPENROUTER,
  OPENCODE_GO,
  ...COMPATIBLE,
  ...LOCAL,
]

const byId = new Map(PROVIDERS.map((provider) => [provider.id, provider]))

export const providerOf = (id: string): Provider | undefined => byId.get(id)
