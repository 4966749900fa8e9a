// Times and ages as people read them. The zone is the browser's and is always named.

import { locale, t } from './language'

export const DISTRICT_ZONE = 'Asia/Shanghai'
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

function formatted(at: number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale.value, { hourCycle: 'h23', timeZone: zone, ...options }).format(at)
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' }
const DAY: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit' }

export function clockTime(at: number): string {
  return formatted(at, CLOCK)
}

export function day(at: number): string {
  return formatted(at, { ...DAY, weekday: 'short' })
}

export function districtClockTime(at: number): string {
  return formatted(at, { ...CLOCK, timeZone: DISTRICT_ZONE })
}

/** Hour and minute of an RFC 3339 text; with the date when it is not the day of `now`. */
export function hourMinute(text: string, now: number): string {
  const at = Date.parse(text)
  const sameDay = formatted(at, DAY) === formatted(now, DAY)
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' }
  return formatted(at, sameDay ? options : { month: '2-digit', day: '2-digit', ...options })
}

/** A count with its thousands set apart. */
export function figure(count: number): string {
  return new Intl.NumberFormat(locale.value).format(count)
}

/** Date and time of an RFC 3339 text; the date is left out when it is the day of `now`. */
export function moment(text: string | null, now: number): string {
  if (text === null) return t('common.dash')
  const at = Date.parse(text)
  if (Number.isNaN(at)) return text
  const sameDay = formatted(at, DAY) === formatted(now, DAY)
  return formatted(at, sameDay ? CLOCK : { ...DAY, ...CLOCK })
}

/** UTC+8 and the like. */
export function offset(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset()
  const hours = Math.trunc(Math.abs(minutes) / 60)
  const rest = Math.abs(minutes) % 60
  return `UTC${minutes < 0 ? '-' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`
}

export function zoneName(at: number): string {
  return zone === DISTRICT_ZONE
    ? t('clock.beijing', { offset: offset(at) })
    : t('clock.zone', { zone, offset: offset(at) })
}

export function age(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000))
  if (s < 60) return t('age.seconds', { s })
  if (s < 3600) return t('age.minutes', { m: Math.floor(s / 60), s: s % 60 })
  if (s < 86_400) return t('age.hours', { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) })
  return t('age.days', { d: Math.floor(s / 86_400), h: Math.floor((s % 86_400) / 3600) })
}

/** How far a device's clock is from ours. */
export function clockOffset(seconds: number): string {
  const values = { age: age(Math.abs(seconds) * 1000) }
  return seconds > 0 ? t('device.clock_fast', values) : t('device.clock_slow', values)
}

export function ageSince(text: string, now: number): string {
  return age(now - Date.parse(text))
}
