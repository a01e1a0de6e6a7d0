/** Schema 6, people: users with passwords, who is signed in, and what was changed by whom. Released: never edited. */
export const SCHEMA_6: readonly string[] = [
  `create table users (
    id text primary key, name text not null unique, role text not null, password_hash text not null,
    created_at bigint not null, disabled_at bigint)`,
  `create table visits (
    id text primary key, digest text not null unique, name text not null, role text not null,
    way text not null, user_id text, peer text not null, created_at bigint not null,
    used_at bigint not null, ends_at bigint not null)`,
  `create table audit_log (
    id text primary key, at bigint not null, who text not null, role text, peer text not null,
    action text not null, target text, from_json text, to_json text, is_failure integer not null)`,
  'create index audit_log_by_kind on audit_log (is_failure, id)',
]
