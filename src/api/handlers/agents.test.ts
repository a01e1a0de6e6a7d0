/** Preferences of agents are one setting: changes at the same moment build on each other. */
import { expect, it } from 'bun:test'
import { NO_RULES } from '../../core/rules.ts'
import { readAgents } from '../../core/rules-input.ts'
import type { Call } from '../call.ts'
import { agentHandlers } from './agents.ts'

const NOTHING_READ = { definitions: [], problems: [] }
const CALL: Call = {
  caller: { name: 'somebody', role: 'operator', peer: '' },
  origin: undefined,
  setCookie: () => {},
  changed: () => {},
}

it('loses none of two changes, the first of which is still being stored when the second comes', async () => {
  let setting: unknown = {}
  let stored = 0
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const handlers = agentHandlers({
    agents: { present: () => NOTHING_READ, refresh: () => NOTHING_READ, builtIn: ['explore', 'plan'] },
    sessionLog: { seenAgents: async () => [] },
    routing: {
      rules() {
        const { models, classes } = readAgents(setting)
        return { ...NO_RULES, agentModels: models, agentClasses: classes }
      },
    },
    config: {
      async change({ agents }) {
        if (stored++ === 0) await released
        setting = agents
        return []
      },
    },
  })
  const changes = ['explore', 'plan'].map((name) =>
    handlers.changeAgent({ params: { name }, body: { class: 'background' } }, CALL),
  )
  // Whoever does not wait for the first has come to an end before it.
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  release()
  await Promise.all(changes)
  expect(setting).toEqual({ explore: { class: 'background' }, plan: { class: 'background' } })
})
