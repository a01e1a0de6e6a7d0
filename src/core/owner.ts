/**
 * Who made something that exists in one organization only: a file, a batch, a container, a
 * skill (`wire.md` §1.8). Must not know where that is remembered.
 */
import type { AccountId } from './account.ts'

export interface Owner {
  readonly account: AccountId
  /** Where it is known, any account of the same organization will do. */
  readonly organization: string | undefined
}

/** Whether an account reaches what `owner` made. */
export const isReachable = (
  owner: Owner,
  {
    account,
    organization,
  }: { readonly account: { readonly id: AccountId }; readonly organization: string | undefined },
): boolean =>
  owner.account === account.id || (owner.organization !== undefined && owner.organization === organization)
