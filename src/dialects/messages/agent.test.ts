/** Agents by how their requests begin; the wordings are those of `wire.md` §3.3. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { type AgentKind, agentKindOf } from './agent.ts'
import { readMessagesRequest } from './request.ts'

const ATTRIBUTION = 'x-anthropic-billing-header: cc_version=2.1.290; cc_entrypoint=cli;'
const TOOLS = [{ name: 'Bash', input_schema: { type: 'object' } }]
const TURN = [{ role: 'user', content: 'Is this index used?' }]
const SUMMARY =
  'Your task is to create a detailed summary of the conversation so far, paying close attention…'
const MAIN = "You are Claude Code, Anthropic's official CLI for Claude."

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

  it.each([
    [
      'in its system prompt',
      { system: 'Generate a concise title. Return JSON with a single "title" field.' },
    ],
    [
      'of a branch too, in its only turn',
      { messages: [{ role: 'user', content: 'Return a JSON object with "title" and "branch".' }] },
    ],
    ['with an empty list of tools', { system: "As JSON, with the field 'title'.", tools: [] }],
  ])('as a title by what a small model is asked for %s', (_where, fields) => {
    expect(kindOf({ model: 'claude-haiku-5-5', messages: TURN, ...fields })).toBe('title')
  })

  it('as a topic check by the field that it asks for', () => {
    expect(kindOf({ system: 'Answer with a JSON object with isNewTopic and title.', messages: TURN })).toBe(
      'topic',
    )
  })

  it('as a quota probe by its one word and its one token', () => {
    const probe = { max_tokens: 1, messages: [{ role: 'user', content: 'quota' }] }
    const asBlocks = [{ role: 'user', content: [{ type: 'text', text: 'quota' }] }]
    expect(kindOf(probe)).toBe('quota-probe')
    expect(kindOf({ ...probe, messages: asBlocks })).toBe('quota-probe')
    expect(kindOf({ ...probe, max_tokens: 10 })).toBeUndefined()
    expect(kindOf({ ...probe, messages: [...probe.messages, ...TURN] })).toBeUndefined()
  })

  it.each([
    ['a turn of its own', [{ role: 'user', content: `${SUMMARY}${'Be thorough. '.repeat(600)}` }]],
    [
      'a turn with the results of tools before it',
      [
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: 'x'.repeat(50_000) },
            { type: 'text', text: SUMMARY },
          ],
        },
      ],
    ],
  ])('as compaction by %s, however long the conversation was', (_what, last) => {
    const long = Array.from({ length: 500 }, () => ({ role: 'user', content: 'x'.repeat(200) }))
    expect(kindOf({ tools: TOOLS, messages: [...long, ...last] })).toBe('compaction')
  })

  it('as the main loop, although its prompt speaks of the SDK and of other agents further on', () => {
    const rest =
      '\nIf the user asks about the Claude Agent SDK, use the agent "You are the Claude guide agent".'
    expect(kindOf({ system: MAIN + rest, tools: TOOLS, messages: TURN })).toBe('main')
  })

  it('as what its own block says, where the main loop’s line comes before it', () => {
    const blocks = [ATTRIBUTION, MAIN, 'You are a status line setup agent for Claude Code.']
    const system = blocks.map((text) => ({ type: 'text', text }))
    expect(kindOf({ system, tools: TOOLS, messages: TURN })).toBe('statusline-setup')
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
    [
      'as a title while there are tools',
      {
        model: 'claude-haiku-5-5',
        system: 'Return JSON with a single "title" field.',
        tools: TOOLS,
        messages: TURN,
      },
    ],
    [
      'as compaction by what was said before the last turn',
      { messages: [{ role: 'user', content: SUMMARY }, { role: 'assistant', content: 'Done.' }, ...TURN] },
    ],
    [
      'as a title while a large model is asked',
      { system: 'Return JSON with a single "title" field.', messages: TURN },
    ],
    [
      'as a title for speaking of one',
      { model: 'claude-haiku-5-5', system: 'Translate the title of this JSON file.', messages: TURN },
    ],
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
