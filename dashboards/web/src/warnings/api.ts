// Early warnings: issued to groups of sites, read by each of them.

import { call, get } from '../api/client'
import type { SiteKind, Time } from '../api/types'

export type Level = 'blue' | 'yellow' | 'orange' | 'red'

export interface Tally {
  sites: number
  read: number
  unread: number
  unreachable: number
  median_s: number | null
}

export interface EarlyWarning {
  warning_id: string
  number: number
  kind: string
  level: Level
  title_zh: string
  title_en: string
  text_zh: string
  text_en: string
  audience: { townships: string[]; kinds: SiteKind[]; sites: string[] }
  issued_at: Time
  issued_by: string
  valid_from: Time
  valid_until: Time
  cancelled_at: Time | null
  cancelled_by: string | null
  cancel_reason: string
  tally: Tally
}

export interface WarningDetail extends EarlyWarning {
  receipts: {
    site_id: string
    site_name: string
    told_at: Time | null
    reachable: boolean | null
    reminders: number
    read_at: Time | null
    read_by: string | null
  }[]
}

export interface Issue {
  kind: string
  level: Level
  title_zh: string
  title_en: string
  text_zh: string
  text_en: string
  townships: string[]
  kinds: SiteKind[]
  valid_until: string
}

export const list = (inForce: boolean) => get<EarlyWarning[]>('/warnings', { in_force: String(inForce) })
export const one = (id: string) => call<WarningDetail>('GET', `/warnings/${encodeURIComponent(id)}`)
export const issue = (body: Issue & { actor: string }) => call<WarningDetail>('POST', '/warnings', body)
export const markRead = (id: string, siteId: string, actor: string) =>
  call<{ news: boolean }>('POST', `/warnings/${encodeURIComponent(id)}/read`, { actor, site_id: siteId })
export const cancel = (id: string, reason: string, actor: string) =>
  call<WarningDetail>('POST', `/warnings/${encodeURIComponent(id)}/cancel`, { actor, reason })
