/** The table of providers: complete, closed, and each credential where it belongs. */
import { describe, expect, it } from 'bun:test'
import { baseUrlProblem } from './base-url.ts'
import { PROVIDERS, providerOf } from './registry.ts'

describe('every provider', () => {
  it.each(PROVIDERS.map((provider) => [provider.id, provider] as const))(
    '%s can be told and addressed',
    (id, provider) => {
      expect(id).toMatch(/^[a-z][a-z0-9-]*$/)
      expect(provider.label).not.toBe('')
      if (provider.baseUrl !== undefined) expect(baseUrlProblem(provider.baseUrl, [])).toBeUndefined()
      expect(providerOf(id)).toBe(provider)
    },
  )

  it('has a name of its own', () => {
    expect(new Set(PROVIDERS.map(({ id }) => id)).size).toBe(PROVIDERS.length)
  })

  it.each(PROVIDERS.map(({ id }) => id))('%s signs with the secret and nothing but the secret', (id) => {
    const headers = providerOf(id)?.sign('CANARY') ?? []
    expect(headers.length).toBeGreaterThan(0)
    for (const [name, value] of headers) {
      expect(name).toBe(name.toLowerCase())
      expect(['CANARY', 'Bearer CANARY']).toContain(value)
    }
  })
})

describe('a console key', () => {
  it('goes into x-api-key, as keys do', () => {
    expect(providerOf('console')?.sign('sk-ant-api03-1')).toEqual([['x-api-key', 'sk-ant-api03-1']])
  })
})

describe('a compatible endpoint', () => {
  it('gets its key in one place, the dialect’s own', () => {
    expect(providerOf('anthropic-compatible')?.sign('k')).toEqual([['x-api-key', 'k']])
  })

  it('gets it as a bearer token where it was given as one', () => {
    expect(providerOf('anthropic-compatible')?.sign('Bearer k')).toEqual([['authorization', 'Bearer k']])
  })

  it('may need no key', () => expect(providerOf('anthropic-compatible')?.sign('')).toEqual([]))
})

it.each(['', 'Console', 'constructor', 'nobody'])('there is no provider "%s"', (id) => {
  expect(providerOf(id)).toBeUndefined()
})
