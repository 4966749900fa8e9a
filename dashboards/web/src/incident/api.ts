// What belongs to an incident beside itself: how it is answered, and its reports up the line.

import { call, get } from '../api/client'
import type { IncidentState, IncidentView, Page, Severity, Time } from '../api/types'

const part = encodeURIComponent

export interface CheckItem {
  item: string
  zh: string
  en: string
  done: { item: string; at: Time; actor: string; note: string } | null
}

export interface Response {
  incident_id: string
  run: number
  state: 'running' | 'taken' | 'exhausted' | 'over'
  grade: number | null
  step: number
  round: number
  steps: number
  rounds: number
  next_at: Time | null
  taken_by: string | null
  taken_at: Time | null
  checklist: CheckItem[]
}

export function response(id: string): Promise<Response> {
  return call('GET', `/incidents/${part(id)}/response`)
}

export function answer(id: string, how: 'take' | 'decline', actor: string, note: string): Promise<Response> {
  return call('POST', `/incidents/${part(id)}/${how}`, { actor, note })
}

export function regrade(id: string, grade: number, actor: string, note: string): Promise<Response> {
  return call('POST', `/incidents/${part(id)}/grade`, { actor, grade, note })
}

export function tick(id: string, item: string, actor: string): Promise<Response> {
  return call('POST', `/incidents/${part(id)}/checklist`, { actor, item })
}

export type ReportKind = 'first' | 'follow_up' | 'final'

export interface Report {
  report_id: string
  kind: ReportKind
  place: number
  state: string
  text: string
  edited_at: Time
  edited_by: string
  approved_at: Time | null
  approved_by: string | null
  delivery_state: string | null
  receipted_at: Time | null
  receipt_id: string | null
}

export interface Clock {
  clock_id: string
  incident_id: string | null
  subject: string
  started_at: Time
  started_by: string
  due_at: Time
  state: 'running' | 'met' | 'missed' | 'waived'
  end_reason: string
}

export interface ClockDetail extends Clock {
  reports: Report[]
}

export function clocksOf(id: string): Promise<Clock[]> {
  return get('/report-clocks', { incident_id: id })
}

export function clock(id: string): Promise<ClockDetail> {
  return call('GET', `/report-clocks/${part(id)}`)
}

export function startClock(incidentId: string, actor: string, reason: string): Promise<ClockDetail> {
  return call('POST', '/report-clocks', { incident_id: incidentId, actor, reason })
}

export function draft(clockId: string, kind: ReportKind, actor: string): Promise<ClockDetail> {
  return call('POST', `/report-clocks/${part(clockId)}/drafts`, { kind, actor })
}

export function edit(clockId: string, reportId: string, text: string, actor: string): Promise<ClockDetail> {
  return call('PUT', `/report-clocks/${part(clockId)}/drafts/${part(reportId)}`, { text, actor })
}

export function approve(clockId: string, reportId: string, actor: string): Promise<ClockDetail> {
  return call('POST', `/report-clocks/${part(clockId)}/drafts/${part(reportId)}/approve`, { actor })
}

export function waive(clockId: string, reason: string, actor: string): Promise<ClockDetail> {
  return call('POST', `/report-clocks/${part(clockId)}/waive`, { actor, reason })
}

export interface IncidentChoice {
  state: 'open' | 'shelved' | 'all' | IncidentState
  site_id: string
  severity: Severity | ''
}

export function listed(choice: IncidentChoice, cursor: string | null): Promise<Page<IncidentView>> {
  return get('/incidents', { ...choice, limit: 100, cursor })
}
