// What is sent to links and people, and how the links stand.

import { call, get } from '../api/client'
import type { DeliveryState, Page, Time } from '../api/types'

export type Which = 'waiting' | 'retried' | 'failed' | 'all'

export interface DeliveryLine {
  delivery_id: string
  incident_id: string | null
  number: number | null
  rule: string | null
  site_id: string | null
  channel: string
  recipient: string
  notice: string
  state: DeliveryState
  life_safety: boolean
  attempts: number
  created_at: Time
  next_attempt_at: Time | null
  sent_at: Time | null
  received_at: Time | null
  receipt_id: string | null
  last_error: string | null
}

export interface Deliveries extends Page<DeliveryLine> {
  counts: Record<Exclude<Which, 'all'>, number>
}

export function deliveries(which: Which, recipient: string, cursor: string | null): Promise<Deliveries> {
  return get('/deliveries', { which, recipient, limit: 100, cursor })
}

export interface Link {
  link_id: string
  watched_since: Time | null
  alive_since: Time | null
  silent_since: Time | null
  heartbeat_sent_at: Time | null
  heartbeat_answered_at: Time | null
  last_error: string | null
  test_sent_at: Time | null
  test_receipted_at: Time | null
  test_receipt_id: string | null
  untested_since: Time | null
  paused_until: Time | null
  pause_reason: string
  queued: number
  oldest_queued_at: Time | null
}

export function resend(deliveryId: string, actor: string, reason: string): Promise<unknown> {
  return call('POST', `/deliveries/${encodeURIComponent(deliveryId)}/resend`, { actor, reason })
}

export function testLink(linkId: string, actor: string): Promise<Link> {
  return call('POST', `/links/${encodeURIComponent(linkId)}/test`, { actor })
}

export function pauseLink(linkId: string, body: { actor: string; hours: number; reason: string }): Promise<Link> {
  return call('POST', `/links/${encodeURIComponent(linkId)}/pause`, body)
}

export function resumeLink(linkId: string, actor: string): Promise<Link> {
  return call('POST', `/links/${encodeURIComponent(linkId)}/resume`, { actor })
}

export function links(): Promise<Link[]> {
  return call('GET', '/links')
}
