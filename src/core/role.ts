/**
 * What people may do at the control plane: roles, each with everything that the ones below
 * it may. A key's holder stands apart: it may look at its own key and nothing else. Must not
 * know how somebody signs in.
 */

export type Role = 'owner' | 'operator' | 'viewer' | 'key-holder'

/** `viewer` reads, `operator` runs the pool from day to day, `owner` does what cannot be taken back or opens doors. */
const RANKS: Readonly<Record<Role, number>> = { 'key-holder': 0, viewer: 1, operator: 2, owner: 3 }

/** Whether somebody of `role` may do what at least `needed` is asked for. */
export const isAllowed = (role: Role, needed: Role): boolean => RANKS[role] >= RANKS[needed]
