// Maintenance windows, and what they hold back.

import { call, get } from '../api/client'
import type { DeviceKind, Page, Severity, Time } from '../api/types'

export interface MaintenanceWindow {
  window_no: number
  scope: { site_id: string; device_id: string; rule: string; device_kind: DeviceKind | null }
  starts_at: Time
  ends_at: Time
  reason: string
  author: string
  made_at: Time
  ended_at: Time | null
  ended_by: string | null
}

export interface Held {
  held_no: number
  window_no: number
  rule: string
  severity: Severity
  site_id: string
  device_id: string
  first_at: Time
  last_at: Time
  times: number
  state: 'standing' | 'cleared' | 'raised'
}

export type WindowState = 'active' | 'planned' | 'over' | 'all'

export const windows = (state: WindowState, cursor: string | null) =>
  get<Page<MaintenanceWindow>>('/windows', { state, limit: 100, cursor })
export const held = () => get<Page<Held>>('/held', { limit: 100 })

export interface NewWindow {
  site_id: string
  device_id: string
  rule: string
  device_kind: DeviceKind | null
  starts_at: string | null
  ends_at: string
  reason: string
}

export const openWindow = (body: NewWindow & { actor: string }) => call<MaintenanceWindow>('POST', '/windows', body)
export const endWindow = (number: number, actor: string) =>
  call<MaintenanceWindow>('POST', `/windows/${number}/end`, { actor, note: '' })
