/** Schema 8, what each client key has used, by spans of time: budgets outlive the rows of the ledger. Released: never edited. */
export const SCHEMA_8: readonly string[] = [
  `create table key_usage (
    span text not null, starts_at bigint not null, key_id text not null, requests bigint not null,
    tokens bigint not null, cost_usd double precision not null, primary key (span, starts_at, key_id))`,
]
