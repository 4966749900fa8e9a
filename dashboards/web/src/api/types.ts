// What the server sends, as /api/v1 and its stream say it. All times are RFC 3339 in UTC.

export type Time = string

export type SiteState = 'alarm' | 'warning' | 'fault' | 'ok' | 'unknown'
export type Severity = 'critical' | 'major' | 'minor' | 'advice'
export type Category = 'panic' | 'fire' | 'intrusion' | 'device' | 'system' | 'compliance'
export type IncidentState = 'raised' | 'acknowledged' | 'returned' | 'normal' | 'reset' | 'closed'
export type Connectivity = 'online' | 'offline' | 'unknown'
export type LinkState = 'ok' | 'failing' | 'unknown'
export type SiteKind =
  | 'kindergarten'
  | 'primary'
  | 'middle'
  | 'high'
  | 'nine_year'
  | 'vocational'
  | 'special'
  | 'teaching_point'
export type DeviceKind =
  | 'one_key_alarm'
  | 'smoke'
  | 'temperature'
  | 'gas'
  | 'camera'
  | 'intrusion_zone'
  | 'access_control'
  | 'patrol_point'
  | 'barrier'
  | 'gateway'
  | 'uplink'
  | 'switch'
  | 'recorder'
export type DeliveryState = 'queued' | 'sent' | 'received' | 'accepted' | 'refused' | 'failed' | 'cancelled'
export type Reason =
  | 'bad_topic'
  | 'empty_payload'
  | 'too_large'
  | 'bad_json'
  | 'bad_field'
  | 'bad_version'
  | 'unknown_site'
  | 'unknown_device'
  | 'absurd_value'
  | 'rate_limited'
  | 'from_the_future'
  | 'too_old'

export interface SiteTile {
  site_id: string
  name: string
  name_en: string
  township: string
  kind: SiteKind
  state: SiteState
  worst: { incident_id: string; category: Category; severity: Severity } | null
  open: number
  unacknowledged: number
  devices: number
  online: number
  offline: number
  unknown: number
  /** Of the unknown: behind a dead device, or silent with the whole site. */
  behind: number
  /** Maintenance windows in force. */
  maintenance: number
  longitude: number | null
  latitude: number | null
}

export interface Totals {
  sites: number
  devices: number
  online: number
  offline: number
  unknown: number
  open_incidents: number
  unacknowledged: number
  /** Open, but handled under another: not in the queue. */
  aside: number
}

export interface LinkStatus {
  link_id: string
  state: LinkState
  last_receipt_at: Time | null
  queued: number
}

export interface IngestStatus {
  messages_per_s: number
  last_received_at: Time | null
  quarantined_1h: number
}

export interface LedgerSums {
  received: number
  stored: number
  rejected: number
  duplicate: number
  difference: number
}

export interface LedgerStatus {
  day: LedgerSums
  hour: LedgerSums
  unaccounted: number
  missing_rows: number
  audited_until: Time | null
  spooled: Record<string, number>
}

export interface LedgerLine extends LedgerSums {
  hour: Time
  site_id: string
  written: number | null
  found: number | null
}

export interface JournalStatus {
  lane: string
  at: Time
  messages: number
  fill: number
  working: boolean
}

export interface WallSnapshot {
  at: Time
  sites: SiteTile[]
  totals: Totals
  links: LinkStatus[]
  ingest: IngestStatus
  ledger: LedgerStatus
  journals: JournalStatus[]
}

export interface IncidentView {
  incident_id: string
  number: number | null
  rule: string
  category: Category
  severity: Severity
  life_safety: boolean
  test: boolean
  drill: boolean
  site_id: string
  site_name: string
  site_name_en: string
  device_id: string
  device_name: string
  place: string
  state: IncidentState
  raised_at: Time
  last_event_at: Time
  occurrences: number
  acknowledged_at: Time | null
  acknowledged_by: string | null
  returned_at: Time | null
  reset_at: Time | null
  closed_at: Time | null
  detail: Record<string, unknown>
  grade: number | null
  verification: Verification | null
  verification_reason: string | null
  verified_at: Time | null
  verified_by: string | null
  merged_into: string | null
  shelved_until: Time | null
  shelved_by: string | null
  shelve_reason: string | null
  assigned_to: string | null
  assigned_at: Time | null
  assigned_by: string | null
  /** Not in the queue: shelved, or handled under another. */
  aside: boolean
}

