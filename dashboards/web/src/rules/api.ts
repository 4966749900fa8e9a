// Rules as documents with versions.

import { call } from '../api/client'
import type { Time } from '../api/types'

const part = encodeURIComponent

export interface Rule {
  rule: string
  version: number
  document: Record<string, unknown>
  enabled: boolean
  author: string
  reason: string
  at: Time | null
}

export interface RuleDetail extends Rule {
  versions: Rule[]
}

export async function rules(): Promise<Rule[]> {
  return (await call<{ items: Rule[] }>('GET', '/rules')).items
}

export function rule(name: string): Promise<RuleDetail> {
  return call('GET', `/rules/${part(name)}`)
}

export function check(document: unknown): Promise<{ rule: string }> {
  return call('POST', '/rules/check', document)
}

const matching = (version: number) => ({ 'If-Match': `"${version}"` })

export function put(name: string, version: number, document: unknown, actor: string, reason: string): Promise<Rule> {
  return call('PUT', `/rules/${part(name)}`, { actor, reason, document }, matching(version))
}

export function turn(name: string, version: number, on: boolean, actor: string, reason: string): Promise<Rule> {
  return call('POST', `/rules/${part(name)}/${on ? 'enable' : 'disable'}`, { actor, reason }, matching(version))
}
