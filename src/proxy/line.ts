/**
 * The waiting line: requests that nobody can take now, in the order of their class and age.
 * Whoever stands first is asked first when something has changed, and newcomers find what
 * those left over. Bounded in places and in bytes (G10). Must not decide: who may leave the
 * line says so itself.
 */
import type { Clock } from '../core/ports/clock.ts'
import type { RequestClass } from '../core/rules.ts'
import type { Millis } from '../core/time.ts'
import type { WaitCause } from '../core/waiting.ts'

/** One request in line; made once for each wait. */
export interface Place {
  readonly id: string
  readonly class: RequestClass
  readonly cause: WaitCause
  /** When its first wait began: who has waited longest goes first, however often it was asked. */
  readonly since: Millis
  readonly until: Millis
  readonly bytes: number
  readonly model: string | undefined
  readonly key: string | undefined
  readonly session: string | undefined
  readonly signal: AbortSignal
  /** Asks anew; true when it need not stand here any longer. Must not wait. */
  readonly isDone: () => boolean
}

export type Leaving = 'asked' | 'aborted' | 'stopped' | 'full'

export interface Line {
  /** Resolves when the place is left: it was asked and is done, its time has come, its client left. */
  stand(place: Place): Promise<Leaving>
  /** Something is different: a slot is free, a cooldown has ended, an account has come. */
  changed(): void
  /** In the order in which they are asked. */
  places(): readonly Place[]
  /** Everybody is answered now: the gateway is about to stop. */
  stop(): void
}

export interface LineOptions {
  readonly clock: Clock
  readonly mostPlaces: () => number
}

const MOST_BYTES = 256 << 20
/** A change is mostly one free slot: so many in a row who cannot use it, and the rest are not asked either. */
const MOST_REFUSALS = 16
/** Whoever was not asked then is asked soon after. */
const ASK_ALL_MS = 250

interface Standing {
  readonly place: Place
  readonly leave: (how: Leaving) => void
}

export function createLine({ clock, mostPlaces }: LineOptions): Line {
  const line: Standing[] = []
  let bytes = 0
  let isStopped = false
  let isAsking = false
  let isSweepDue = false

  const ask = (mostRefusals: number): void => {
    if (line.length === 0 || isAsking) return
    isAsking = true
    let refusals = 0
    for (const standing of [...line]) {
      if (standing.place.isDone()) standing.leave('asked')
      else if (++refusals >= mostRefusals) break
    }
    isAsking = false
    if (refusals >= mostRefusals) sweepSoon()
  }
  const sweepSoon = (): void => {
    if (isSweepDue) return
    isSweepDue = true
    clock.after(ASK_ALL_MS, () => {
      isSweepDue = false
      ask(Number.POSITIVE_INFINITY)
    })
  }
  return {
    stand(place) {
      if (isStopped) return Promise.resolve('stopped')
      if (line.length >= mostPlaces() || bytes + place.bytes > MOST_BYTES) return Promise.resolve('full')
      const { promise, resolve } = Promise.withResolvers<Leaving>()
      const onAbort = (): void => leave('aborted')
      const stopTimer = clock.after(Math.max(0, place.until - clock.now()), () => leave('asked'))
      const leave = (how: Leaving): void => {
        const at = line.indexOf(standing)
        if (at < 0) return
        line.splice(at, 1)
        bytes -= place.bytes
        stopTimer()
        place.signal.removeEventListener('abort', onAbort)
        resolve(how)
      }
      const standing: Standing = { place, leave }
      line.splice(placeIn(line, place), 0, standing)
      bytes += place.bytes
      place.signal.addEventListener('abort', onAbort, { once: true })
      if (place.signal.aborted) leave('aborted')
      return promise
    },
    changed: () => ask(MOST_REFUSALS),
    places: () => line.map(({ place }) => place),
    stop() {
      isStopped = true
      for (const standing of [...line]) standing.leave('stopped')
    },
  }
}

/** Interactive work first, and within a class whoever has waited longest. */
function placeIn(line: readonly Standing[], place: Place): number {
  const after = line.findIndex(({ place: other }) => isBefore(place, other))
  return after < 0 ? line.length : after
}

const isBefore = (a: Place, b: Place): boolean =>
  a.class === b.class ? a.since < b.since : a.class === 'interactive'
