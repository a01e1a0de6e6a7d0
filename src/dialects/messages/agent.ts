/**
 * Which kind of agent a request comes from, by how it begins (`wire.md` §3.3): a label for
 * preferences and statistics, never a reason to let anybody in or out, because wordings
 * change. Looks at a few kilobytes, never at the whole body.
 */
import { familyOf } from '../../core/model.ts'
import { findElements, findMembers, type Span, tailOfLast } from '../json-scan.ts'
import type { MessagesRequest } from './request.ts'

export const AGENT_KINDS = [
  'main',
  'sdk',
  'general-purpose',
  'explore',
  'plan',
  'guide',
  'statusline-setup',
  'compaction',
  'title',
  'topic',
  'quota-probe',
  'agent',
] as const
export type AgentKind = (typeof AGENT_KINDS)[number]

type Parts = Pick<MessagesRequest, 'model' | 'system' | 'tools' | 'messages'>

const SYSTEM_BYTES = 6_144
/** Who somebody is, is said at the beginning. */
const INTRODUCTION_BYTES = 2_048
/** The wish for a summary is several kilobytes long, and says at its beginning what it is. */
const LAST_BYTES = 16_384
/** A probe is one word, and who sends it. */
const PROBE_BYTES = 2_048

/** What a line that says who somebody is begins with; the first row that fits one counts. */
const SPAWNED: readonly (readonly [AgentKind, string])[] = [
  ['general-purpose', 'You are an agent for Claude Code'],
  ['explore', 'You are a file search specialist for Claude Code'],
  ['plan', 'You are a software architect and planning specialist'],
  ['guide', 'You are the Claude guide agent'],
  ['statusline-setup', 'You are a status line setup agent'],
]

/** Undefined when nothing is recognised. `hasAgent`: it says that it comes from a spawned agent. */
export function agentKindOf(body: Uint8Array, parts: Parts, hasAgent: boolean): AgentKind | undefined {
  const opening = textOf(body, parts.system, SYSTEM_BYTES)
  const introductions = introductionsIn(opening.slice(0, INTRODUCTION_BYTES))
  const spawned = SPAWNED.find(([, words]) => introductions.some((line) => line.startsWith(words)))
  const kind = spawned?.[0] ?? helperOf(body, opening, parts) ?? loopOf(introductions)
  // The main loop's prompt with an agent's header is a fork, or an agent of a newer version.
  return hasAgent && (kind === undefined || kind === 'main' || kind === 'sdk') ? 'agent' : kind
}

/** In JSON a line begins where the text does, where a block's text does, or after an escaped line feed. */
const INTRODUCTION = /(?:^"|"text"\s*:\s*"|\\n)(You are [^"\\]*)/g

const introductionsIn = (opening: string): readonly string[] =>
  Array.from(opening.matchAll(INTRODUCTION), ([, line = '']) => line)

/** The main loop's long prompt may speak of the SDK too: only the line that says who it is counts. */
const SDK = /(?:built on Anthropic.s|running within the) Claude Agent SDK/

function loopOf(introductions: readonly string[]): AgentKind | undefined {
  if (introductions.some((line) => SDK.test(line))) return 'sdk'
  return introductions.some((line) => line.startsWith('You are Claude Code, Anthropic')) ? 'main' : undefined
}

/** Small requests that the client makes for itself, and the one that sums a conversation up. */
function helperOf(body: Uint8Array, opening: string, parts: Parts): AgentKind | undefined {
  const { model, tools, messages } = parts
  const last = messages && textOf(body, tailOfLast(body, messages, LAST_BYTES), LAST_BYTES)
  if (/detailed summary of (?:the|our|this) conversation/.test(last ?? '')) return 'compaction'
  if (tools !== undefined && tools.end - tools.start > '[]'.length) return undefined
  if (isProbe(body, messages)) return 'quota-probe'
  const asks = `${opening}\n${last ?? ''}`
  if (!asks.includes('JSON')) return undefined
  if (asks.includes('isNewTopic')) return 'topic'
  const isSmall = model !== undefined && familyOf(model) === 'haiku'
  return isSmall && TITLE_FIELD.test(asks) ? 'title' : undefined
}

/** The field's name in quotes of whatever kind; a user's own words may speak of titles too. */
const TITLE_FIELD = /\\"title\\"|'title'|`title`/

const PROBE = /"(?:content|text)"\s*:\s*"quota"/

function isProbe(body: Uint8Array, messages: Span | undefined): boolean {
  if (messages === undefined || body.length > PROBE_BYTES || !PROBE.test(textOf(body, messages, PROBE_BYTES)))
    return false
  const most = findMembers(body, ['max_tokens'])?.max_tokens
  return textOf(body, most, 2) === '1' && findElements(body, messages, () => false)?.length === 1
}

/** What is looked for is plain ASCII: nothing else needs to be decoded. */
function textOf(body: Uint8Array, span: Span | undefined, most: number): string {
  if (span === undefined) return ''
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  return bytes.toString('latin1', span.start, Math.min(span.end, span.start + most))
}
