/** What a rule finds of one subject at one moment. Types, and how shares are written. */
import type { Millis } from '../time.ts'

export interface Finding {
  /** Tells apart what one rule says of several: an account, a window of one, a budget. */
  readonly subject: string
  /** Undefined: not known, so nothing changes. */
  readonly isSo: boolean | undefined
  /** A sentence, whether it is so or not. */
  readonly message: string
  /** What was looked at, as a number, where it is one. */
  readonly value?: number
  /** It is over as soon as it has happened. */
  readonly isMoment?: true
  /** To be remembered for the next look. */
  readonly seen?: SeenWindow
}

export interface SeenWindow {
  readonly resetsAt: Millis
  readonly used: number
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`
