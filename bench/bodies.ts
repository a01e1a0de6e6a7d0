/**
 * Requests as coding agents send them: a short question, and conversations of 50 and 400 KB
 * with system blocks, tools with schemas, and turns full of code, quotes and newlines. Equal
 * sessions give equal bytes. Pure.
 */
import { createDice, type Dice } from '../test/support/random.ts'
import { SYSTEM, TOOLS } from './prompt.ts'
import { type BodySize, SHAPE_HEADER } from './protocol.ts'

/** What the sizes are called in tables. */
export const SIZE_NAMES: Readonly<Record<BodySize, string>> = {
  small: '0.2 KB',
  medium: '50 KB',
  large: '400 KB',
}

const TARGET_BYTES: Readonly<Record<BodySize, number>> = { small: 200, medium: 50_000, large: 400_000 }
const MODEL = 'claude-sonnet-5-5'
const BETAS =
  'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,fine-grained-tool-streaming-2025-05-14'

export interface RequestOptions {
  readonly session: number
  readonly size: BodySize
  readonly isStream: boolean
}

export function createBody({ session, size, isStream }: RequestOptions): string {
  const stream = isStream ? { stream: true } : {}
  if (size === 'small') {
    const content = `Is the index on orders.customer_id used by query ${session} of the report? Answer with yes or no, please.`
    return JSON.stringify({ model: MODEL, max_tokens: 64, ...stream, messages: [{ role: 'user', content }] })
  }
  const frame = {
    model: MODEL,
    max_tokens: 32_000,
    ...stream,
    system: SYSTEM,
    tools: TOOLS,
    thinking: { type: 'adaptive' },
    metadata: { user_id: userOf(session) },
  }
  const dice = createDice(session)
  const messages: object[] = [ask(session)]
  let length = byteLength(JSON.stringify(frame)) + byteLength(JSON.stringify(messages))
  for (let turn = 0; length < TARGET_BYTES[size]; turn++) {
    const both = turnOf(turn, dice)
    messages.push(...both)
    length += byteLength(JSON.stringify(both))
  }
  return JSON.stringify({ ...frame, messages })
}

/** The bytes of a whole request, headers as Claude Code sends them (`wire.md` §3.2). */
export function toRequestBytes(body: string, { session, port, key, shape }: RequestAddress): Uint8Array {
  const lines = [
    'POST /v1/messages?beta=true HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'accept: application/json',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    'user-agent: claude-cli/2.1.290 (external, cli)',
    'anthropic-version: 2023-06-01',
    `anthropic-beta: ${BETAS}`,
    'anthropic-dangerous-direct-browser-access: true',
    'x-app: cli',
    `x-claude-code-session-id: ${sessionOf(session)}`,
    'x-stainless-lang: js',
    'x-stainless-package-version: 0.137.0',
    'x-stainless-os: Linux',
    'x-stainless-arch: x64',
    'x-stainless-runtime: node',
    'x-stainless-runtime-version: v26.1.0',
    'x-stainless-retry-count: 0',
    'x-stainless-timeout: 600',
    'accept-encoding: gzip, deflate, br, zstd',
    ...(shape === undefined ? [] : [`${SHAPE_HEADER}: ${shape}`]),
    `content-length: ${byteLength(body)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

export interface RequestAddress {
  readonly session: number
  readonly port: number
  readonly key: string
  readonly shape: string | undefined
}

const byteLength = (text: string): number => Buffer.byteLength(text)

const sessionOf = (session: number): string => `3f0e6d1c-77aa-4c1e-9b5e-${String(session).padStart(12, '0')}`

const userOf = (session: number): string =>
  JSON.stringify({ device_id: 'a7'.repeat(32), account_uuid: '', session_id: sessionOf(session) })

const ask = (session: number): object => ({
  role: 'user',
  content: [
    {
      type: 'text',
      text: `<system-reminder>\nThe user opened the file "src/orders/report-${session}.ts".\n</system-reminder>`,
    },
    { type: 'text', text: 'The monthly report counts refunds twice. Find out why and fix it, with a test.' },
  ],
})

/** One step of an agent: it says a little and calls a tool; the tool's answer comes back. */
function turnOf(turn: number, dice: Dice): readonly [object, object] {
  const id = `toolu_01${String(turn).padStart(22, 'A')}`
  const file = `src/orders/${dice.one(NOUNS)}-${dice.below(90)}.ts`
  const isEdit = turn % 3 === 2
  const call = isEdit
    ? {
        name: 'Edit',
        input: { file_path: file, old_string: codeOf(6, dice), new_string: codeOf(8, dice) },
      }
    : { name: 'Read', input: { file_path: file } }
  const result = isEdit ? `The file ${file} has been updated.` : numbered(codeOf(30 + dice.below(60), dice))
  return [
    {
      role: 'assistant',
      content: [
        { type: 'text', text: `I'll look at \`${file}\` — the ${dice.one(NOUNS)} is built there.` },
        { type: 'tool_use', id, ...call },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result, is_error: false }] },
  ]
}

const numbered = (code: string): string =>
  code
    .split('\n')
    .map((line, index) => `${String(index + 1).padStart(6)}→${line}`)
    .join('\n')

const codeOf = (lines: number, dice: Dice): string =>
  Array.from({ length: lines }, () => lineOf(dice)).join('\n')

const NOUNS = ['order', 'refund', 'invoice', 'customer', 'ledger', 'payment', 'shipment', 'report'] as const

function lineOf(dice: Dice): string {
  const noun = dice.one(NOUNS)
  const other = dice.one(NOUNS)
  return dice.one([
    `  const ${noun}s = await database.query("select * from ${noun}s where ${other}_id = $1", [${other}.id])`,
    `  if (${noun}.status === 'open' && ${other}.total > ${dice.below(1_000)}) return "still open"`,
    `export function to${noun}View({ id, ${other}, total }: ${noun}Row): ${noun}View {`,
    `    log.info(\`The ${noun} \${${noun}.id} has ${dice.below(10)} ${other}s\`, { ${noun}: "${dice.below(99_999)}" })`,
    `  // A ${noun} without ${other} is not an error: see "docs\\\\${other}.md".`,
    '  }',
    '',
    `\treturn [...${noun}s].filter((${noun}) => ${noun}.${other}s.length > 0).map(({ id }) => id)`,
  ])
}
