/** What a row of the contract says. Types only. */
import type { z } from 'zod'
import type { Role } from '../core/role.ts'

interface Common {
  /** `:name` marks a parameter. */
  readonly path: string
  readonly summary: string
  /** Who may call it, at least; `anybody` needs no credential. */
  readonly role: Role | 'anybody'
}

export interface Route extends Common {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly answer: z.ZodType
  readonly status?: 201
  /** Of another method than GET and yet without a change worth a line in the audit log. */
  readonly isRead?: true
}

/** Server-sent events, each with an id: who comes back with `Last-Event-ID` misses nothing that is still remembered. */
export interface StreamRoute extends Common {
  /** Which of them; without it there is nothing to ask for. */
  readonly query?: z.ZodType
  /** By the event's name: its data. */
  readonly events: Readonly<Record<string, z.ZodType>>
}

/** Bytes to be saved, of what the path's `:id` names. */
export interface FileRoute extends Common {
  readonly type: string
}

/** A page for a browser, open to anybody: it shows what whoever asks may see. */
export interface PageRoute extends PlainRoute {
  readonly role: 'anybody'
}

/** Anything but JSON: not for the typed client, but in the OpenAPI document. */
export interface PlainRoute extends Common {
  readonly type: string
}
