// Moments as a field of a form has them: 2026-03-02T08:30 in the browser's zone.

export function fieldTime(at: number): string {
  const date = new Date(at)
  const part = (value: number) => String(value).padStart(2, '0')
  return (
    `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}` +
    `T${part(date.getHours())}:${part(date.getMinutes())}`
  )
}

export function instant(field: string): string {
  return new Date(field).toISOString()
}
