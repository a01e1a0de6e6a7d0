/**
 * Who may import whom, default-deny, and a few rules that no linter has. ARCHITECTURE.md
 * explains the table; change both together.
 */
import { describe, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const ROOT = dirname(import.meta.dir)
const EVERYTHING = ['*']

/** Layer → the layers it may import, besides itself. Files directly in src/ are their own layer. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  http1: ['core'],
  dialects: ['core'],
  providers: ['core', 'dialects'],
  proxy: ['core', 'dialects', 'providers'],
  keeper: ['core', 'dialects', 'providers'],
  door: ['core'],
  simulation: ['core', 'proxy'],
  storage: ['core'],
  platform: ['core', 'http1'],
  telemetry: ['core'],
  simulator: ['core', 'dialects', 'http1'],
  api: ['core'],
  cli: ['api'],
  settings: ['core'],
  'settings.ts': ['core', 'settings'],
  'config.ts': ['core', 'settings.ts'],
  'reference.ts': ['core', 'settings.ts'],
  compose: EVERYTHING,
  'main.ts': EVERYTHING,
}

/** Packages that a layer may import; tests may import what they like. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  api: ['hono', 'hono/html', 'zod'],
  cli: ['commander'],
  compose: ['@clack/prompts'],
  platform: ['age-encryption', 'nodemailer', 'oauth4webapi', 'pino', 'standardwebhooks'],
  settings: ['re2js'],
  storage: ['re2js'],
}
const RUNTIME_LAYERS = ['platform', 'storage', 'simulator', 'compose', 'cli']

const sources = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)]
  .filter((file) => !file.endsWith('.test.ts'))
  .sort()

describe('the import table', () => {
  it('finds sources to check', () => expect(sources.length).toBeGreaterThan(100))

  it.each(sources)('%s imports only what its layer may', (file) => {
    expect(importsOf(file).filter((target) => !isAllowed(file, target))).toEqual([])
  })

  it('refuses what the table does not name', () => {
    expect(isAllowed('src/core/route.ts', '../proxy/pool.ts')).toBe(false)
    expect(isAllowed('src/api/app.ts', 'pino')).toBe(false)
    expect(isAllowed('src/proxy/serve.ts', 'node:fs')).toBe(false)
    expect(isAllowed('src/nowhere/x.ts', '../core/time.ts')).toBe(false)
  })
})

describe('every source file', () => {
  it.each(sources)('%s begins with what it is for', (file) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toMatch(/^\/\*\*/)
  })

  it.each(sources.filter(isPure))('%s throws no dice', (file) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).not.toContain('Math.random')
  })
})

function isPure(file: string): boolean {
  return ['core', 'dialects', 'http1', 'providers', 'simulation'].includes(layerOf(file))
}

function layerOf(file: string): string {
  return file.split('/')[1] ?? ''
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [
    ...text.matchAll(
      /(?:^|\n)(?:import|export)[^'"\n]*?(?:\{[^}]*\}[^'"\n]*)?from '([^']+)'|import\('([^']+)'\)/g,
    ),
  ].map(([, named, dynamic]) => named ?? dynamic ?? '')
}

function isAllowed(file: string, target: string): boolean {
  const layer = layerOf(file)
  const allowed = MAY_IMPORT[layer]
  if (allowed === undefined) return false
  if (target.startsWith('.')) {
    const path = relative(ROOT, join(ROOT, dirname(file), target))
    if (!path.startsWith('src/')) return layer === 'compose' && path === 'package.json'
    return allowed === EVERYTHING || layerOf(path) === layer || allowed.includes(layerOf(path))
  }
  if (target.startsWith('node:') || target.startsWith('bun'))
    return RUNTIME_LAYERS.includes(layer) || layer === 'main.ts'
  return (MAY_USE[layer] ?? []).includes(target)
}
