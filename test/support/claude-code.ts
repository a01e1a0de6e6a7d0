/**
 * The requests of Claude Code as it really sends them (`faults.md`, "How real clients
 * behave"; `wire.md` §3): sizes, headers, attribution block, metadata. Shapes only; what is
 * expected of the gateway stands in the tests.
 */

export interface Turn {
  readonly session: string
  /** A sub-agent's id; undefined: the main loop. */
  readonly agent?: string
  readonly parentAgent?: string
  readonly model?: string
  readonly stream?: boolean
  /** How `metadata.user_id` names the session: JSON since 2.1.78, joined before; or not at all. */
  readonly userId?: 'json' | 'joined' | 'none'
  /** Whether the session and agent headers are there; older versions have none. */
  readonly hasHeaders?: boolean
  /** How long the instructions are. */
  readonly bytes?: number
  /** How many turns went before this one. */
  readonly turn?: number
}

const DEVICE = '5f'.repeat(32)
const ACCOUNT = '0b6f6a3e-1f7d-4c55-9a53-6a4c7b1f2d10'

export const ATTRIBUTION = 'x-anthropic-billing-header: cc_version=2.1.329.4f2; cc_entrypoint=cli; cch=00000;'
const IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
const BETAS =
  'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,' +
  'prompt-caching-scope-2026-01-05,effort-2025-11-24,thinking-token-count-2026-05-13'

export function headersOf(turn: Turn): Readonly<Record<string, string>> {
  const { session, agent, parentAgent, hasHeaders = true } = turn
  return {
    accept: 'application/json',
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': BETAS,
    'anthropic-dangerous-direct-browser-access': 'true',
    'user-agent': 'claude-cli/2.1.329 (external, cli)',
    'x-app': 'cli',
    'x-stainless-lang': 'js',
    'x-stainless-package-version': '1.11.0',
    'x-stainless-retry-count': '0',
    'x-stainless-runtime': 'node',
    'x-stainless-timeout': '600',
    authorization: 'Bearer not-looked-at',
    ...(hasHeaders ? { 'x-claude-code-session-id': session } : {}),
    ...(hasHeaders && agent !== undefined ? { 'x-claude-code-agent-id': agent } : {}),
    ...(hasHeaders && parentAgent !== undefined ? { 'x-claude-code-parent-agent-id': parentAgent } : {}),
  }
}

/** The body of one turn, as text: 42 to 115 KB at the first turn of real sessions. */
export function bodyOf(turn: Turn): string {
  const { model = 'claude-opus-5-5', stream = true, bytes = 60_000, turn: past = 0 } = turn
  return JSON.stringify({
    model,
    messages: [
      { role: 'system', content: 'The working directory is a git repository.' },
      { role: 'user', content: [reminder(), text('Warum ist das so langsam? – “why”, \u2028 und 測試 😀')] },
      ...Array.from({ length: past }, (_, index) => pastTurn(index)).flat(),
    ],
    system: [text(ATTRIBUTION), cached(IDENTITY), cached(instructions(bytes))],
    tools: TOOLS,
    metadata: metadataOf(turn),
    max_tokens: 32_000,
    thinking: { type: 'adaptive' },
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    output_config: { effort: 'high' },
    a_field_of_tomorrow: { nested: [1.0, 1e-7, -0, 12345678901234567890n.toString()] },
    ...(stream ? { stream: true } : {}),
  })
}

/** What `/context` asks, once for each part: no metadata. */
export const countBodyOf = (part: number): string =>
  JSON.stringify({
    model: 'claude-opus-5-5',
    messages: [{ role: 'user', content: `part ${part} ${'x'.repeat(part * 200)}` }],
    tools: TOOLS.slice(0, part % TOOLS.length),
  })

function metadataOf({ session, userId = 'json' }: Turn): object {
  if (userId === 'none') return {}
  if (userId === 'joined') return { user_id: `user_${DEVICE}_account_${ACCOUNT}_session_${session}` }
  return { user_id: JSON.stringify({ device_id: DEVICE, account_uuid: ACCOUNT, session_id: session }) }
}

const text = (content: string): object => ({ type: 'text', text: content })
const cached = (content: string): object => ({ ...text(content), cache_control: { type: 'ephemeral' } })
const reminder = (): object => text('<system-reminder>\nToday is a day.\n</system-reminder>')

const SENTENCE = 'Prefer editing a file that exists to writing a new one; say “why”, not “what”. '
const instructions = (bytes: number): string =>
  SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length)).slice(0, bytes)

const pastTurn = (index: number): readonly object[] => [
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: `thought ${index}`, signature: 'EqQBCkYIBRgCKkD0c2lnbmF0dXJl' },
      { type: 'tool_use', id: `toolu_${index}`, name: 'Read', input: { file_path: `/src/${index}.ts` } },
    ],
  },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${index}`, content: '1\tcode' }] },
]

const TOOLS: readonly object[] = ['Agent', 'Bash', 'Edit', 'Glob', 'Grep', 'Read', 'Write'].map((name) => ({
  name,
  description: `${name}. ${SENTENCE.repeat(6)}`,
  input_schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: { file_path: { type: 'string', description: 'An absolute path.' } },
    additionalProperties: false,
  },
}))
