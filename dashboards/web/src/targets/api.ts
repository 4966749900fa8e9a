// What the server says of the targets, typed.

import { get } from '../api/client'

export type Standing = 'compliant' | 'dropped' | 'unknown' | 'exempt'

export interface Rate {
  target_id: string
  version: number
  name_zh: string
  name_en: string
  compliant: number
  dropped: number
  unknown: number
  exempt: number
  rate: number | null
}

export interface Cause {
  requirement: string
  subject: string
  known: boolean
  since: string | null
  until: string | null
  zh: string
  en: string
}

export interface StandingView {
  site_id: string
  name: string
  name_en: string
  township: string
  target_id: string
  version: number
  standing: Standing
  since: string
  until: string | null
  causes: Cause[]
}

export interface Compliance {
  at: string
  rates: Rate[]
  sites: StandingView[]
}

export interface Evidence extends Cause {
  met: boolean
  detail: Record<string, unknown>
}

export interface Verdict {
  target_id: string
  version: number
  standing: Standing
  changes_at: string | null
  evidence: Evidence[]
}

export interface Share {
  group: string
  name: string
  name_en: string
  target_id: string
  sites: number
  drops: number
  dropped_s: number
  rate: number | null
  proved: number | null
}

export interface Day {
  day: string
  target_id: string
  rate: number | null
}

export type By = 'district' | 'township' | 'site'

export const compliance = () => get<Compliance>('/compliance', {})

/** The rates alone: the sites behind them are some hundred kilobytes. */
export const districtRates = async () => (await get<Compliance>('/compliance', { standing: 'none' })).rates

export const verdicts = (siteId: string) =>
  get<{ at: string; verdicts: Verdict[] }>(`/compliance/sites/${encodeURIComponent(siteId)}`, {})

export const history = (siteId: string, since: string) =>
  get<{ items: StandingView[] }>(`/compliance/sites/${encodeURIComponent(siteId)}/history`, { since, limit: 100 })

export const rates = (since: string, by: By) => get<{ items: Share[] }>('/compliance/rates', { since, by })

export const days = (since: string) => get<{ items: Day[] }>('/compliance/days', { since })
