// A rule tried on what happened: begun, looked at until it is done, cancelled.

import { call } from '../api/client'
import type { Time } from '../api/types'

export interface TrialLine {
  mark: 'new' | 'both' | 'gone'
  key: string
  site_id: string
  device_id: string
  raised_at: Time
  ended_at: Time | null
  known: boolean
}

export interface Trial {
  trial_id: string
  rule: string
  since: Time
  until: Time
  site_id: string | null
  asked_by: string
  asked_at: Time
  today: '' | 'none' | 'off' | 'same' | 'tried'
  state: 'running' | 'done' | 'failed' | 'cancelled'
  progress: number
  observations: number
  error: string
  result: {
    observations: number
    seconds: number
    raised: number
    today: number | null
    new: number
    gone: number
    incidents: number
    missed: number
    sites: number
    lines: TrialLine[]
  } | null
}

export async function trials(): Promise<Trial[]> {
  return (await call<{ items: Trial[] }>('GET', '/trials')).items
}

export function trial(id: string): Promise<Trial> {
  return call('GET', `/trials/${id}`)
}

export function begin(body: {
  actor: string
  document: unknown
  since: string
  until: string
  site_id: string | null
}): Promise<Trial> {
  return call('POST', '/trials', body)
}

export function cancel(id: string, actor: string): Promise<Trial> {
  return call('POST', `/trials/${id}/cancel`, { actor })
}
