/** The contract's rows on what is kept of bodies. They show conversations: for owners only. */
import * as schemas from './payload-schemas.ts'
import type { FileRoute, Route } from './route.ts'

export const payloadRoutes = {
  showPayload: {
    method: 'GET',
    path: '/api/requests/:id/payload',
    role: 'owner',
    summary: 'The headers and bodies of one request and its answer, where they were kept.',
    answer: schemas.payloadSchema,
  },
  forgetPayload: {
    method: 'DELETE',
    path: '/api/requests/:id/payload',
    role: 'owner',
    summary: 'Forget what was kept of one request’s headers and bodies. Its ledger row stays.',
    answer: schemas.forgottenSchema,
  },
  payloadStorage: {
    method: 'GET',
    path: '/api/storage/payloads',
    role: 'viewer',
    summary: 'How many payloads are kept, since when, in how much room.',
    answer: schemas.payloadStorageSchema,
  },
  forgetPayloads: {
    method: 'DELETE',
    path: '/api/storage/payloads',
    role: 'owner',
    summary: 'Forget every payload. The ledger stays.',
    answer: schemas.forgottenSchema,
  },
} as const satisfies Readonly<Record<string, Route>>

export const payloadFiles = {
  downloadRequestBody: {
    path: '/api/requests/:id/payload/request',
    role: 'owner',
    summary: 'The request’s body, byte for byte.',
    type: 'application/octet-stream',
  },
  downloadAnswerBody: {
    path: '/api/requests/:id/payload/answer',
    role: 'owner',
    summary: 'The answer’s body, byte for byte.',
    type: 'application/octet-stream',
  },
} as const satisfies Readonly<Record<string, FileRoute>>
