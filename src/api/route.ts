/** What a row of the contract says. Types only. */
import type { z } from 'zod'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `:name` marks a parameter. */
  readonly path: string
  readonly summary: string
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly answer: z.ZodType
  readonly status?: 201
  /** Answers without a credential. */
  readonly isOpen?: true
}
