// Cameras of the network patrol, their pictures, and rounds.

import { call, get } from '../api/client'
import type { Page, Time } from '../api/types'

export type Standing = 'faulty' | 'doubtful' | 'unknown' | 'any'
export type ItemVerdict = 'confirmed' | 'rejected' | 'good' | 'missed' | 'unseen' | 'removed'
export type By = 'district' | 'township' | 'site' | 'camera'
export type Form = 'xlsx' | 'pdf'

export interface Progress {
  at: Time
  cycle_s: number
  cameras: number
  covered: number
  doubtful: number
  faulty: number
  never: number
  oldest_at: Time | null
  newest_at: Time | null
  four_eyes: boolean
}

export interface Truth {
  truth: 'reachable' | 'registered' | 'decodes' | 'good'
  state: 'yes' | 'no' | 'unknown'
  reason: string
  since: Time
  proved_at: Time | null
  checked_at: Time
}

export interface Camera {
  site_id: string
  site_name: string
  device_id: string
  name: string
  place: string
  picture_at: Time | null
  light: string
  failure: string
  standing: string[]
  told: string
  doubtful: boolean
  truths: Truth[]
}

export interface Round {
  round_no: number
  kind: 'sample' | 'doubtful' | 'site'
  site_id: string
  started_at: Time
  started_by: string
  ended_at: Time | null
  items: number
  judged: number
}

export interface Item {
  round_no: number
  place: number
  site_id: string
  site_name: string
  device_id: string
  device_name: string
  device_place: string
  fault: string
  light: string
  score: number | null
  evidence_id: string | null
  picture_at: Time | null
  verdict: ItemVerdict | null
  found: string
  note: string
  judged_at: Time | null
  judged_by: string | null
}

export interface Hazard {
  hazard_no: number
  site_id: string
  device_id: string
  fault: string
  evidence_id: string
  found_at: Time
  found_by: string
  due_at: Time
  cleared_at: Time | null
  struck_at: Time | null
  struck_by: string | null
  note: string
}

/** Seconds of cameras, added up; `planned_s`: within planned maintenance, in none of the others. */
export interface Availability {
  group: string
  truth: Truth['truth']
  yes_s: number
  no_s: number
  unknown_s: number
  planned_s: number
  rate: number | null
  known: number | null
}

export interface RoundDetail {
  round: Round
  items: Item[]
}

const part = encodeURIComponent

export function progress(): Promise<Progress> {
  return call('GET', '/patrol')
}

export function cameras(standing: Standing, siteId: string, cursor: string | null, limit: number): Promise<Page<Camera>> {
  return get('/cameras', { standing, site_id: siteId, patrolled: 'true', limit, cursor })
}

/** One camera with its truths. */
export async function camera(siteId: string, deviceId: string): Promise<Camera> {
  return (await call<{ camera: Camera }>('GET', `/cameras/${part(siteId)}/${part(deviceId)}`)).camera
}

/** `of`: when the picture was taken, so that a newer one is another address. */
export function pictureUrl(siteId: string, deviceId: string, of: Time): string {
  return `/api/v1/cameras/${part(siteId)}/${part(deviceId)}/picture?of=${part(of)}`
}

/** A good picture by day or by night; there may be none yet. */
export function referenceUrl(siteId: string, deviceId: string, light: string): string {
  return `/api/v1/cameras/${part(siteId)}/${part(deviceId)}/references/${part(light)}`
}

/** What is shown is how the camera is meant to look: the next picture is its new reference. */
export function adopt(siteId: string, deviceId: string, actor: string): Promise<unknown> {
  return call('POST', `/cameras/${part(siteId)}/${part(deviceId)}/lessons`, { actor, kind: 'adopted' })
}

export function evidenceUrl(item: { site_id: string; device_id: string; evidence_id: string | null }, which: 'picture' | 'reference' | 'difference'): string {
  return `/api/v1/cameras/${part(item.site_id)}/${part(item.device_id)}/evidence/${part(item.evidence_id ?? '')}/${which}`
}

export function rounds(cursor: string | null): Promise<Page<Round>> {
  return get('/patrol-rounds', { limit: 30, cursor })
}

export function round(number: number): Promise<RoundDetail> {
  return call('GET', `/patrol-rounds/${number}`)
}

export function startRound(body: { actor: string; kind: Round['kind']; size: number; site_id?: string }): Promise<RoundDetail> {
  return call('POST', '/patrol-rounds', body)
}

export function judge(item: Item, body: { actor: string; verdict: ItemVerdict; found?: string; note?: string }): Promise<Item> {
  return call('POST', `/patrol-rounds/${item.round_no}/items/${item.place}`, body)
}

export function endRound(number: number, actor: string): Promise<RoundDetail> {
  return call('POST', `/patrol-rounds/${number}/end`, { actor })
}

export function reportUrl(number: number, form: Form, language: string): string {
  return `/api/v1/patrol-rounds/${number}/report?format=${form}&lang=${language}`
}

/** Whole days, as 2026-03-01. */
export function periodReportUrl(from: string, to: string, form: Form, language: string): string {
  return `/api/v1/reports/patrol?from=${from}&to=${to}&format=${form}&lang=${language}`
}

export async function hazards(all: boolean): Promise<Hazard[]> {
  return (await get<{ items: Hazard[] }>('/camera-hazards', { open: String(!all), limit: 200 })).items
}

export function strikeOff(hazard: Hazard, actor: string, note: string): Promise<Hazard> {
  return call('POST', `/camera-hazards/${hazard.hazard_no}/strike-off`, { actor, note })
}

export async function availability(choice: { since: string; until: string; by: By; site_id: string }): Promise<Availability[]> {
  return (await get<{ items: Availability[] }>('/camera-availability', choice)).items
}
