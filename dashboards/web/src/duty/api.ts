// Who is on duty, who will be, and what is wrong with the roster.

import { call, get } from '../api/client'
import type { Time } from '../api/types'

export type Role = 'leader' | 'officer'

export interface Contact {
  contact_no: number
  channel: string
  rank: number
  test_ok: boolean | null
  tested_at: Time | null
  verified_at: Time | null
}

export interface Person {
  person_id: string
  name: string
  site_id: string
  language: string
  reachable: boolean
  contacts: Contact[]
}

export interface OnDuty extends Person {
  role: Role
  on_duty_for: string
  source: 'shift' | 'swap' | 'pattern' | 'override'
}

export interface Shift {
  shift_no: number
  name: string
  site_id: string
  role: Role
  starts_at: Time
  ends_at: Time
}

export interface Fault {
  kind: 'gap' | 'no_contact' | 'test_failed'
  site_id: string
  role: Role | null
  starts_at: Time | null
  ends_at: Time | null
  person: string
  contact_no: number | null
  zh: string
  en: string
}

interface List<Item> {
  items: Item[]
}

export async function who(siteId: string, at = ''): Promise<OnDuty[]> {
  return (await get<List<OnDuty>>('/duty/who', { site_id: siteId, at })).items
}

export async function people(siteId: string): Promise<Person[]> {
  return (await call<List<Person>>('GET', `/duty/people?site_id=${encodeURIComponent(siteId)}`)).items
}

export async function shifts(since: string, until: string): Promise<Shift[]> {
  return (await get<List<Shift>>('/duty/shifts', { since, until })).items
}

export async function faults(): Promise<Fault[]> {
  return (await call<List<Fault>>('GET', '/duty/audit')).items
}

export function testContact(contactNo: number, actor: string): Promise<{ ok: boolean; error: string }> {
  return call('POST', `/duty/contacts/${contactNo}/test`, { actor })
}

export interface StandIn {
  person_id: string
  instead_of: string
  site_id: string
  role: Role
  starts_at: string
  ends_at: string
  note: string
}

export function standIn(body: StandIn & { actor: string }): Promise<{ override_no: number }> {
  return call('POST', '/duty/overrides', body)
}

export function handOver(body: {
  actor: string
  from_id: string
  to_id: string
  site_id: string
  role: Role
  note: string
}): Promise<{ stands_in_until: Time | null }> {
  return call('POST', '/duty/handovers', body)
}
