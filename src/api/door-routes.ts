/** The contract's rows about signing in, users and the audit log; what holds for contract.ts holds here. */
import { z } from 'zod'
import * as door from './door-schemas.ts'
import type { PageRoute, Route } from './route.ts'
import { nothingSchema } from './schemas.ts'

export const doorRoutes = {
  signIn: {
    method: 'POST',
    path: '/api/sign-in',
    role: 'anybody',
    summary: 'Sign in with a name and a password; the answer sets the session cookie.',
    body: door.passwordSignInSchema,
    answer: door.signedInPersonSchema,
  },
  signInWithLink: {
    method: 'POST',
    path: '/api/sign-in/link',
    role: 'anybody',
    summary: 'Sign in with the token of a one-time link; the answer sets the session cookie.',
    body: door.linkSignInSchema,
    answer: door.signedInPersonSchema,
  },
  createSignInLink: {
    method: 'POST',
    path: '/api/sign-in-links',
    role: 'owner',
    summary: 'A link that signs whoever opens it in, once, within ten minutes, as the one who made it.',
    answer: door.signInLinkSchema,
    status: 201,
  },
  signOut: {
    method: 'POST',
    path: '/api/sign-out',
    role: 'viewer',
    summary: 'End one’s own sign-in.',
    answer: nothingSchema,
  },
  whoami: {
    method: 'GET',
    path: '/api/whoami',
    role: 'key-holder',
    summary: 'Who one is here, and what one may do.',
    answer: door.whoamiSchema,
  },
  listSignIns: {
    method: 'GET',
    path: '/api/sign-ins',
    role: 'owner',
    summary: 'Who is signed in with a browser.',
    answer: door.signInsSchema,
  },
  endSignIn: {
    method: 'DELETE',
    path: '/api/sign-ins/:id',
    role: 'owner',
    summary: 'Sign a browser out.',
    answer: nothingSchema,
  },
  listUsers: {
    method: 'GET',
    path: '/api/users',
    role: 'owner',
    summary: 'People who may sign in with a password.',
    answer: z.object({ users: z.array(door.userSchema) }),
  },
  addUser: {
    method: 'POST',
    path: '/api/users',
    role: 'owner',
    summary: 'Let somebody sign in with a password.',
    body: door.newUserSchema,
    answer: door.userSchema,
    status: 201,
  },
  changeUser: {
    method: 'PATCH',
    path: '/api/users/:id',
    role: 'owner',
    summary: 'Change a user, by id or name. But for a new name, it signs them out everywhere.',
    body: door.userChangeSchema,
    answer: door.userSchema,
  },
  removeUser: {
    method: 'DELETE',
    path: '/api/users/:id',
    role: 'owner',
    summary: 'Remove a user and sign them out everywhere. The last owner cannot be removed.',
    answer: nothingSchema,
  },
  listAudit: {
    method: 'GET',
    path: '/api/audit',
    role: 'owner',
    summary: 'What was changed, by whom, from what to what; newest first.',
    query: door.auditQuerySchema,
    answer: door.auditSchema,
  },
} as const satisfies Readonly<Record<string, Route>>

const HTML = 'text/html; charset=utf-8'

/** What a browser opens before it is signed in, and what it is led through. */
export const pageRoutes = {
  signInPage: {
    path: '/sign-in',
    role: 'anybody',
    summary: 'Where one signs in with a browser.',
    type: HTML,
  },
  signInScript: {
    path: '/sign-in.js',
    role: 'anybody',
    summary: 'The script of that page.',
    type: 'text/javascript; charset=utf-8',
  },
  signInStyle: {
    path: '/sign-in.css',
    role: 'anybody',
    summary: 'The style of that page.',
    type: 'text/css; charset=utf-8',
  },
  dashboard: {
    path: '/dashboard',
    role: 'anybody',
    summary: 'Who is signed in; leads to the sign-in where nobody is.',
    type: HTML,
  },
  beginOidc: {
    path: '/api/sign-in/oidc',
    role: 'anybody',
    summary: 'Leads to the OpenID provider.',
    type: HTML,
  },
  finishOidc: {
    path: '/api/sign-in/oidc/callback',
    role: 'anybody',
    summary: 'Where the OpenID provider sends people back to; sets the session cookie.',
    type: HTML,
  },
} as const satisfies Readonly<Record<string, PageRoute>>

export type PageName = keyof typeof pageRoutes
