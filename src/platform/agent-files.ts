/**
 * Reads agents that are defined in workspaces: `.claude/agents/*.md` with YAML at their head.
 * Somebody else may have written these files: links are not followed, nothing outside of the
 * workspace is read, and there are limits on how many and how long they are. Must not write.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { AgentDefinition, AgentFiles, AgentProblem } from '../core/agent-definition.ts'
import { messageOf } from '../core/error.ts'

const PLACE = join('.claude', 'agents')
const MOST_FILES = 200
const MOST_BYTES = 128 << 10
/** Enough to tell two prompts apart. */
const OPENING_LETTERS = 200
const LEAST_OPENING = 20
const LONGEST_NAME = 64
const LONGEST_TEXT = 1_000

export function readAgentFiles(workspaces: readonly string[]): AgentFiles {
  const definitions: AgentDefinition[] = []
  const problems: AgentProblem[] = []
  for (const workspace of workspaces) {
    const complain = (message: string): void => void problems.push({ workspace, message })
    for (const file of filesIn(workspace, complain)) {
      const text = readPlainFile(file, complain)
      const definition = text === undefined ? undefined : toDefinition(text, { workspace, file, complain })
      if (definition === undefined) continue
      if (definitions.some(({ name }) => name === definition.name))
        complain(`${file}: an agent called ${definition.name} was read before; this one is not used.`)
      else definitions.push(definition)
    }
  }
  return { definitions, problems }
}

type Complain = (message: string) => void

function filesIn(workspace: string, complain: Complain): readonly string[] {
  try {
    const root = realpathSync(workspace)
    const place = realpathSync(join(root, PLACE))
    if (!place.startsWith(root + sep)) {
      complain(`${join(workspace, PLACE)} leads out of the workspace; it is not read.`)
      return []
    }
    const names = readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map(({ name }) => name)
      .sort()
    if (names.length > MOST_FILES)
      complain(`${place} has ${names.length} agents; the first ${MOST_FILES} by name are read.`)
    return names.slice(0, MOST_FILES).map((name) => join(place, name))
  } catch (error) {
    complain(`The agents of ${workspace} cannot be read: ${messageOf(error)}.`)
    return []
  }
}

/** Opened without following a link: what was a file when it was listed may have become one. */
function readPlainFile(file: string, complain: Complain): string | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(descriptor)
    if (!stat.isFile() || stat.size > MOST_BYTES) {
      complain(`${file} is not a file of at most ${MOST_BYTES >> 10} KB; it is not read.`)
      return undefined
    }
    const bytes = Buffer.alloc(stat.size)
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0))
  } catch (error) {
    complain(`${file} cannot be read: ${messageOf(error)}.`)
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

interface Found {
  readonly workspace: string
  readonly file: string
  readonly complain: Complain
}

const FRONT_MATTER = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/

function toDefinition(text: string, { workspace, file, complain }: Found): AgentDefinition | undefined {
  const [head, yaml] = FRONT_MATTER.exec(text) ?? []
  const fields = yaml === undefined ? undefined : readFields(yaml)
  const name = textIn(fields?.name)
  if (head === undefined || fields === undefined || name === undefined || !isName(name)) {
    complain(`${file} does not begin with YAML that names an agent ("name: …"); it is not used.`)
    return undefined
  }
  return {
    name,
    description: textIn(fields.description)?.slice(0, LONGEST_TEXT),
    model: textIn(fields.model)?.slice(0, LONGEST_NAME),
    tools: toolsIn(fields.tools),
    workspace,
    file,
    opening: openingOf(text.slice(head.length)),
  }
}

/** What refers to itself can grow without end while it is read, and describes no agent. */
const ANCHOR = /(?:^|[\s,:[{-])&\S/

function readFields(yaml: string): Readonly<Record<string, unknown>> | undefined {
  if (ANCHOR.test(yaml)) return undefined
  try {
    const value: unknown = Bun.YAML.parse(yaml)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

const isName = (name: string): boolean => name.length <= LONGEST_NAME && /^[^\s/\\\p{Cc}]+$/u.test(name)

const textIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

/** A list, or a text with commas. */
function toolsIn(value: unknown): readonly string[] | undefined {
  const list = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(list)) return undefined
  const names = list.flatMap((each) => textIn(each) ?? [])
  return names.slice(0, MOST_FILES).map((each) => each.slice(0, LONGEST_NAME))
}

/** An agent with hardly a prompt would be found everywhere: nothing is found by it. */
function openingOf(prompt: string): Uint8Array {
  const opening = prompt.trim().slice(0, OPENING_LETTERS)
  // Half of a pair would be written as something else.
  const whole = opening.replace(/[\uD800-\uDBFF]$/, '')
  return whole.length < LEAST_OPENING ? new Uint8Array(0) : Buffer.from(JSON.stringify(whole).slice(1, -1))
}
