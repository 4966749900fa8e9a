// Who is signed in, as the server says it, and what that opens.

import { computed, ref, shallowRef } from 'vue'

import { ApiError, call, credentials } from '../api/client'
import { earlySession } from './early'
import type { Route } from './view'

export type Role =
  | 'operator'
  | 'duty_leader'
  | 'patrol_officer'
  | 'school_officer'
  | 'bureau'
  | 'integrator'
  | 'auditor'
  | 'administrator'

export interface Account {
  account: string
  name: string
  role: Role
  permissions: string[]
  /** null: every site. */
  sites: string[] | null
  must_change: boolean
  has_password: boolean
  language: 'zh' | 'en'
}

interface Session {
  sign_in: 'required' | 'off'
  account: Account | null
  csrf: string
  /** Where people may sign in beside their passwords. */
  provider: { name: string; name_en: string } | null
}

const RETRY_MS = 2_000
/** Where somebody stood before the way led to the provider and back. */
const STORED_PLACE = 'campuswatch.place'

/** null until the server has answered. */
const session = shallowRef<Session | null>(null)
/** True while the server does not say who is signed in. */
export const unreachable = ref(false)
/** True when a session ended by itself. */
export const over = ref(false)

export const provider = computed(() => session.value?.provider ?? null)
export const known = computed(() => session.value !== null)
export const account = computed(() => session.value?.account ?? null)
/** The wall may be shown: somebody is signed in and has a password of his own, or nobody has to. */
export const entered = computed(
  () => session.value?.sign_in === 'off' || (account.value !== null && !account.value.must_change),
)

function keep(said: Session): void {
  over.value = over.value || (account.value !== null && said.account === null)
  if (said.account !== null) over.value = false
  session.value = said
  credentials.csrf = said.csrf
}

credentials.onSignedOut = () => void checkSession()

let asking: Promise<void> | null = null

/** Ask the server who is signed in; again and again while it has never answered. */
export function checkSession(): Promise<void> {
  asking ??= ask().finally(() => {
    asking = null
  })
  return asking
}

async function ask(): Promise<void> {
  try {
    keep((await (earlySession() ?? call<Session>('GET', '/session'))) as Session)
    unreachable.value = false
  } catch {
    // The wall says itself that the server is lost.
    unreachable.value = true
    if (session.value === null) window.setTimeout(() => void checkSession(), RETRY_MS)
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  keep(await call<Session>('POST', '/session', { account: name, password }))
}

/** The page of the provider, which sends the browser back here. */
export async function goToProvider(): Promise<void> {
  const { page } = await call<{ page: string }>('POST', '/session/provider', {})
  sessionStorage.setItem(STORED_PLACE, window.location.hash)
  window.location.assign(page)
}

/** Why somebody came back from the provider without a session; empty: he did not. The address forgets it. */
export function backFromProvider(): string {
  const place = sessionStorage.getItem(STORED_PLACE) ?? ''
  sessionStorage.removeItem(STORED_PLACE)
  const fault = new URLSearchParams(window.location.search).get('sign_in') ?? ''
  if (fault !== '') window.history.replaceState(null, '', window.location.pathname + (place || window.location.hash))
  else if (place !== '' && window.location.hash === '') window.location.hash = place
  return /^[a-z_]{1,20}$/.test(fault) ? fault : ''
}

export async function signOut(): Promise<void> {
  try {
    const said = await call<Session & { sign_out_page: string | null }>('DELETE', '/session')
    keep(said)
    if (said.sign_out_page !== null) window.location.assign(said.sign_out_page)
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error
    await checkSession()
  }
  over.value = false
}

export async function changePassword(old: string, next: string): Promise<void> {
  keep(await call<Session>('POST', '/session/password', { old, new: next }))
}

/** Whether whoever is signed in may do something; everybody may where nobody has to sign in. */
export function may(permission: string): boolean {
  return account.value === null || account.value.permissions.includes(permission)
}

/** Somebody who is bound to sites sees nothing that is of the whole district. */
export const ofDistrict = computed(() => account.value === null || account.value.sites === null)

const NEEDS: Partial<Record<Route, string>> = { intake: 'watch', import: 'import', load: 'load', audit: 'audit', accounts: 'accounts' }
const DISTRICT: ReadonlySet<Route> = new Set<Route>(['patrol', 'duty', 'delivery', 'rules', 'intake', 'import', 'load', 'audit', 'accounts'])

/** Without signing in there are no accounts. */
const OF_ACCOUNTS: ReadonlySet<Route> = new Set<Route>(['accounts', 'account'])

/** Whether a page is for whoever is signed in. The server decides; this only leaves out what it would refuse. */
export function opens(route: Route): boolean {
  if (account.value === null && OF_ACCOUNTS.has(route)) return false
  const needed = NEEDS[route]
  return (needed === undefined || may(needed)) && (ofDistrict.value || !DISTRICT.has(route))
}
