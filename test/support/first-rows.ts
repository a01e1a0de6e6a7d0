/** A row in each table, as a gateway of schema 1 left them: real ones, that stores can read. Frozen with that schema. */

import type { Window } from '../../src/core/limits.ts'
import { type Statement, statement } from '../../src/storage/database.ts'
import { idOf, NOON, sampleAccount, sampleCooldown } from './samples.ts'

export const FIVE_HOURS: Window = { name: '5h', utilization: 0.4, readAt: NOON }

export const FIRST_ACCOUNT = sampleAccount('a', {
  baseUrl: 'https://llm.example',
  priority: 2,
  weight: 0.5,
  tier: 20,
  groups: ['work'],
  modelMap: new Map([['fast', ['glm-5']]]),
  pausedAt: NOON,
})

/** The row is `sampleRow(1)`. */
export const FIRST_ROWS: readonly Statement[] = [
  statement(
    `insert into accounts (id, name, provider, base_url, priority, weight, tier, groups_json, model_map_json,
      secret, paused_at, created_at) values ($1, 'a', 'console', 'https://llm.example', 2, 0.5, 20, '["work"]',
      '[["fast","glm-5"]]', 'v1.sealed-a', $2, $3)`,
    ...[idOf('a'), NOON, NOON],
  ),
  statement(
    `insert into account_totals (account_id, requests, input_tokens, output_tokens, cost_usd)
      values ($1, 1, 10, 5, 0.25)`,
    idOf('a'),
  ),
  statement(
    `insert into account_health (account_id, cooldowns_json, windows_json, session_started_at, session_requests)
      values ($1, $2, $3, $4, 3)`,
    ...[idOf('a'), JSON.stringify([sampleCooldown()]), JSON.stringify([FIVE_HOURS]), NOON],
  ),
  statement(
    `insert into client_keys (id, name, digest, hint, created_at)
      values ('id-laptop', 'laptop', 'digest-laptop', 'ptop', $1)`,
    NOON,
  ),
  statement("insert into settings (name, value_json) values ('strategy', '\"session\"')"),
  statement("insert into meta (name, value) values ('fact', 'one')"),
  statement(
    'insert into bindings (conversation, account_id, spill_id, bound_at, used_at) values ($1, $2, $3, $4, $5)',
    ...['talk', idOf('a'), idOf('b'), NOON, NOON],
  ),
  statement(
    "insert into owners (resource, account_id, created_at) values ('file_1', $1, $2)",
    ...[idOf('a'), NOON],
  ),
  statement(
    `insert into requests (id, started_at, method, path, dialect, provider, account_id, account, model, served_model,
      stream, status, outcome, attempts_json, decision_json, duration_ms, input_tokens, output_tokens,
      cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, web_searches, usage_complete, cost_usd)
      values ('row-00000001', $1, 'POST', '/v1/messages', 'anthropic', 'console', $2, 'a', 'claude-sonnet-5-5',
      'claude-sonnet-5-5', 0, 200, 'ok', '[{"account":"a","status":200,"ms":12}]',
      '{"strategy":"affinity","reason":"best priority","candidates":[{"account":"a"}]}', 12, 10, 5, 0, 0, 0, 0, 1,
      0.25)`,
    ...[NOON + 1, idOf('a')],
  ),
]
