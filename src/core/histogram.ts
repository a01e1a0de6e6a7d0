/**
 * How often which length of time was seen, in buckets whose bounds grow by the eighth root of
 * two: two histograms add up to the one of both, and a quantile is off by 4.5 % at most. Pure.
 */

/** How many fell into each bucket. */
export type Histogram = Uint32Array

const PER_DOUBLING = 8
/** The last one's upper bound is beyond a day. */
const BUCKETS = 27 * PER_DOUBLING + 1

export const newHistogram = (): Histogram => new Uint32Array(BUCKETS)

const bucketOf = (ms: number): number =>
  ms <= 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log2(ms) * PER_DOUBLING))

/** What stands for everything in a bucket: no length in it is further away than by the factor 2^(1/16). */
const middleOf = (bucket: number): number => 2 ** ((bucket + 0.5) / PER_DOUBLING)

export const addLength = (to: Histogram, ms: number): void => addTimes(to, bucketOf(ms), 1)

function addTimes(to: Histogram, bucket: number, times: number): void {
  to[bucket] = (to[bucket] ?? 0) + times
}

export function addHistogram(to: Histogram, other: Histogram): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) addTimes(to, bucket, other[bucket] ?? 0)
}

/** The length that `share` of all that were seen do not exceed, in whole milliseconds; undefined when none was. */
export function quantileOf(histogram: Histogram, share: number): number | undefined {
  let all = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) all += histogram[bucket] ?? 0
  if (all === 0) return undefined
  let left = Math.max(1, Math.ceil(share * all))
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    left -= histogram[bucket] ?? 0
    if (left <= 0) return Math.round(middleOf(bucket))
  }
  return undefined
}

/** As "bucket times bucket times …", for a column of text; what is empty is left out. */
export function writeHistogram(histogram: Histogram): string {
  let text = ''
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const times = histogram[bucket] ?? 0
    if (times > 0) text += `${text === '' ? '' : ' '}${bucket} ${times}`
  }
  return text
}

const SPACE = 0x20
const ZERO = 0x30

/** Adds what `writeHistogram` wrote, also several times. Digit by digit: a page of the dashboard reads thousands of them. */
export function addWritten(to: Histogram, text: string): void {
  let bucket: number | undefined
  let number: number | undefined
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? SPACE : text.charCodeAt(at)
    if (code !== SPACE) {
      number = (number ?? 0) * 10 + code - ZERO
      continue
    }
    if (number === undefined) continue
    if (bucket !== undefined) addTimes(to, bucket, number)
    bucket = bucket === undefined ? number : undefined
    number = undefined
  }
}
