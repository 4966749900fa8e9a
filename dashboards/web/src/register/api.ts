// What the targets rest on, as people change it. Every change names the version that it saw.

import { call, get } from '../api/client'
import type { Page } from '../api/types'

const part = encodeURIComponent

export type Value = string | number | boolean | null
/** Something registered: its facts, and the `version` for a change. */
export type Entry = Record<string, Value> & { version: number }

export async function entries(path: string, siteId: string, span: Record<string, string> = {}): Promise<Entry[]> {
  return (await get<Page<Entry>>(path, { ...span, site_id: siteId, limit: 200 })).items
}

export function put(path: string, keys: string[], version: number | null, facts: Record<string, Value>, actor: string) {
  return call('PUT', [path, ...keys.map(part)].join('/'), { ...facts, version, actor })
}

export function remove(path: string, keys: string[], version: number, actor: string) {
  const query = new URLSearchParams({ version: String(version), actor })
  return call('DELETE', `${[path, ...keys.map(part)].join('/')}?${query.toString()}`)
}

export function post(path: string, keys: string[], facts: Record<string, unknown>, actor: string) {
  return call('POST', [path, ...keys.map(part)].join('/'), { ...facts, actor })
}
