/**
 * Whether routing rules fit the accounts that there are: a group that nobody is in, a pool
 * that a key names and that does not exist, a reserve of a window that no account has heard
 * of. Findings in sentences with a suggestion. Must not decide what becomes of them.
 */
import type { Account } from './account.ts'
import { EVERYBODY, type RoutingRules } from './rules.ts'
import { nearest } from './similar.ts'

export interface RuleFinding {
  /** The place in the settings: "pools.work.tiers[0]". */
  readonly path: string
  readonly message: string
}

export function checkRules(
  { pools, reserves }: RoutingRules,
  accounts: readonly Pick<Account, 'groups'>[],
): readonly RuleFinding[] {
  const groups = [...new Set(accounts.flatMap((account) => account.groups))]
  const ofGroup = (group: string | undefined, path: string): readonly RuleFinding[] =>
    group === undefined || group === EVERYBODY || groups.includes(group)
      ? []
      : [{ path, message: `No account is in the group "${group}". ${hint(group, groups)}` }]
  return [
    ...[...pools.values()].flatMap(({ name, tiers }) =>
      tiers.flatMap(({ group }, index) => ofGroup(group, `pools.${name}.tiers[${index}]`)),
    ),
    ...reserves.flatMap(({ group }, index) => ofGroup(group, `reserves[${index}].group`)),
  ]
}

function hint(group: string, groups: readonly string[]): string {
  const near = nearest(group, groups)
  if (near !== undefined) return `Did you mean "${near}"?`
  const put = `Put one there with "spillway accounts set <name> --group ${group}".`
  return groups.length === 0 ? put : `There are: ${groups.join(', ')}. ${put}`
}
