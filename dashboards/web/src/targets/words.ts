// How targets, their rates and their causes are told.

import { language, t, wordOr } from '../words/language'
import type { Key } from '../words/zh'
import type { Cause, Evidence, Rate, Standing } from './api'

export const standingKey = (standing: Standing) => `standing.${standing}` as const satisfies Key

export function targetName(rate: Pick<Rate, 'name_zh' | 'name_en'>): string {
  return language.value === 'zh' ? rate.name_zh : rate.name_en
}

export function causeText(cause: Pick<Cause, 'zh' | 'en'>): string {
  return language.value === 'zh' ? cause.zh : cause.en
}

/** Only what is whole is a hundred: everything else is rounded down. */
export function percent(rate: number | null): string {
  if (rate === null) return t('common.dash')
  if (rate >= 1) return '100%'
  return `${(Math.floor(rate * 10_000) / 100).toFixed(2)}%`
}

export function requirement(one: Evidence): string {
  return wordOr('requirement', one.requirement)
}

/** What was looked at, by the name that people know it by. */
export function subject(one: Evidence): string {
  const name = String(one.detail['name'] ?? one.detail['place'] ?? '')
  return name === '' ? one.subject : `${name} ${one.subject}`
}
