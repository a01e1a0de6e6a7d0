/** The routes of client keys: for the operator, and the page of a key’s own. Must not contain behaviour. */
import { z } from 'zod'
import { createdKeySchema, keyChangeSchema, keySchema, newKeySchema } from './key-schemas.ts'
import type { Route } from './route.ts'

export const keyRoutes = {
  listKeys: {
    method: 'GET',
    path: '/api/keys',
    role: 'viewer',
    summary: 'Client keys with their limits and what they use; never their secrets.',
    answer: z.object({ keys: z.array(keySchema) }),
  },
  createKey: {
    method: 'POST',
    path: '/api/keys',
    role: 'operator',
    summary: 'Create a client key. The answer holds its secret, this once.',
    body: newKeySchema,
    answer: createdKeySchema,
    status: 201,
  },
  showKey: {
    method: 'GET',
    path: '/api/keys/:id',
    role: 'viewer',
    summary: 'One key, by id or name.',
    answer: keySchema,
  },
  changeKey: {
    method: 'PATCH',
    path: '/api/keys/:id',
    role: 'operator',
    summary: 'Rename, disable or enable a key, or change its rules; null takes one back.',
    body: keyChangeSchema,
    answer: keySchema,
  },
  revokeKey: {
    method: 'DELETE',
    path: '/api/keys/:id',
    role: 'operator',
    summary: 'Revoke a key for good.',
    answer: keySchema,
  },
  showOwnKey: {
    method: 'GET',
    path: '/api/me',
    role: 'key-holder',
    summary: 'The page of the client key that it is called with: its limits and what it uses.',
    answer: keySchema,
  },
} as const satisfies Readonly<Record<string, Route>>
