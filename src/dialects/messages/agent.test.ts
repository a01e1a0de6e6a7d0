/** Agents by how their requests begin; the wordings are those of `wire.md` §3.3. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { type AgentKind, agentKindOf } from './agent.ts'
import { readMessagesRequest } from './request.ts'

const ATTRIBUTION = 'x-anthropic-billing-header: cc_version=2.1.290; cc_entrypoint=cli;'
const TOOLS = [{ name: 'Bash', input_schema: { type: 'object' } }]
const TURN = [{ role: 'user', content: 'Is this index used?' }]

describe('an agent is recognised', () => {
  it.each<[AgentKind, string]>([
    ['main', "You are Claude Code, Anthropic's official CLI for Claude."],
    ['sdk', "You are a Claude agent, built on Anthropic's Claude Agent SDK."],
    ['sdk', "You are Claude Code, Anthropic's official CLI for Claude, running within the Claude Agent SDK."],
    [
      'general-purpose',
      "You are an agent for Claude Code, Anthropic's official CLI for Claude. Given the user's message…",
    ],
    ['explore', "You are a file search specialist for Claude Code, Anthropic's official CLI for Claude."],
    ['plan', 'You are a software architect and planning specialist for Claude Code.'],
    ['guide', 'You are the Claude guide agent. Your primary responsibility…'],
    ['statusline-setup', 'You are a status line setup agent for Claude Code.'],
  ])('as %s, behind the attribution block and in a plain text', (kind, words) => {
    const blocks = [ATTRIBUTION, words].map((text) => ({ type: 'text', text }))
    expect(kindOf({ system: blocks, tools: TOOLS, messages: TURN })).toBe(kind)
    expect(kindOf({ system: words, tools: TOOLS, messages: TURN })).toBe(kind)
  })

  it('as a title, a topic or a probe by its small request', () => {
    const title = 'Generate a concise title. Return JSON with a single "title" field.'
    expect(kindOf({ system: title, messages: TURN })).toBe('title')
    expect(kindOf({ system: 'Answer with a JSON object with isNewTopic and title.', messages: TURN })).toBe(
      'topic',
    )
    expect(kindOf({ max_tokens: 1, messages: [{ role: 'user', content: 'quota' }] })).toBe('quota-probe')
  })

  it('as compaction by its last turn, however long the conversation was', () => {
    const words =
      'Your task is to create a detailed summary of the conversation so far, paying close attention…'
    const long = Array.from({ length: 500 }, () => ({ role: 'user', content: 'x'.repeat(200) }))
    expect(kindOf({ tools: TOOLS, messages: [...long, { role: 'user', content: words }] })).toBe('compaction')
  })

  it('as some agent where it says so and nothing else is known', () => {
    expect(kindOf({ system: 'You review SQL.', messages: TURN }, true)).toBe('agent')
    expect(
      kindOf({ system: "You are Claude Code, Anthropic's official CLI for Claude.", messages: TURN }, true),
    ).toBe('agent')
    expect(
      kindOf({ system: 'You are a file search specialist for Claude Code.', messages: TURN }, true),
    ).toBe('explore')
  })
})

describe('nobody is recognised', () => {
  it.each([
    ['in another program', { system: 'You review SQL.', messages: TURN }],
    ['without a system prompt', { messages: TURN }],
    [
      'by what a user writes',
      { messages: [{ role: 'user', content: "You are Claude Code, Anthropic's official CLI" }] },
    ],
    ['as a title while there are tools', { system: 'Set the title as JSON.', tools: TOOLS, messages: TURN }],
    [
      'by words far behind the beginning',
      { system: `${'x'.repeat(10_000)}You are Claude Code, Anthropic`, messages: TURN },
    ],
  ])('%s', (_what, body) => {
    expect(kindOf(body)).toBeUndefined()
  })

  it('and nothing is thrown, whatever comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (system, tools, messages) => {
        expect(() => kindOf({ system, tools, messages })).not.toThrow()
      }),
    )
  })
})

function kindOf(fields: object, hasAgent = false) {
  const body = Buffer.from(JSON.stringify({ model: 'claude-sonnet-5-5', ...fields }))
  const read = readMessagesRequest(body)
  if (read === undefined) throw new Error('The request could not be read.')
  return agentKindOf(body, read, hasAgent)
}
