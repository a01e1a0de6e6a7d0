/** The published traces are what their generator makes, and their text says all of it. */
import { describe, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import { generateTraces } from './generate/traces.ts'
import { readTrace, writeTrace } from './trace-file.ts'
import { TRACE_NAMES, traceFile } from './traces.ts'

const generated = generateTraces()

describe('a published trace', () => {
  it('is there under every name', () => {
    expect(generated.map(({ name }) => name)).toEqual([...TRACE_NAMES])
  })

  it.each(generated)('comes out the same to the byte: $name', (trace) => {
    expect(writeTrace(trace) === readFileSync(traceFile(trace.name), 'utf8')).toBe(true)
  })

  it.each(generated)('says all of itself in its text: $name', (trace) => {
    expect(readTrace(writeTrace(trace))).toEqual(trace)
  })

  it.each(generated)('is in the order of time, and never caches more than it asks: $name', ({ requests }) => {
    expect(requests.length).toBeGreaterThan(1_000)
    expect(requests.filter(({ at }, index) => at < (requests[index - 1]?.at ?? 0))).toEqual([])
    expect(requests.filter(({ cachedTokens, promptTokens }) => cachedTokens > promptTokens)).toEqual([])
  })
})
