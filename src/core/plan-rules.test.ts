/** Which families a plan is known not to have. */
import { expect, it } from 'bun:test'
import { lackingIn } from './plan-rules.ts'

it.each([
  ['claude_pro', ['mythos']],
  ['claude_free', ['opus', 'fable', 'mythos']],
  ['claude_max', []],
  ['claude_team', []],
  ['claude_enterprise', []],
  ['constructor', []],
])('a %s plan lacks %j', (plan, families) => {
  expect([...(lackingIn(plan) ?? [])]).toEqual(families)
  expect(lackingIn(plan)).toBe(lackingIn(plan))
})
