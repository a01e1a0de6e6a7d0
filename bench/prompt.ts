/** The part that all of an agent's requests share: system blocks and tools with their schemas. */

const RULES = [
  'Read a file before you change it, and keep to the style that you find there.',
  'Prefer editing existing files to creating new ones; never write documentation unless asked to.',
  'Run the tests after a change. When they fail, read the message before you try again.',
  'Say what you did in one or two sentences. Do not repeat code that the user can see.',
  'Never guess URLs. Use "git status" and "git diff" to see what has changed.',
  'If a command may destroy work (rm -rf, git reset --hard, drop table), ask first.',
]

const SECTIONS = [
  'Tone',
  'Doing tasks',
  'Tool use',
  'Code style',
  'Commits',
  'Pull requests',
  'Safety',
  'Memory',
]

const text = (title: string): string =>
  `# ${title}\n${RULES.map((rule, index) => `${index + 1}. ${title}: ${rule}`).join('\n')}\n\n` +
  `<example>\nuser: what does "bun test --bail" do?\nassistant: It stops after the first failing test.\n</example>\n`

export const SYSTEM: readonly object[] = [
  { type: 'text', text: "You are Claude Code, Anthropic's official CLI for Claude." },
  {
    type: 'text',
    text: SECTIONS.map(text).join('\n'),
    cache_control: { type: 'ephemeral', ttl: '1h' },
  },
]

const TOOL_NAMES = [
  'Read',
  'Edit',
  'Write',
  'Bash',
  'Glob',
  'Grep',
  'Task',
  'WebFetch',
  'WebSearch',
  'TodoWrite',
  'NotebookEdit',
  'KillShell',
]

export const TOOLS: readonly object[] = TOOL_NAMES.map((name) => ({
  name,
  description: `${name} does one thing on the user's machine.\n\nUsage:\n${RULES.map((rule) => `- ${rule}`).join('\n')}`,
  input_schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      file_path: { type: 'string', description: 'The absolute path ("/…") of the file' },
      pattern: { type: 'string', description: 'A regular expression, e.g. "log.*Error\\\\s+\\\\w+"' },
      limit: { type: 'number', description: 'How many lines at most', exclusiveMinimum: 0 },
      mode: { type: 'string', enum: ['content', 'files_with_matches', 'count'] },
    },
    required: ['file_path'],
    additionalProperties: false,
  },
}))
