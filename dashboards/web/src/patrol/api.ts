// Cameras of the network patrol, their pictures, and rounds.

import { call, get } from '../api/client'
import type { Page, Time } from '../api/types'

export type Standing = 'faulty' | 'doubtful' | 'unknown' | 'any'
export type ItemVerdict = 'confirmed' | 'rejected' | 'good' | 'missed' | 'unseen'

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
  device_place: string
  fault: string
  evidence_id: string | null
  picture_at: Time | null
  verdict: ItemVerdict | null
}

export interface RoundDetail {
  round: Round
  items: Item[]
}

const part = encodeURIComponent

export function progress(): Promise<Progress> {
  return call('GET', '/patrol')
}

export function cameras(standing: Standing, siteId: string, cursor: string | null): Promise<Page<Camera>> {
  return get('/cameras', { standing, site_id: siteId, patrolled: 'true', limit: 60, cursor })
}

/** One camera with its truths. */
export async function camera(siteId: string, deviceId: string): Promise<Camera> {
  return (await call<{ camera: Camera }>('GET', `/cameras/${part(siteId)}/${part(deviceId)}`)).camera
}

/** `of`: when the picture was taken, so that a newer one is another address. */
export function pictureUrl(siteId: string, deviceId: string, of: Time): string {
  return `/api/v1/cameras/${part(siteId)}/${part(deviceId)}/picture?of=${part(of)}`
}

export function evidenceUrl(item: Item, which: 'picture' | 'reference' | 'difference'): string {
  return `/api/v1/cameras/${part(item.site_id)}/${part(item.device_id)}/evidence/${part(item.evidence_id ?? '')}/${which}`
}

export function rounds(): Promise<Page<Round>> {
  return get('/patrol-rounds', { limit: 20 })
}

export function round(number: number): Promise<RoundDetail> {
  return call('GET', `/patrol-rounds/${number}`)
}

export function startRound(body: { actor: string; kind: Round['kind']; size: number; site_id?: string }): Promise<RoundDetail> {
  return call('POST', '/patrol-rounds', body)
}

export function judge(item: Item, body: { actor: string; verdict: ItemVerdict; found?: string }): Promise<Item> {
  return call('POST', `/patrol-rounds/${item.round_no}/items/${item.place}`, body)
}

export function endRound(number: number, actor: string): Promise<RoundDetail> {
  return call('POST', `/patrol-rounds/${number}/end`, { actor })
}

export function reportUrl(number: number, form: 'xlsx' | 'pdf', language: string): string {
  return `/api/v1/patrol-rounds/${number}/report?format=${form}&lang=${language}`
}
