/**
 * What is measured: loads with their rates, open streams, starts. The rates are fixed, and
 * well below what a core of 2025 can do through Spillway, so that runs can be compared; the
 * output says how busy each proxy was.
 */
import type { BodySize, StreamShape } from './protocol.ts'

export type LoadName = BodySize | 'stream'
export type ScenarioName = LoadName | 'memory' | 'cold-start'

export interface LoadScenario {
  readonly name: LoadName
  readonly body: BodySize
  readonly stream: StreamShape | undefined
  readonly ratePerSecond: number
  readonly connections: number
}

/** A hundred events at this pace last two seconds: at 50 a second, a hundred streams are open at a time. */
const STREAM: StreamShape = { events: 100, paceMs: 20 }

export const LOADS: readonly LoadScenario[] = [
  { name: 'small', body: 'small', stream: undefined, ratePerSecond: 2_000, connections: 50 },
  { name: 'medium', body: 'medium', stream: undefined, ratePerSecond: 1_000, connections: 50 },
  { name: 'large', body: 'large', stream: undefined, ratePerSecond: 200, connections: 50 },
  { name: 'stream', body: 'small', stream: STREAM, ratePerSecond: 50, connections: 150 },
]

export const SCENARIO_NAMES: readonly ScenarioName[] = [
  ...LOADS.map(({ name }) => name),
  'memory',
  'cold-start',
]

export const isScenario = (name: string): name is ScenarioName => SCENARIO_NAMES.some((each) => each === name)

/** What each target is given before anything is measured, as fast as it takes it. */
export const WARM_UP = [
  { body: 'small', stream: undefined, requests: 20_000, connections: 16 },
  { body: 'medium', stream: undefined, requests: 2_000, connections: 8 },
  { body: 'large', stream: undefined, requests: 500, connections: 4 },
  { body: 'small', stream: { events: 100, paceMs: 2 }, requests: 1_000, connections: 50 },
] as const

/** How many streams are open when memory is read, and what their requests weigh. */
export const OPEN_STREAMS = [0, 500, 2_000] as const
export const STREAM_BODIES = ['small', 'medium'] as const
