/** Agents: read from workspaces, recognised in traffic, and given the model that the operator prefers. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Answer } from '../src/api/contract.ts'
import { bareSpillway } from './support/command-line.ts'
import { openWorld, type World } from './support/world.ts'

const PROMPT = 'You review SQL statements and say which index they use.'
let workspace: string
let world: World
beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'spillway-workspace-'))
  mkdirSync(join(workspace, '.claude', 'agents'), { recursive: true })
  define('sql-reviewer', 'description: Looks at SQL.\nmodel: opus\ntools: Read\n')
  world = await openWorld({ settings: { agentWorkspaces: workspace } })
})
afterEach(async () => {
  await world.stop()
  rmSync(workspace, { recursive: true, force: true })
})

const define = (name: string, yaml = '', prompt = PROMPT): void =>
  writeFileSync(
    join(workspace, '.claude', 'agents', `${name}.md`),
    `---\nname: ${name}\n${yaml}---\n${prompt}\n`,
  )

describe('agents', () => {
  it('of workspaces are listed, also those that were written a moment ago', async () => {
    expect(await find('sql-reviewer')).toMatchObject({
      sources: ['workspace'],
      description: 'Looks at SQL.',
      definedModel: 'opus',
      tools: ['Read'],
      workspace,
      requests: 0,
    })
    define('later')
    expect(await find('later')).toMatchObject({ sources: ['workspace'] })
  })

  it('are recognised in traffic by their prompt, and shown with the models asked for and served', async () => {
    await ask({ system: `${PROMPT}\nNotes follow.` }, { 'x-claude-code-agent-id': 'x' })
    await ask(
      { system: 'You are a file search specialist for Claude Code.' },
      { 'x-claude-code-agent-id': 'y' },
    )
    await ask({ system: 'You are something that nobody knows.' })
    expect((await world.rows(3)).map(({ agentKind }) => agentKind)).toEqual([
      'sql-reviewer',
      'explore',
      undefined,
    ])
    expect(await find('sql-reviewer')).toMatchObject({
      sources: ['workspace', 'traffic'],
      requests: 1,
      models: [{ model: 'claude-sonnet-5-5', servedModel: 'claude-sonnet-5-5', requests: 1 }],
    })
    const explore = await find('explore')
    expect(explore).toMatchObject({ sources: ['traffic', 'built-in'] })
    expect(explore?.firstSeenAt).toBe(explore?.lastSeenAt ?? '')
  })

  it('say themselves what they are, if they like', async () => {
    await ask({}, { 'x-spillway-agent': 'night-shift' })
    expect(await find('night-shift')).toMatchObject({ sources: ['traffic'], requests: 1 })
  })

  it('that cannot be read are told of', async () => {
    writeFileSync(join(workspace, '.claude', 'agents', 'bad.md'), 'nothing')
    const { problems } = await world.api.listAgents()
    expect(problems).toMatchObject([{ workspace, message: expect.stringContaining('bad.md') }])
    expect(world.log()).toContain('bad.md')
  })
})

describe('a preference', () => {
  it('gives an agent another model whatever it asks for, which the answer and the row say (G11)', async () => {
    const changed = await world.api.changeAgent({
      params: { name: 'sql-reviewer' },
      body: { model: 'claude-haiku-5-5' },
    })
    expect(changed.preference).toEqual({ model: 'claude-haiku-5-5', models: {} })
    const answer = await ask({ system: PROMPT })
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-5-5')
    const other = await ask({ system: 'You are another one.' })
    expect(other.headers.get('x-spillway-model')).toBeNull()
    const [row] = await world.rows(2)
    expect(row).toMatchObject({ servedModel: 'claude-haiku-5-5', agentKind: 'sql-reviewer' })
    expect(await find('sql-reviewer')).toMatchObject({
      sources: ['workspace', 'traffic', 'rule'],
      models: [{ model: 'claude-sonnet-5-5', servedModel: 'claude-haiku-5-5', requests: 1 }],
    })
  })

  it('is for a family before it is for all, changes by parts, and is taken back', async () => {
    const change = (body: Parameters<World['api']['changeAgent']>[0]['body']) =>
      world.api.changeAgent({ params: { name: 'explore' }, body })
    await change({ model: 'claude-haiku-5-5', models: { opus: 'claude-sonnet-5-5' }, class: 'background' })
    const explain = async (model: string) =>
      (await world.api.explainRoute({ query: { model, agent: 'explore' } })).model
    expect([await explain('claude-opus-5-5'), await explain('claude-fable-5-5')]).toEqual([
      'claude-sonnet-5-5',
      'claude-haiku-5-5',
    ])
    expect((await change({ models: { opus: null } })).preference).toEqual({
      model: 'claude-haiku-5-5',
      models: {},
      class: 'background',
    })
    expect((await change({ models: null, class: null })).preference).toEqual({ models: {} })
    const { settings } = await world.api.showConfig()
    expect(settings.find(({ name }) => name === 'agents')?.value).toEqual({})
  })

  it('is said of several at once, all or none, and of many in parallel without losing one', async () => {
    const named = ['plan', 'guide', 'title'].map((name) => ({ name, model: 'claude-haiku-5-5' }))
    await world.api.changeAgents({ body: { agents: named } })
    const nobody = {
      agents: [
        { name: 'sdk', model: 'x' },
        { name: 'sql-reviwer', model: 'x' },
      ],
    }
    await expect(world.api.changeAgents({ body: nobody })).rejects.toThrow('Did you mean "sql-reviewer"?')
    expect((await find('sdk'))?.preference).toEqual({ models: {} })
    const many = ['main', 'topic', 'explore', 'agent']
    await Promise.all(
      many.map((name) => world.api.changeAgent({ params: { name }, body: { class: 'background' } })),
    )
    const { agents } = await world.api.listAgents()
    const ruled = agents.filter(({ sources }) => sources.includes('rule')).map(({ name }) => name)
    expect(ruled.toSorted()).toEqual([...many, 'plan', 'guide', 'title'].toSorted())
  })

  it.each([
    ['nothing', {}],
    ['no model', { model: ' ' }],
    ['a class that there is not', { class: 'slow' }],
    ['a field that means nothing', { model: 'x', mode: 'y' }],
  ])('that says %s is refused', async (_what, body) => {
    const answer = await world.admin('/api/agents/explore', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(400)
  })
})

describe('the command line', () => {
  const run = (...words: readonly string[]) =>
    bareSpillway(world.dataDirectory, [...words, '--data-dir', world.dataDirectory])

  it('lists agents and says which models they get', async () => {
    const set = await run('agents', 'set', 'explore', 'plan', '--model', 'claude-haiku-5-5')
    expect(set.out).toBe('explore: claude-haiku-5-5\nplan: claude-haiku-5-5\n')
    expect((await run('agents', 'list')).out).toMatch(/explore +rule, built-in .*claude-haiku-5-5/)
    expect((await run('agents', 'set', 'plan', '--clear')).out).toBe('plan: nothing said\n')
    expect((await run('agents', 'set', 'plan')).code).toBe(2)
    expect((await run('agents', 'set', 'plann', '--class', 'background')).code).toBe(3)
  })
})

async function find(name: string): Promise<Answer<'listAgents'>['agents'][number] | undefined> {
  const { agents } = await world.api.listAgents()
  return agents.find((agent) => agent.name === name)
}

async function ask(fields: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const answer = await world.ask({ ...fields }, headers)
  await answer.text()
  return answer
}
