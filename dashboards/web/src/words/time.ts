// Times and ages as people read them. The zone is the browser's and is always named.

import { locale, t } from './language'

export const DISTRICT_ZONE = 'Asia/Shanghai'
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' }
const DAY: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit' }
const MINUTE: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' }
const FORMS = {
  clock: CLOCK,
  day: DAY,
  weekday: { ...DAY, weekday: 'short' },
  district: { ...CLOCK, timeZone: DISTRICT_ZONE },
  minute: MINUTE,
  dayMinute: { month: '2-digit', day: '2-digit', ...MINUTE },
  dayClock: { ...DAY, ...CLOCK },
} satisfies Record<string, Intl.DateTimeFormatOptions>

/** By form and language: making one costs far more than using it, and a wall shows hundreds of times. */
const formatters = new Map<string, Intl.DateTimeFormat>()
const numbers = new Map<string, Intl.NumberFormat>()

function formatted(at: number, form: keyof typeof FORMS): string {
  const key = `${form} ${locale.value}`
  let formatter = formatters.get(key)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat(locale.value, { hourCycle: 'h23', timeZone: zone, ...FORMS[form] })
    formatters.set(key, formatter)
  }
  return formatter.format(at)
}

export function clockTime(at: number): string {
  return formatted(at, 'clock')
}

/** Chinese runs the day of the week into the date; a glance reads them better apart. */
export function day(at: number): string {
  return formatted(at, 'weekday').replace(/(\d)(周|星期)/, '$1 $2')
}

export function districtClockTime(at: number): string {
  return formatted(at, 'district')
}

/** Hour and minute of an RFC 3339 text; with the date when it is not the day of `now`. */
export function hourMinute(text: string, now: number): string {
  const at = Date.parse(text)
  return formatted(at, sameDay(at, now) ? 'minute' : 'dayMinute')
}

/** A count with its thousands set apart. */
export function figure(count: number): string {
  let formatter = numbers.get(locale.value)
  if (formatter === undefined) {
    formatter = new Intl.NumberFormat(locale.value)
    numbers.set(locale.value, formatter)
  }
  return formatter.format(count)
}

/** Date and time of an RFC 3339 text; the date is left out when it is the day of `now`. */
export function moment(text: string | null, now: number): string {
  if (text === null) return t('common.dash')
  const at = Date.parse(text)
  if (Number.isNaN(at)) return text
  return formatted(at, sameDay(at, now) ? 'clock' : 'dayClock')
}

function sameDay(at: number, now: number): boolean {
  return formatted(at, 'day') === formatted(now, 'day')
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

/** From here on nobody counts seconds. */
const SECONDS_UNTIL_MS = 600_000

/** Whether `ageSince` tells seconds, and has to be asked again each second. */
export function saysSeconds(text: string, now: number): boolean {
  return now - Date.parse(text) < SECONDS_UNTIL_MS
}

/** An age that goes on. */
export function ageSince(text: string, now: number): string {
  const since = now - Date.parse(text)
  if (saysSeconds(text, now) || since >= 3_600_000) return age(since)
  return t('age.whole_minutes', { m: Math.floor(since / 60_000) })
}
