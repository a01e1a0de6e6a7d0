/** Schema 5, an index for each single filter of the ledger, newest first; what is most common has none. */
export const SCHEMA_5: readonly string[] = [
  'drop index requests_by_session',
  'create index requests_by_session on requests (session, id) where session is not null',
  'create index requests_by_account on requests (account_id, id) where account_id is not null',
  'create index requests_by_account_name on requests (account, id) where account is not null',
  'create index requests_by_key on requests (key_id, id) where key_id is not null',
  'create index requests_by_key_name on requests (key_name, id) where key_name is not null',
  'create index requests_by_agent on requests (agent, id) where agent is not null',
  'create index requests_by_model on requests (model, id) where model is not null',
  "create index requests_by_served_model on requests (served_model, id) where served_model <> coalesce(model, '')",
  'create index requests_by_status on requests (status, id) where status <> 200',
  "create index requests_by_outcome on requests (outcome, id) where outcome <> 'ok'",
]
