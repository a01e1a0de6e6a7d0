/** Agents of workspaces: what is read of them, and everything that must not be. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readAgentFiles } from './agent-files.ts'

let root: string
let workspace: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spillway-agents-'))
  workspace = join(root, 'project')
  mkdirSync(join(workspace, '.claude', 'agents'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const PROMPT = 'You review "SQL" – with care.\nSay what is slow.'
const agent = (name: string, more = ''): string => `---\nname: ${name}\n${more}---\n\n${PROMPT}\n`
const place = (name: string): string => join(workspace, '.claude', 'agents', name)
const namesIn = (...workspaces: readonly string[]): readonly string[] =>
  readAgentFiles(workspaces).definitions.map(({ name }) => name)

describe('an agent’s file', () => {
  it('says its name, what it is for, its model, its tools, and how its prompt begins in a request', () => {
    const yaml = 'description: Looks at SQL.\nmodel: haiku\ntools: Read, Grep\n'
    writeFileSync(place('sql.md'), agent('sql-reviewer', yaml))
    const [read] = readAgentFiles([workspace]).definitions
    expect(read).toMatchObject({
      name: 'sql-reviewer',
      description: 'Looks at SQL.',
      model: 'haiku',
      tools: ['Read', 'Grep'],
      workspace,
    })
    expect(JSON.stringify({ system: PROMPT })).toContain(Buffer.from(read?.opening ?? []).toString())
    expect(read?.opening.length).toBeGreaterThan(40)
  })

  it('may have a list of tools, Windows’ line ends and a mark of its encoding', () => {
    writeFileSync(place('a.md'), `\uFEFF${agent('a', 'tools: [Read, Bash]\n').replaceAll('\n', '\r\n')}`)
    expect(readAgentFiles([workspace]).definitions).toMatchObject([{ name: 'a', tools: ['Read', 'Bash'] }])
  })

  it('with hardly a prompt is listed, and recognised by nothing', () => {
    writeFileSync(place('a.md'), '---\nname: a\n---\nHi.')
    expect(readAgentFiles([workspace]).definitions[0]?.opening).toHaveLength(0)
  })

  it.each([
    ['no head', 'You are one.'],
    ['no name', '---\ndescription: x\n---\nYou are one.'],
    ['a name that no path can hold', '---\nname: a/b\n---\nYou are one.'],
    ['a name that is no text', '---\nname: [a]\n---\nYou are one.'],
    ['a head that is no YAML', '---\nname: "a\n---\nYou are one.'],
    ['a head of mere text', '---\njust words\n---\nYou are one.'],
  ])('with %s is not used, and it is said why', (_what, text) => {
    writeFileSync(place('a.md'), text)
    const { definitions, problems } = readAgentFiles([workspace])
    expect(definitions).toEqual([])
    expect(problems).toMatchObject([{ workspace, message: expect.stringContaining('a.md') }])
  })

  it('whose YAML would grow without end is not read', () => {
    const levels = Array.from(
      { length: 5 },
      (_, level) => `l${level + 1}: &l${level + 1} [*l${level}, *l${level}]`,
    )
    const yaml = ['l0: &l0 [x, x]', ...levels, 'tools: *l5'].join('\n')
    writeFileSync(place('a.md'), agent('a', `${yaml}\n`))
    const { definitions, problems } = readAgentFiles([workspace])
    expect([definitions.length, problems.length]).toEqual([0, 1])
  })
})

describe('nothing is read', () => {
  it('through a link to a file', () => {
    writeFileSync(join(root, 'secret.md'), agent('secret'))
    symlinkSync(join(root, 'secret.md'), place('a.md'))
    expect(namesIn(workspace)).toEqual([])
  })

  it('through a link of the directory out of the workspace', () => {
    mkdirSync(join(root, 'elsewhere'))
    writeFileSync(join(root, 'elsewhere', 'a.md'), agent('a'))
    rmSync(join(workspace, '.claude', 'agents'), { recursive: true })
    symlinkSync(join(root, 'elsewhere'), join(workspace, '.claude', 'agents'))
    const { definitions, problems } = readAgentFiles([workspace])
    expect(definitions).toEqual([])
    expect(problems).toMatchObject([{ message: expect.stringContaining('leads out of the workspace') }])
  })

  it('of what is too long, of directories, and of other files', () => {
    writeFileSync(place('long.md'), agent('long') + 'x'.repeat(200_000))
    mkdirSync(place('directory.md'))
    writeFileSync(place('notes.txt'), agent('notes'))
    writeFileSync(place('good.md'), agent('good'))
    const { definitions, problems } = readAgentFiles([workspace])
    expect(definitions.map(({ name }) => name)).toEqual(['good'])
    expect(problems).toMatchObject([{ message: expect.stringContaining('at most 128 KB') }])
  })

  it('beyond two hundred files', () => {
    for (let index = 0; index < 205; index++)
      writeFileSync(place(`a${String(index).padStart(3, '0')}.md`), agent(`a${index}`))
    const { definitions, problems } = readAgentFiles([workspace])
    expect([definitions.length, problems.length]).toEqual([200, 1])
  })

  it('where there is nothing, which is said', () => {
    const missing = join(root, 'missing')
    expect(readAgentFiles([missing]).problems).toMatchObject([{ workspace: missing }])
  })

  it('twice: the first of two agents with one name counts', () => {
    const other = join(root, 'other')
    mkdirSync(join(other, '.claude', 'agents'), { recursive: true })
    writeFileSync(place('a.md'), agent('a', 'description: first\n'))
    writeFileSync(join(other, '.claude', 'agents', 'a.md'), agent('a', 'description: second\n'))
    const { definitions, problems } = readAgentFiles([workspace, other])
    expect(definitions).toMatchObject([{ description: 'first' }])
    expect(problems).toMatchObject([{ workspace: other }])
  })
})
