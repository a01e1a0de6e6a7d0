/** Schema 3, routing: lists of models, limits of requests at once, rules of keys, what is known of caches. Released: never edited. */
export const SCHEMA_3: readonly string[] = [
  'alter table accounts add column models_json text',
  'alter table accounts add column max_concurrent integer',
  'alter table client_keys add column rules_json text',
  'alter table bindings add column cache_json text',
]