export type Verification = 'true' | 'false' | 'test' | 'drill' | 'unclear'

export interface VerificationReason {
  code: string
  of: Verification[]
  zh: string
  en: string
}

export interface RelatedIncident {
  incident_id: string
  number: number
  rule: string
  site_id: string
  device_id: string
  state: IncidentState
  life_safety: boolean
}

export interface Attachment {
  attachment_no: number
  incident_id: string
  at: Time
  actor: string
  name: string
  media_type: string
  size: number
  sha256: string
}

export interface TimelineEntry {
  at: Time
  kind: string
  actor: string
  detail: Record<string, unknown>
}

export interface DeliveryView {
  delivery_id: string
  channel: string
  recipient: string
  notice: string
  state: DeliveryState
  attempts: number
  created_at: Time
  sent_at: Time | null
  received_at: Time | null
  receipt_id: string | null
  last_error: string | null
  answered_at: Time | null
  answered_by: string | null
  answer_note: string | null
}

export interface ReportClock {
  clock_id: string
  incident_id: string | null
  number: number | null
  site_id: string
  subject: string
  due_at: Time
}

export interface IncidentDetail extends IncidentView {
  timeline: TimelineEntry[]
  deliveries: DeliveryView[]
  related: RelatedIncident[]
  attachments: Attachment[]
}

export interface SiteDetail {
  site_id: string
  name: string
  name_en: string
  kind: SiteKind
  township: string
  address: string
  longitude: number | null
  latitude: number | null
  contact_name: string
  contact_phone: string
}

export interface SiteEntry extends SiteDetail {
  pupils: number | null
  boarders: number
  key_site: boolean
  tile: SiteTile
}

export interface DeviceView {
  site_id: string
  device_id: string
  kind: DeviceKind
  name: string
  place: string
  parent_id: string
  profile: string
  connectivity: Connectivity
  reason: '' | 'behind' | 'site' | 'returning' | 'inferred'
  behind_id: string
  since: Time | null
  last_seen_at: Time | null
  battery_pct: number | null
  clock_offset_s: number | null
  readings: Record<string, { value: number | null; at: Time }>
  open_incident_id: string | null
}

export interface QuarantinedMessage {
  quarantine_no: number
  received_at: Time
  topic: string
  site_id: string
  device_id: string
  reason: Reason
  detail: string
  payload: string
  size: number
  cut: boolean
  replayed_at: Time | null
}

export interface ReplayReport {
  examined: number
  replayed: number
  stored: number
  duplicate: number
  cut: number
  refused: Partial<Record<Reason, number>>
  alarms: { site_id: string; device_id: string; alarm: string; at: Time }[]
  next: number | null
}

export interface UnregisteredDevice {
  site_id: string
  device_id: string
  channels: string[]
  count: number
  first_seen_at: Time
  last_seen_at: Time
}

export interface Page<Item> {
  items: Item[]
  next_cursor: string | null
}

export interface SnapshotFrame {
  type: 'snapshot'
  wall: WallSnapshot
  incidents: IncidentView[]
}

export interface DeltaFrame {
  type: 'delta'
  at: Time
  sites: SiteTile[]
  totals: Totals
  links: LinkStatus[]
  ingest: IngestStatus
  ledger: LedgerStatus
  journals: JournalStatus[]
  incidents: IncidentView[]
}

/** The server runs but does not know the present state; a snapshot ends it. */
export interface TroubleFrame {
  type: 'trouble'
  at: Time
  what: 'database' | 'server'
  journals: JournalStatus[]
}

export type StreamFrame = SnapshotFrame | DeltaFrame | TroubleFrame

export type IncidentAction = 'acknowledge' | 'reset' | 'close' | 'notes'
