/**
 * Writes metrics in the Prometheus text format. What is counted lives with whoever counts
 * it; here it only becomes text, when somebody asks. Must not know what is counted.
 */

export type Samples = readonly (readonly [values: readonly string[], value: number])[]

export interface Family {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge'
  readonly labels: readonly string[]
  readonly samples: Samples
}

export interface HistogramFamily {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly series: readonly (readonly [values: readonly string[], histogram: Histogram])[]
}

export function writeFamily({ name, help, kind, labels, samples }: Family): string {
  const lines = samples.map(([values, value]) => `${name}${labelText(labels, values)} ${value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines, ''].join('\n')
}

export function writeHistogram({ name, help, labels, series }: HistogramFamily): string {
  const lines = series.flatMap(([values, histogram]) => histogramLines(name, labels, values, histogram))
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n')
}

/** Observations in buckets, the last one without a bound. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum: number
}

export const createHistogram = (bounds: readonly number[]): Histogram => ({
  bounds,
  counts: Array.from({ length: bounds.length + 1 }, () => 0),
  sum: 0,
})

export function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram
  let index = 0
  while (index < bounds.length && value > (bounds[index] ?? 0)) index++
  counts[index] = (counts[index] ?? 0) + 1
  histogram.sum += value
}

function histogramLines(
  name: string,
  labels: readonly string[],
  values: readonly string[],
  { bounds, counts, sum }: Histogram,
): readonly string[] {
  let below = 0
  const lines = counts.map((count, index) => {
    below += count
    const bound = bounds[index] === undefined ? '+Inf' : String(bounds[index])
    return `${name}_bucket${labelText([...labels, 'le'], [...values, bound])} ${below}`
  })
  const plain = labelText(labels, values)
  return [...lines, `${name}_sum${plain} ${sum}`, `${name}_count${plain} ${below}`]
}

function labelText(labels: readonly string[], values: readonly string[]): string {
  if (labels.length === 0) return ''
  return `{${labels.map((label, index) => `${label}="${escaped(values[index] ?? '')}"`).join(',')}}`
}

const escaped = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
