/**
 * A thread that sleeps until each arrival is due and then wakes the generator. Timers of the
 * event loop are good to a millisecond only, and a loop that spins instead would take the core
 * that upstream and generator share. Must not do anything else: it is never on time when busy.
 */
import { parentPort } from 'node:worker_threads'

/** Arrivals as epoch milliseconds, with fractions. */
export interface Schedule {
  readonly arrivals: readonly number[]
}

/** The kernel's timer slack of 50 µs and the way to the other thread are slept less. */
const EARLY_MS = 0.065
const WORTH_SLEEPING_MS = 0.005
const nap = new Int32Array(new SharedArrayBuffer(4))

parentPort?.on('message', ({ arrivals }: Schedule) => {
  for (const arrival of arrivals) {
    const wait = arrival - (performance.timeOrigin + performance.now()) - EARLY_MS
    if (wait > WORTH_SLEEPING_MS) Atomics.wait(nap, 0, 0, wait)
    parentPort?.postMessage(0)
  }
})
