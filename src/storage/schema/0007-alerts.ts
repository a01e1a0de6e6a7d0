/** Schema 7, alerts: rules, channels, what was said when, and what is still to be delivered. Released: never edited. */
export const SCHEMA_7: readonly string[] = [
  `create table alert_rules (
    id text primary key, name text not null unique, rule_json text not null, created_at bigint not null)`,
  `create table alert_channels (
    id text primary key, name text not null unique, kind text not null, is_enabled integer not null,
    config text not null, created_at bigint not null)`,
  `create table alert_memory (
    rule_id text not null, subject text not null, memory_json text not null, primary key (rule_id, subject))`,
  `create table alerts (
    id text primary key, rule_id text not null, rule_name text not null, kind text not null,
    subject text not null, severity text not null, message text not null, value double precision,
    fired_at bigint not null, resolved_at bigint, resolution text, is_muted integer not null,
    acknowledged_at bigint, acknowledged_by text)`,
  'create index alerts_by_rule on alerts (rule_id, id)',
  'create index alerts_by_end on alerts (resolved_at)',
  `create table alert_deliveries (
    id text primary key, notice_json text not null, channel_id text not null, channel_name text not null,
    state text not null, attempts integer not null, created_at bigint not null, at bigint not null,
    status integer, problem text)`,
  'create index alert_deliveries_by_channel on alert_deliveries (channel_id, id)',
  'create index alert_deliveries_by_state on alert_deliveries (state, id)',
]
