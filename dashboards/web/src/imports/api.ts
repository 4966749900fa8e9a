// The registry from files.

import { call } from '../api/client'

export interface ImportedSheet {
  zh: string
  en: string
  added: number
  changed: number
  unchanged: number
}

export interface WrongCell {
  sheet: string
  line: number
  column: string
  zh: string
  en: string
}

export interface Imported {
  applied: boolean
  sheets: ImportedSheet[]
  ignored: string[]
  faults: number
  wrong: WrongCell[]
}

/** Of a workbook of twenty thousand rows. */
const TIMEOUT_MS = 160_000

export function importFile(file: File, actor: string, dryRun: boolean): Promise<Imported> {
  const choice = new URLSearchParams({ actor, name: file.name, dry_run: String(dryRun) })
  return call('POST', `/registry/import?${choice.toString()}`, file, {}, TIMEOUT_MS)
}

export function templateAddress(language: string): string {
  return `/api/v1/registry/template?language=${language}`
}
