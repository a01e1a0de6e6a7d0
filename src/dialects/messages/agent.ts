/**
 * Which kind of agent a request comes from, by how it begins (`wire.md` §3.3): a label for
 * preferences and statistics, never a reason to let anybody in or out, because wordings
 * change. Looks at a few kilobytes, never at the whole body.
 */
import type { Span } from '../json-scan.ts'
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

type Parts = Pick<MessagesRequest, 'system' | 'tools' | 'messages'>

const SYSTEM_BYTES = 6_144
const LAST_BYTES = 4_096
/** A probe's only message is one word. */
const PROBE_BYTES = 256

/** What only spawned agents' prompts say; the first that is found counts. */
const SPAWNED: readonly (readonly [AgentKind, string])[] = [
  ['general-purpose', 'You are an agent for Claude Code'],
  ['explore', 'You are a file search specialist for Claude Code'],
  ['plan', 'You are a software architect and planning specialist'],
  ['guide', 'You are the Claude guide agent'],
  ['statusline-setup', 'You are a status line setup agent'],
]

const LOOPS: readonly (readonly [AgentKind, string])[] = [
  ['sdk', 'Claude Agent SDK'],
  ['main', 'You are Claude Code, Anthropic'],
]

/** Undefined when nothing is recognised. `hasAgent`: it says that it comes from a spawned agent. */
export function agentKindOf(body: Uint8Array, parts: Parts, hasAgent: boolean): AgentKind | undefined {
  const { system, tools, messages } = parts
  const opening = textOf(body, system, SYSTEM_BYTES)
  const kind =
    found(SPAWNED, opening) ?? helperOf(body, { opening, tools, messages }) ?? found(LOOPS, opening)
  // The main loop's prompt with an agent's header is a fork, or an agent of a newer version.
  return hasAgent && (kind === undefined || kind === 'main' || kind === 'sdk') ? 'agent' : kind
}

const found = (table: readonly (readonly [AgentKind, string])[], opening: string): AgentKind | undefined =>
  table.find(([, words]) => opening.includes(words))?.[0]

interface Helper extends Pick<Parts, 'tools' | 'messages'> {
  readonly opening: string
}

/** Small requests that the client makes for itself, and the one that sums a conversation up. */
function helperOf(body: Uint8Array, { opening, tools, messages }: Helper): AgentKind | undefined {
  if (/detailed summary of (?:the|our|this) conversation/.test(lastOf(body, messages))) return 'compaction'
  if (tools !== undefined && tools.end - tools.start > '[]'.length) return undefined
  if (opening.includes('isNewTopic')) return 'topic'
  if (/\btitle\b/.test(opening) && /\bJSON\b/i.test(opening)) return 'title'
  if (messages === undefined || messages.end - messages.start > PROBE_BYTES) return undefined
  return /"(?:content|text)"\s*:\s*"quota"/.test(textOf(body, messages, PROBE_BYTES))
    ? 'quota-probe'
    : undefined
}

const decoder = new TextDecoder()

const textOf = (body: Uint8Array, span: Span | undefined, most: number): string =>
  span === undefined ? '' : decoder.decode(body.subarray(span.start, Math.min(span.end, span.start + most)))

const lastOf = (body: Uint8Array, span: Span | undefined): string =>
  span === undefined
    ? ''
    : decoder.decode(body.subarray(Math.max(span.start, span.end - LAST_BYTES), span.end))
