/** What the numbers were measured on. Names no host, user or path. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { ROOT } from './spillway.ts'

export interface Machine {
  readonly date: string
  readonly commit: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly bun: string
  readonly node: string
  readonly nginx: string | undefined
  readonly haproxy: string | undefined
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: describeCommit(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    bun: Bun.version,
    node: wordOf(['node', '--version'], /v([\d.]+)/) ?? 'none',
    nginx: wordOf(['nginx', '-v'], /nginx\/([\d.]+)/),
    haproxy: wordOf(['haproxy', '-v'], /version ([\w.~+-]+)/),
  }
}

/** Whether two cores are halves of one: then each slows the other down. */
export function areSiblings(core: number, other: number): boolean {
  try {
    const list = readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`, 'utf8')
    return list.split(/[,-]/).some((each, index) => index > 0 && Number(each) === other)
  } catch {
    return false
  }
}

function describeCommit(): string {
  const commit = wordOf(['git', '-C', ROOT, 'rev-parse', '--short', 'HEAD'], /^(\w+)/) ?? 'unknown'
  const { stdout } = spawnSync('git', ['-C', ROOT, 'status', '--porcelain', '--', 'src', 'bin', 'bench'], {
    encoding: 'utf8',
  })
  return stdout === '' ? commit : `${commit} with uncommitted changes`
}

function wordOf([program = '', ...words]: readonly string[], pattern: RegExp): string | undefined {
  const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' })
  return pattern.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[1]
}
