/**
 * A simulated person's account at the provider: its plan, its organization, what it has used.
 * Identities are numbered, so that equal tests see equal ones.
 */
import { type LoginUsage, UNUSED } from './login-usage.ts'

export type Plan = 'pro' | 'max-5x' | 'max-20x' | 'team' | 'enterprise'

export interface LoginOptions {
  /** `login-<n>` unless given; the id of a login that exists logs in to that one again. */
  readonly id?: string | undefined
  readonly plan?: Plan | undefined
  /** Given to several logins, it is one organization with several seats. */
  readonly organization?: Organization | undefined
  readonly account?: Person | undefined
  /** What the person agrees to; unless given, all that is asked for. */
  readonly scopes?: readonly string[] | undefined
}

export interface Organization {
  readonly uuid: string
  readonly name: string
}

export interface Person {
  readonly uuid: string
  readonly email: string
  readonly name: string
}

export interface Login {
  readonly id: string
  readonly plan: Plan
  readonly organization: Organization
  readonly account: Person
  usage: LoginUsage
}

export const createLogin = (
  id: string,
  number: number,
  { plan = 'max-20x', organization, account }: LoginOptions,
): Login => ({
  id,
  plan,
  organization: organization ?? { uuid: uuidOf('0b1c', number), name: `Organization ${number}` },
  account: account ?? {
    uuid: uuidOf('77aa', number),
    email: `dev-${number}@acme.test`,
    name: `Dev ${number}`,
  },
  usage: UNUSED,
})

const uuidOf = (kind: string, number: number): string =>
  `${kind}0000-0000-4000-8000-${String(number).padStart(12, '0')}`

/** The answer of GET /api/oauth/profile (`wire.md` §2.6). */
export const profileAnswer = ({ plan, organization, account, usage }: Login): object => ({
  account: {
    uuid: account.uuid,
    email: account.email,
    full_name: account.name,
    display_name: account.name.split(' ')[0],
    has_claude_max: plan.startsWith('max'),
    has_claude_pro: plan === 'pro',
    created_at: '2025-02-01T10:00:00Z',
  },
  organization: {
    ...organization,
    organization_type: TYPES[plan],
    billing_type: 'stripe_subscription',
    rate_limit_tier: TIERS[plan],
    seat_tier: plan === 'team' ? 'team_standard' : null,
    has_extra_usage_enabled: usage.overage.isEnabled,
    subscription_status: 'active',
    subscription_created_at: '2025-06-01T00:00:00Z',
  },
  application: { uuid: uuidOf('a991', 1), name: 'Claude Code', slug: 'claude-code' },
})

const TYPES: Readonly<Record<Plan, string>> = {
  pro: 'claude_pro',
  'max-5x': 'claude_max',
  'max-20x': 'claude_max',
  team: 'claude_team',
  enterprise: 'claude_enterprise',
}

const TIERS: Readonly<Record<Plan, string>> = {
  pro: 'default_claude_ai',
  'max-5x': 'default_claude_max_5x',
  'max-20x': 'default_claude_max_20x',
  team: 'default_claude_ai',
  enterprise: 'default_claude_ai',
}

/** The answer of GET /api/oauth/claude_cli/roles. */
export const rolesAnswer = ({ organization }: Login): object => ({
  organization_uuid: organization.uuid,
  organization_name: organization.name,
  organization_role: 'admin',
  workspace_uuid: null,
  workspace_name: null,
  workspace_role: null,
})
