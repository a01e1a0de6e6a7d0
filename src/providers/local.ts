/**
 * Servers that run models on the operator's own machines (`wire.md` §4.1). They have no limits
 * and no accounts, so all they can report is trouble of their own.
 */
import { ANTHROPIC_DIALECT } from './dialect.ts'
import type { Provider } from './provider.ts'
import { asBearer, whereNeeded } from './sign.ts'

const OWN_SERVER = {
  ...ANTHROPIC_DIALECT,
  credential: 'optional-key',
  sign: whereNeeded(asBearer),
} satisfies Partial<Provider>

export const LOCAL: readonly Provider[] = [
  {
    ...OWN_SERVER,
    id: 'ollama',
    label: 'Ollama',
    baseUrl: 'http://localhost:11434',
    notes: [
      'It needs version 0.14 or newer.',
      'It has no token counts, no prompt cache, no batches, no citations, no PDF, and ignores tool_choice.',
      'For its cloud, set the base URL https://ollama.com and a key.',
    ],
  },
  {
    ...OWN_SERVER,
    id: 'lm-studio',
    label: 'LM Studio',
    baseUrl: 'http://localhost:1234',
    notes: ['It needs version 0.4.1 or newer, and serves messages only: no token counts.'],
  },
  {
    ...OWN_SERVER,
    id: 'llama-cpp',
    label: 'llama.cpp server',
    baseUrl: 'http://localhost:8080',
    notes: [
      'It needs --jinja for tools.',
      'It serves the model that it was started with, whatever a request names.',
    ],
  },
  {
    ...OWN_SERVER,
    id: 'vllm',
    label: 'vLLM',
    baseUrl: 'http://localhost:8000',
    notes: [
      'It needs --enable-auto-tool-choice and a tool parser for tools.',
      'Give it a served model name without a slash.',
    ],
  },
]
