/** Histograms: what a quantile may be off by, and that parts add up. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import {
  addHistogram,
  addLength,
  addWritten,
  type Histogram,
  newHistogram,
  quantileOf,
  writeHistogram,
} from './histogram.ts'

function histogramOf(lengths: readonly number[]): Histogram {
  const histogram = newHistogram()
  for (const ms of lengths) addLength(histogram, ms)
  return histogram
}

const lengths = fc.array(fc.integer({ min: 8, max: 80_000_000 }), { minLength: 1, maxLength: 200 })

describe('a histogram of lengths of time', () => {
  it('gives quantiles that are off by 4.5 % at most', () => {
    fc.assert(
      fc.property(lengths, fc.constantFrom(0.5, 0.95, 0.99, 1), (all, share) => {
        const sorted = all.toSorted((one, other) => one - other)
        const exact = sorted[Math.ceil(share * all.length) - 1] ?? 0
        const found = quantileOf(histogramOf(all), share) ?? 0
        // Half a millisecond is lost to rounding.
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.0443 + 0.5)
      }),
    )
  })

  it('is that of the whole when those of parts are added up, also as they are stored', () => {
    fc.assert(
      fc.property(lengths, lengths, (one, other) => {
        const whole = histogramOf([...one, ...other])
        const sum = histogramOf(one)
        addHistogram(sum, histogramOf(other))
        expect(sum).toEqual(whole)
        const read = newHistogram()
        addWritten(read, writeHistogram(histogramOf(one)))
        addWritten(read, writeHistogram(histogramOf(other)))
        expect(read).toEqual(whole)
        const joined = newHistogram()
        addWritten(joined, ` ${writeHistogram(histogramOf(one))}  ${writeHistogram(histogramOf(other))} `)
        expect(joined).toEqual(whole)
      }),
    )
  })

  it('has no quantile when nothing was seen', () => {
    expect(quantileOf(newHistogram(), 0.5)).toBeUndefined()
    const read = newHistogram()
    addWritten(read, '')
    addWritten(read, ' ')
    expect(read).toEqual(newHistogram())
  })

  it('puts whatever is at its ends into a bucket', () => {
    expect(quantileOf(histogramOf([0]), 0.5)).toBe(1)
    expect(quantileOf(histogramOf([Number.MAX_SAFE_INTEGER]), 0.5)).toBe(quantileOf(histogramOf([1e12]), 0.5))
  })
})
