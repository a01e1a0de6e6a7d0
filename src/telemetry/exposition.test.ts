/** The Prometheus text format: samples, escapes, and buckets that add up. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createHistogram, observe, writeFamily, writeHistogram } from './exposition.ts'

describe('writeFamily', () => {
  it('writes help, type and a line for each sample', () => {
    expect(
      writeFamily({
        name: 'x_total',
        help: 'What x is.',
        kind: 'counter',
        labels: ['account', 'kind'],
        samples: [
          [['work', 'input'], 5],
          [['home', 'output'], 0.25],
        ],
      }),
    ).toBe(
      [
        '# HELP x_total What x is.',
        '# TYPE x_total counter',
        'x_total{account="work",kind="input"} 5',
        'x_total{account="home",kind="output"} 0.25',
        '',
      ].join('\n'),
    )
  })

  it('writes no braces where there are no labels', () => {
    expect(family([], [[[], 3]])).toEndWith('\nx 3\n')
  })

  it('writes its head also where there are no samples', () => {
    expect(family(['a'], [])).toBe('# HELP x X.\n# TYPE x gauge\n')
  })

  it('escapes what would end a label', () => {
    expect(family(['a'], [[['\\ " \n'], 1]])).toContain('x{a="\\\\ \\" \\n"} 1')
  })

  it('writes an empty label where a value is missing', () => {
    expect(family(['a', 'b'], [[['1'], 1]])).toContain('x{a="1",b=""} 1')
  })

  it('never lets a value become a line of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (values) => {
        const text = family(
          ['a'],
          values.map((value) => [[value], 1]),
        )
        expect(text.split('\n')).toHaveLength(values.length + 3)
      }),
    )
  })
})

describe('a histogram', () => {
  it('counts each observation in every bucket that it fits, the bound included', () => {
    const histogram = createHistogram([0.1, 1, 5])
    for (const value of [0, 0.1, 0.5, 1, 1.1, 5, 100]) observe(histogram, value)
    expect(
      writeHistogram({ name: 't', help: 'T.', labels: ['a'], series: [[['w'], histogram]] }).split('\n'),
    ).toEqual([
      '# HELP t T.',
      '# TYPE t histogram',
      't_bucket{a="w",le="0.1"} 2',
      't_bucket{a="w",le="1"} 4',
      't_bucket{a="w",le="5"} 6',
      't_bucket{a="w",le="+Inf"} 7',
      't_sum{a="w"} 107.7',
      't_count{a="w"} 7',
      '',
    ])
  })

  it('has its bound as the only label where there are no others', () => {
    const text = writeHistogram({ name: 't', help: 'T.', labels: [], series: [[[], createHistogram([1])]] })
    expect(text).toContain('t_bucket{le="1"} 0\nt_bucket{le="+Inf"} 0\nt_sum 0\nt_count 0\n')
  })

  it('loses no observation, and its buckets never shrink', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1_000, noNaN: true })), (values) => {
        const histogram = createHistogram([0.5, 10, 500])
        for (const value of values) observe(histogram, value)
        const text = writeHistogram({ name: 't', help: 'T.', labels: [], series: [[[], histogram]] })
        const buckets = [...text.matchAll(/_bucket\{.*\} (\d+)/g)].map(([, count]) => Number(count))
        expect(buckets).toEqual(buckets.toSorted((a, b) => a - b))
        expect(buckets.at(-1)).toBe(values.length)
      }),
    )
  })
})

function family(labels: readonly string[], samples: Parameters<typeof writeFamily>[0]['samples']): string {
  return writeFamily({ name: 'x', help: 'X.', kind: 'gauge', labels, samples })
}
