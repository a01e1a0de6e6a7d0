/**
 * The lock file installs anywhere: it holds the packages of every platform (npm leaves out
 * those of others when it writes the file next to an installed tree), and names no place
 * that they were downloaded from.
 */
import { expect, it } from 'bun:test'
import { join } from 'node:path'

interface Entry {
  readonly resolved?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages }: { readonly packages: Readonly<Record<string, Entry>> } = await Bun.file(
  join(import.meta.dir, '..', 'package-lock.json'),
).json()
const entries = Object.entries(packages)

/** As Node looks for a package: beside its user, then further up. */
function isLocked(user: string, name: string): boolean {
  const places =
    user === '' ? [''] : [...user.split('/node_modules/').keys()].map((depth) => above(user, depth))
  return [...places, ''].some((place) => packages[join(place, 'node_modules', name)] !== undefined)
}

const above = (user: string, depth: number): string => {
  const parts = user.split('/node_modules/')
  return parts.slice(0, parts.length - depth).join('/node_modules/')
}

it('holds every dependency of every package, also those of other platforms', () => {
  const named = entries.flatMap(([user, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).map((name) => ({ user, name })),
  )
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ user, name }) => !isLocked(user, name))).toEqual([])
})

it('names no place of download', () => {
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})
