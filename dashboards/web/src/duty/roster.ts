// The roster of a site or the bureau: what holds over a time, and the parts it is made of.

import { call, get } from '../api/client'
import type { Time } from '../api/types'
import type { Role } from './api'

export const DAY_KINDS = ['school', 'weekend', 'holiday', 'vacation'] as const
export type DayKind = (typeof DAY_KINDS)[number]
export type Source = 'shift' | 'swap' | 'pattern' | 'override'

/** From midnight to midnight. */
export interface Day {
  from: number
  to: number
}

export interface Span {
  role: Role
  person_id: string
  name: string
  source: Source
  starts_at: Time
  ends_at: Time
}

export interface Gap {
  role: Role
  starts_at: Time
  ends_at: Time
}

export interface Shift {
  shift_no: number
  role: Role
  person_id: string
  name: string
  starts_at: Time
  ends_at: Time
}

export interface Pattern {
  pattern_no: number
  role: Role
  person_id: string
  name: string
  day_kinds: DayKind[]
  weekdays: number[]
  starts: string
  ends: string
  first_day: string
  last_day: string
}

export interface Override {
  override_no: number
  role: Role
  person_id: string
  name: string
  instead_of: string
  starts_at: Time
  ends_at: Time
  made_at: Time
  made_by: string
  note: string
  voided_at: Time | null
  voided_by: string | null
  void_reason: string | null
}

export interface Requirement {
  role: Role
  day_kinds: DayKind[]
  starts: string
  ends: string
}

export interface Roster {
  since: Time
  until: Time
  spans: Span[]
  gaps: Gap[]
  shifts: Shift[]
  patterns: Pattern[]
  overrides: Override[]
  swaps: { swap_no: number; shift_no: number; other_no: number; made_at: Time; made_by: string; note: string }[]
  requirements: Requirement[]
}

export function roster(siteId: string, since: string, until: string): Promise<Roster> {
  return get('/duty/calendar', { site_id: siteId, since, until })
}

export function addShift(body: {
  actor: string
  person_id: string
  site_id: string
  role: Role
  starts_at: string
  ends_at: string
}): Promise<{ shift_no: number }> {
  return call('POST', '/duty/shifts', body)
}

export function removeShift(number: number, actor: string, reason: string): Promise<unknown> {
  return call('POST', `/duty/shifts/${number}/remove`, { actor, reason })
}

export function addPattern(body: Omit<Pattern, 'pattern_no' | 'name'> & { actor: string; site_id: string }): Promise<unknown> {
  return call('POST', '/duty/patterns', body)
}

export function removePattern(number: number, actor: string, reason: string): Promise<unknown> {
  return call('POST', `/duty/patterns/${number}/remove`, { actor, reason })
}

export function voidOverride(number: number, actor: string, reason: string): Promise<unknown> {
  return call('POST', `/duty/overrides/${number}/void`, { actor, reason })
}

export function swap(body: { actor: string; shift_no: number; other_no: number; note: string }): Promise<unknown> {
  return call('POST', '/duty/swaps', body)
}

export function require(body: {
  actor: string
  site_id: string
  role: Role
  required: Omit<Requirement, 'role'>[]
}): Promise<unknown> {
  return call('PUT', '/duty/requirements', body)
}
