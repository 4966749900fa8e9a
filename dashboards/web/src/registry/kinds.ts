// Kinds of devices, those that matter most to an operator first.

import type { DeviceKind } from '../api/types'

export const DEVICE_KINDS: readonly DeviceKind[] = [
  'one_key_alarm',
  'smoke',
  'gas',
  'temperature',
  'intrusion_zone',
  'gateway',
  'recorder',
  'switch',
  'uplink',
  'camera',
  'access_control',
  'patrol_point',
  'barrier',
]
