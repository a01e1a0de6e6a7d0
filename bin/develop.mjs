#!/usr/bin/env node
/**
 * The developer's commands behind `npm test`, `npm run check`, `fix`, `docs`, `bench`,
 * `bench:keys`, `bench:routing`, `bench:ledger` and `simulate:long`: makes sure that everything is installed, then runs the tools. Plain Node; no
 * dependency of its own.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ensureInstalled, fail, findBun, root, runBun } from './runtime.mjs'

const TEST_LIMIT_MS = 60_000
/** Programs that tests run, and the Debian packages they come in. */
const TOOLS = { curl: 'curl', fish: 'fish', mkfifo: 'coreutils', prlimit: 'util-linux', zsh: 'zsh' }
const [task, ...words] = process.argv.slice(2)
const writeReference = join(root, 'src', 'compose', 'write-reference.ts')
ensureInstalled({ development: true })

switch (task) {
  case 'test':
    installTools()
    runBun(['test', '--timeout', String(TEST_LIMIT_MS), ...words])
    break
  case 'check':
    process.exit(await runAll(checks()))
    break
  case 'fix':
    process.exit(
      await runAll({
        biome: [tool('@biomejs/biome/bin/biome'), 'check', '--write', '.'],
        docs: [findBun(), writeReference],
      }),
    )
    break
  case 'docs':
    runBun([writeReference])
    break
  case 'bench':
    runBun([join(root, 'bench', 'main.ts'), ...words])
    break
  case 'bench:routing':
    runBun([join(root, 'bench', 'routing', 'main.ts'), ...words])
    break
  case 'bench:keys':
    runBun([join(root, 'bench', 'keys.ts'), ...words])
    break
  case 'bench:ledger':
    runBun([join(root, 'bench', 'ledger', 'main.ts'), ...words])
    break
  case 'simulate':
    runBun([join(root, 'test', 'simulation', 'long.ts'), ...words])
    break
  default:
    fail(
      `There is no task "${task}": use test, check, fix, docs, bench, bench:keys, bench:ledger, bench:routing or simulate.`,
    )
}

/** Where that takes nobody's password; elsewhere the tests say what they leave out. */
function installTools() {
  const places = (process.env.PATH ?? '').split(delimiter)
  const isThere = (name) => places.some((place) => existsSync(join(place, name)))
  const missing = Object.keys(TOOLS).filter((name) => !isThere(name))
  if (missing.length === 0 || process.getuid?.() !== 0 || !isThere('apt-get')) return
  process.stderr.write(`Installing what tests need: ${missing.join(', ')}…\n`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { stdio: ['ignore', 'ignore', 2], env: environment }
  spawnSync('apt-get', ['update', '-qq'], options)
  spawnSync('apt-get', ['install', '-y', '-qq', ...missing.map((name) => TOOLS[name])], options)
}

function checks() {
  return {
    biome: [tool('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '.'],
    types: [tool('typescript/bin/tsc'), '--noEmit', '--project', '.'],
    'dead code': [tool('knip/bin/knip.js')],
    architecture: [findBun(), 'test', './test/architecture.test.ts'],
  }
}

function tool(path) {
  return join(root, 'node_modules', path)
}

/** All at once; what a failing one said is shown, the others in a word. */
async function runAll(commands) {
  const results = await Promise.all(Object.entries(commands).map(([name, command]) => run(name, command)))
  for (const { name, code, output, seconds } of results) {
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds.toFixed(1)} s)\n`)
    if (code !== 0) process.stdout.write(`${output}\n`)
  }
  return results.some(({ code }) => code !== 0) ? 1 : 0
}

function run(name, [program, ...args]) {
  const started = Date.now()
  const isScript = program !== findBun()
  const child = isScript
    ? spawn(process.execPath, [program, ...args], { cwd: root })
    : spawn(program, args, { cwd: root })
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    output += text
  })
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ name, code: 1, output: error.message, seconds: 0 }))
    child.on('close', (code) => resolve({ name, code, output, seconds: (Date.now() - started) / 1_000 }))
  })
}
