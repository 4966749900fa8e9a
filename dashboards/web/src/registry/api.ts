// Sites and devices beyond the wall: the long table, one device over time, what is registered of a site.

import { call, get } from '../api/client'
import type { Connectivity, DeviceKind, DeviceView, IncidentState, Page, Severity, Time } from '../api/types'

const part = encodeURIComponent

export interface DeviceLine {
  site_id: string
  site_name: string
  site_name_en: string
  township: string
  device_id: string
  kind: DeviceKind
  name: string
  place: string
  connectivity: Connectivity
  reason: string
  since: Time | null
  last_seen_at: Time | null
  open_incident_id: string | null
}

export interface DeviceChoice {
  text?: string
  site_id?: string
  township?: string
  kind?: DeviceKind | ''
  connectivity?: Connectivity | ''
  order?: 'place' | 'trouble'
}

export interface DeviceStretch {
  total: number
  offset: number
  counts: Record<Connectivity, number>
  items: DeviceLine[]
}

export interface DevicePast {
  registered_at: Time
  since: Time
  until: Time
  step_s: number
  heartbeat_s: number
  metrics: Record<string, [Time, number, number, number][]>
  heartbeats: [Time, number][]
  reports: { at: Time; channel: string; kind: string; active: boolean; test: boolean; drill: boolean }[]
  incidents: {
    incident_id: string
    number: number
    rule: string
    severity: Severity
    state: IncidentState
    raised_at: Time
    ended_at: Time | null
  }[]
}

export function deviceStretch(choice: DeviceChoice, offset: number, limit: number): Promise<DeviceStretch> {
  return get('/devices', { ...choice, offset, limit })
}

export function device(siteId: string, deviceId: string): Promise<DeviceView> {
  return call('GET', `/sites/${part(siteId)}/devices/${part(deviceId)}`)
}

export function past(siteId: string, deviceId: string, since: string, until = ''): Promise<DevicePast> {
  return get(`/sites/${part(siteId)}/devices/${part(deviceId)}/past`, { since, until })
}

export interface GuardEntry {
  guard_id: string
  name: string
  born_on: string
  full_time: boolean
  certificate_no: string
  certificate_until: string | null
  serves_until: string | null
  phone: string
}

export interface BarrierEntry {
  barrier_id: string
  gate_id: string
  kind: string
  installed_on: string | null
  inspected_on: string | null
  inspection_passed: boolean
}

export interface GateEntry {
  gate_id: string
  name: string
  main: boolean
  device_id: string
}

export interface PostEntry {
  post_id: string
  place: string
  required: number
  at_arrival: boolean
  at_leaving: boolean
}

async function ofSite<Entry>(path: string, siteId: string): Promise<Entry[]> {
  return (await get<Page<Entry>>(path, { site_id: siteId, limit: 200 })).items
}

export const guards = (siteId: string) => ofSite<GuardEntry>('/guards', siteId)
export const barriers = (siteId: string) => ofSite<BarrierEntry>('/barriers', siteId)
export const gates = (siteId: string) => ofSite<GateEntry>('/gates', siteId)
export const posts = (siteId: string) => ofSite<PostEntry>('/posts', siteId)
