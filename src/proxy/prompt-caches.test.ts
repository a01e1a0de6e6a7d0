/** What is remembered of caches has bounds: by conversations and by hashes. */
import { describe, expect, it } from 'bun:test'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { CachedPrompt } from '../core/cache-miss.ts'
import { createPromptCaches } from './prompt-caches.ts'

describe('what is remembered of prompt caches', () => {
  it('is forgotten beyond its number of conversations, the longest unused first', () => {
    const caches = createPromptCaches(3, 1_000)
    for (const name of ['a', 'b', 'c', 'a', 'd']) caches.keep(name, [prompt(1)])
    expect(['a', 'b', 'c', 'd'].map((name) => caches.of(name).length)).toEqual([1, 0, 1, 1])
    expect(caches.hashes).toBe(3)
  })

  it('is forgotten beyond its number of hashes, but never what has just come', () => {
    const caches = createPromptCaches(100, 50)
    for (const name of ['a', 'b', 'c']) caches.keep(name, [prompt(20)])
    expect(caches.of('a')).toEqual([])
    expect(caches.hashes).toBe(40)
    caches.keep('d', [prompt(40), prompt(40)])
    expect([caches.of('c').length, caches.of('d').length, caches.hashes]).toEqual([0, 2, 80])
  })

  it('does not grow with a conversation that goes on', () => {
    const caches = createPromptCaches(10, 10_000)
    for (let turn = 0; turn < 500; turn++) caches.keep('a', [prompt(turn)])
    expect(caches.hashes).toBe(499)
  })
})

const prompt = (messages: number): CachedPrompt => ({
  account: idOf('a'),
  organization: undefined,
  model: 'm',
  servedModel: 'm',
  tokens: 1,
  lifeMs: 1,
  touchedAt: NOON,
  prefix: { tools: 0, system: 0, messages: new Uint32Array(messages), respelled: [], settled: undefined },
})
