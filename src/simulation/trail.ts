/** What happened in a run, a line for each step, for people who look at a broken one. */
import { describeLength, type Millis, toIso } from '../core/time.ts'
import type { Attempt, Ending, Journey, Watcher } from './journey.ts'

export interface Trail {
  readonly watcher: Watcher
  /** The last ones only. */
  readonly lines: readonly string[]
}

const MOST_LINES = 60

export function createTrail(): Trail {
  const lines: string[] = []
  const say = (at: Millis, { number, request }: Journey, words: string): void => {
    lines.push(`${toIso(at)}  request ${number} (${request.conversation}): ${words}`)
    if (lines.length > MOST_LINES) lines.shift()
  }
  return {
    lines,
    watcher: {
      stepped(journey, { now, strategy }, step) {
        switch (step.kind) {
          case 'wait':
            return say(now, journey, `waits (${step.cause}), for ${describeLength(step.until - now)} at most`)
          case 'send': {
            const after = step.delayMs === 0 ? '' : ` after ${step.delayMs} ms`
            return say(
              now,
              journey,
              `goes to ${step.account.name}${after} for ${step.model ?? ''} (${strategy}: ${step.reason})`,
            )
          }
          case 'give-up': {
            const why = step.refusals.map(
              ({ account, reason, cause }) => `${account.name}: ${cause ?? reason}`,
            )
            return say(now, journey, `is given up (${why.join(', ')})`)
          }
        }
      },
      failed: (journey, { account, failure }, now) =>
        say(now, journey, `failed at ${account.name}: ${wordsOf(failure)}`),
      took: (journey, { account }: Attempt, now) => say(now, journey, `is answered by ${account.name}`),
      ended: (journey, ending, now) => say(now, journey, `has ended: ${endOf(ending)}`),
      polled: (account, windows, now) => {
        const used = windows.map(
          ({ name, utilization = 0 }) => `${name} at ${Math.round(utilization * 100)} %`,
        )
        lines.push(`${toIso(now)}  ${account.name} was asked for its usage: ${used.join(', ')}`)
        if (lines.length > MOST_LINES) lines.shift()
      },
    },
  }
}

const wordsOf = ({ evidence, until }: { readonly evidence: string; readonly until?: Millis }): string =>
  until === undefined ? evidence : `${evidence}, until ${toIso(until)}`

function endOf(ending: Ending): string {
  switch (ending.kind) {
    case 'answered':
      return 'answered'
    case 'left':
      return 'its client has left'
    case 'client-error':
      return `its own mistake (${ending.status})`
    case 'refused':
      return `refused with ${ending.status}`
  }
}
