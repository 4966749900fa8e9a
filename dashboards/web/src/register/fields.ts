// The fields of what is registered at a site, kind by kind: what a form asks for and how it begins.

import type { PlainKey } from '../words/language'
import type { Value } from './api'

export interface Option {
  value: string
  text: string
}

export interface Field {
  name: string
  label: PlainKey
  kind: 'text' | 'day' | 'moment' | 'number' | 'check' | 'choice'
  begins: Value
  required?: boolean
  hint?: PlainKey
  least?: number
  most?: number
  options?: Option[]
}

/** What an empty field means: nothing for days, an empty text for the rest. */
export function facts(fields: readonly Field[], form: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(
    fields.map((field) => {
      const value = form[field.name] ?? field.begins
      return [field.name, value === '' && (field.kind === 'day' || field.kind === 'moment') ? null : value]
    }),
  )
}

export function blank(fields: readonly Field[]): Record<string, Value> {
  return Object.fromEntries(fields.map((field) => [field.name, field.begins]))
}

/** As a field shows it: null is empty. */
export function filled(fields: readonly Field[], entry: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(fields.map((field) => [field.name, entry[field.name] ?? (field.kind === 'check' ? false : '')]))
}

export const ID = (label: PlainKey): Field => ({ name: 'id', label, kind: 'text', begins: '', required: true, most: 32, hint: 'register.id_hint' })

export const GUARD: readonly Field[] = [
  { name: 'name', label: 'accounts.name', kind: 'text', begins: '', required: true, most: 200 },
  { name: 'born_on', label: 'register.born_on', kind: 'day', begins: '', required: true },
  { name: 'first_hired_on', label: 'register.first_hired_on', kind: 'day', begins: '', required: true, hint: 'register.hired_hint' },
  { name: 'serves_from', label: 'register.serves_from', kind: 'day', begins: '' },
  { name: 'serves_until', label: 'register.serves_until', kind: 'day', begins: '', hint: 'register.serves_hint' },
  { name: 'full_time', label: 'guard.full_time', kind: 'check', begins: true },
  { name: 'certificate_no', label: 'register.certificate_no', kind: 'text', begins: '', most: 64 },
  { name: 'certificate_from', label: 'register.certificate_from', kind: 'day', begins: '' },
  { name: 'certificate_until', label: 'register.certificate_until', kind: 'day', begins: '', hint: 'register.certificate_hint' },
  { name: 'company', label: 'register.company', kind: 'text', begins: '', most: 200 },
  { name: 'phone', label: 'register.phone', kind: 'text', begins: '', most: 64, hint: 'register.phone_hint' },
  { name: 'card', label: 'register.card', kind: 'text', begins: '', most: 64, hint: 'register.card_hint' },
]

export const POST: readonly Field[] = [
  { name: 'place', label: 'device.place', kind: 'text', begins: '', required: true, most: 200 },
  { name: 'required', label: 'register.required', kind: 'number', begins: 3, required: true, least: 1, most: 100, hint: 'register.required_hint' },
  { name: 'at_arrival', label: 'register.at_arrival', kind: 'check', begins: true },
  { name: 'at_leaving', label: 'register.at_leaving', kind: 'check', begins: true },
]

export const gate = (doors: Option[]): readonly Field[] => [
  { name: 'name', label: 'register.gate_name', kind: 'text', begins: '', required: true, most: 200 },
  { name: 'main', label: 'register.main', kind: 'check', begins: false, hint: 'register.main_hint' },
  { name: 'closed_in_class', label: 'register.closed_in_class', kind: 'check', begins: true },
  { name: 'device_id', label: 'register.door', kind: 'choice', begins: '', options: doors },
]

const BARRIER_KINDS = ['bollard', 'lifting_bollard', 'barricade', 'pier', 'wedge'] as const

export const barrier = (gates: Option[], sensors: Option[], kindName: (kind: string) => string): readonly Field[] => [
  { name: 'gate_id', label: 'register.gate', kind: 'choice', begins: gates[0]?.value ?? '', required: true, options: gates },
  {
    name: 'kind',
    label: 'register.kind',
    kind: 'choice',
    begins: BARRIER_KINDS[0],
    required: true,
    options: BARRIER_KINDS.map((value) => ({ value, text: kindName(value) })),
  },
  { name: 'installed_on', label: 'register.installed_on', kind: 'day', begins: '' },
  { name: 'inspection_days', label: 'register.inspection_days', kind: 'number', begins: 180, required: true, least: 1, most: 3660 },
  { name: 'device_id', label: 'register.sensor', kind: 'choice', begins: '', options: sensors },
]

export const INSPECTION: readonly Field[] = [
  { name: 'inspected_on', label: 'register.inspected_on', kind: 'day', begins: '', required: true },
  { name: 'passed', label: 'barrier.passed', kind: 'check', begins: true },
  { name: 'note', label: 'register.note', kind: 'text', begins: '', most: 500 },
]

export const PRESENCE: readonly Field[] = [
  { name: 'present', label: 'register.present', kind: 'number', begins: 0, required: true, least: 0, most: 1000 },
]

export const shift = (guards: Option[], starts: string, ends: string): readonly Field[] => [
  { name: 'guard_id', label: 'register.guard', kind: 'choice', begins: guards[0]?.value ?? '', required: true, options: guards },
  { name: 'starts_at', label: 'duty.from', kind: 'moment', begins: starts, required: true },
  { name: 'ends_at', label: 'duty.to', kind: 'moment', begins: ends, required: true },
  { name: 'days', label: 'register.days', kind: 'number', begins: 1, required: true, least: 1, most: 31, hint: 'register.days_hint' },
]
