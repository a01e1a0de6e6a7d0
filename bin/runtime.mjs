/**
 * What the launchers share: is everything installed that the lock file names, where is
 * Bun, and how is it started. Plain Node, no dependency: it runs before anything is there.
 * It must not know a single command of Spillway.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Installs from the lock file when something it names is missing or of another version.
 * npm's own output goes to standard error, so that a command's output stays its own.
 */
export function ensureInstalled({ development }) {
  if (!existsSync(join(root, 'package-lock.json'))) return // an installed package, not a checkout
  if (isInstalled(development)) return
  process.stderr.write('Installing what the lock file names (once)…\n')
  const words = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(development ? [] : ['--omit=dev'])]
  const npm = process.env.npm_execpath
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const { status } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...words], options)
    : spawnSync('npm', words, options)
  if (status === 0 && isInstalled(development)) return
  fail(
    'npm could not install the dependencies; its message stands above. Run "npm ci" by hand to see all of it.',
  )
}

/** Compares what npm wrote down when it last installed with what the lock file asks for. */
function isInstalled(development) {
  try {
    const wanted = readLock('package-lock.json')
    const present = readLock(join('node_modules', '.package-lock.json'))
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' ||
        (entry.optional === true && present[path] === undefined) ||
        (entry.devOptional === true && !development) ||
        (entry.dev === true && !development) ||
        present[path]?.version === entry.version,
    )
  } catch {
    return false
  }
}

const readLock = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages

/** The Bun that the lock file names, out of its platform package: no install script is needed for it. */
export function findBun() {
  const require = createRequire(import.meta.url)
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const machine = process.arch === 'arm64' ? 'aarch64' : process.arch
  const file = process.platform === 'win32' ? 'bun.exe' : 'bun'
  const names = [`@oven/bun-${system}-${machine}`, `@oven/bun-${system}-${machine}-musl`]
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), 'bin', file)
    } catch {
      // not this one
    }
  }
  return fail(
    `Bun is missing: neither ${names.join(' nor ')} is installed. Run "npm ci" in ${root}; if that does not ` +
      'bring it, this platform is not one of those that Bun is published for, or npm was told to omit optional packages.',
  )
}

/** Runs Bun in this process's place: same terminal, signals handed on, its exit code is ours. */
export function runBun(words, environment = {}) {
  const child = spawn(findBun(), words, {
    stdio: 'inherit',
    env: { ...process.env, ...environment, SPILLWAY_LAUNCHER_PID: String(process.pid) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal))
  }
  // Without a listener Node would open its inspector to whoever asks on loopback.
  process.on('SIGUSR1', () => {})
  if (process.env.npm_command !== undefined) endWithNpm(child)
  child.on('error', (error) => fail(`Bun could not be started: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

/** npm that is told to end does not tell what it runs; its shell is gone then, and we have another parent. */
function endWithNpm(child) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, 500)
  timer.unref()
}

export function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
