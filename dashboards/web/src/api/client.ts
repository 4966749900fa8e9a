// The HTTP API, typed. Every refusal becomes an ApiError that carries the server's own words.

import type {
  Attachment,
  DeviceKind,
  DeviceView,
  IncidentAction,
  IncidentDetail,
  IncidentView,
  LedgerLine,
  Page,
  QuarantinedMessage,
  Reason,
  ReplayReport,
  ReportClock,
  SiteDetail,
  SiteEntry,
  UnregisteredDevice,
  Verification,
  VerificationReason,
} from './types'

const ROOT = '/api/v1'
const TIMEOUT_MS = 10_000
const PAGES_AT_MOST = 20
const NOT_SIGNED_IN = 'urn:campuswatch:problem:not-signed-in'

export interface FieldError {
  field: string
  message: string
}

export class ApiError extends Error {
  /** `status` 0 means that no answer came at all. `fields`: what is wrong with which part of the request. */
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly fields: FieldError[] = [],
    readonly retryAfterS = 0,
  ) {
    super(detail)
  }
}

interface Problem {
  type?: string
  title?: string
  detail?: string
  errors?: FieldError[]
}

/** What goes along with every change, and who hears that nobody is signed in any more. Kept by live/session.ts. */
export const credentials = { csrf: '', onSignedOut: (): void => undefined }

export async function call<Answer>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  timeoutMs = TIMEOUT_MS,
): Promise<Answer> {
  const request: RequestInit = {
    method,
    headers: { Accept: 'application/json', ...(method === 'GET' ? {} : { 'X-CSRF-Token': credentials.csrf }), ...headers },
    signal: AbortSignal.timeout(timeoutMs),
  }
  if (body instanceof Blob) {
    request.headers = { ...request.headers, 'Content-Type': 'application/octet-stream' }
    request.body = body
  } else if (body !== undefined) {
    request.headers = { ...request.headers, 'Content-Type': 'application/json' }
    request.body = JSON.stringify(body)
  }
  let answer: Response
  try {
    answer = await fetch(ROOT + path, request)
  } catch (error) {
    throw new ApiError(0, error instanceof Error ? error.message : String(error))
  }
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as Problem
    if (answer.status === 401 && problem.type === NOT_SIGNED_IN) credentials.onSignedOut()
    const faults = problem.errors === undefined ? '' : ` ${JSON.stringify(problem.errors)}`
    const detail = (problem.detail ?? problem.title ?? answer.statusText) + faults
    throw new ApiError(answer.status, detail, problem.errors ?? [], Number(answer.headers.get('Retry-After') ?? 0))
  }
  return (await answer.json()) as Answer
}

function query(values: Record<string, string | number | null | undefined>): string {
  const chosen = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') chosen.set(name, String(value))
  }
  const text = chosen.toString()
  return text === '' ? '' : `?${text}`
}

export function get<Answer>(path: string, values: Record<string, string | number | null | undefined>): Promise<Answer> {
  return call<Answer>('GET', path + query(values))
}

const part = encodeURIComponent

export function incidents(choice: { state?: string; site_id?: string; limit?: number; cursor?: string | null }) {
  return call<Page<IncidentView>>('GET', `/incidents${query(choice)}`)
}

export function incident(id: string) {
  return call<IncidentDetail>('GET', `/incidents/${part(id)}`)
}

/** The two-hour clocks that run, the most urgent first. */
export function runningClocks() {
  return call<ReportClock[]>('GET', '/report-clocks?state=running')
}

export function act(id: string, action: IncidentAction, actor: string, note: string) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/${action}`, { actor, note })
}

export function verify(id: string, body: { actor: string; note: string; verification: Verification; reason: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/verify`, body)
}

export function merge(id: string, body: { actor: string; note: string; into: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/merge`, body)
}

export function split(id: string, body: { actor: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/split`, body)
}

export function shelve(id: string, body: { actor: string; reason: string; until: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/shelve`, body)
}

export function unshelve(id: string, body: { actor: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/unshelve`, body)
}

export function assign(id: string, body: { actor: string; person_id: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/assign`, body)
}

export function unassign(id: string, body: { actor: string }) {
  return call<IncidentView>('POST', `/incidents/${part(id)}/unassign`, body)
}

export function attach(id: string, file: File, actor: string) {
  return call<Attachment>('POST', `/incidents/${part(id)}/attachments${query({ actor, name: file.name })}`, file)
}

export function attachmentUrl(id: string, number: number): string {
  return `${ROOT}/incidents/${part(id)}/attachments/${number}`
}

export function verificationReasons() {
  return call<{ reasons: VerificationReason[] }>('GET', '/verification-reasons')
}

/** Every site with its tile of the wall. */
export async function allSites(): Promise<SiteEntry[]> {
  const found: SiteEntry[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_AT_MOST; page += 1) {
    const answer: Page<SiteEntry> = await call('GET', `/sites${query({ limit: 500, cursor })}`)
    found.push(...answer.items)
    cursor = answer.next_cursor
    if (cursor === null) break
  }
  return found
}

export function site(id: string) {
  return call<SiteDetail>('GET', `/sites/${part(id)}`)
}

/** All devices of a site, page by page. */
export async function devices(siteId: string): Promise<DeviceView[]> {
  const found: DeviceView[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_AT_MOST; page += 1) {
    const answer: Page<DeviceView> = await call('GET', `/sites/${part(siteId)}/devices${query({ limit: 500, cursor })}`)
    found.push(...answer.items)
    cursor = answer.next_cursor
    if (cursor === null) break
  }
  return found
}

export function quarantine(choice: { reason?: Reason | ''; limit?: number; cursor?: string | null }) {
  return call<Page<QuarantinedMessage>>('GET', `/quarantine${query(choice)}`)
}

export function ledger(choice: { uneven?: boolean; limit?: number; cursor?: string | null }) {
  const { uneven, ...rest } = choice
  return call<Page<LedgerLine>>('GET', `/ledger${query({ ...rest, uneven: uneven ? 'true' : '' })}`)
}

/** The oldest messages that were not replayed, behind number `after`. */
export function replay(choice: { reason: Reason | null; site_id?: string; device_id?: string; after: number; actor: string }) {
  return call<ReplayReport>('POST', '/quarantine/replay', choice)
}

export function unregistered(choice: { limit?: number; cursor?: string | null }) {
  return call<Page<UnregisteredDevice>>('GET', `/unregistered${query(choice)}`)
}

export function adopt(
  siteId: string,
  deviceId: string,
  body: { kind: DeviceKind; name: string; place: string; parent_id: string; profile: string; address: string; actor: string },
) {
  return call<DeviceView>('POST', `/unregistered/${part(siteId)}/${part(deviceId)}/adopt`, body)
}
