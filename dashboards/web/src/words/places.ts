// Where on the premises a place is, from what the registry calls it: "教学楼二层东走廊" is a building, a floor and a
// part of it. What says no building is a room by itself, a part of the grounds, or something at the edge.

export type Side = 'north' | 'south' | 'east' | 'west'

export interface Where {
  /** Empty: in no building. */
  building: string
  /** 0: the place names no floor. Below ground: negative. */
  floor: number
  /** What is left of the place; the whole of it where there is no building. */
  part: string
  outside: 'edge' | 'grounds' | null
  side: Side
}

const DIGITS = '零一二三四五六七八九'
const FLOOR = /^(.*?)[\s,，·/-]*(负|地下|B)?([一二三四五六七八九十]{1,3}|\d{1,2})(?:层|楼|F(?![a-z]))[\s,，·/-]*(.*)$/
const FLOOR_EN = /^(.*?)[\s,·/-]*\b(?:floor|level)\s*(\d{1,2})\b[\s,·/-]*(.*)$/i
const BUILDING = /^(.*?(?:教学楼|综合楼|行政楼|办公楼|实验楼|艺术楼|宿舍楼?|公寓|食堂|餐厅|图书馆|体育馆|礼堂|号楼|座|楼))(.*)$/
const EDGE = /围墙|校门|大门|正门|侧门|后门|门卫|传达室|\b(?:gate|fence|wall|guardroom)\b/i
const GROUNDS = /操场|田径|球场|停车|车棚|充电棚|广场|花园|垃圾|\b(?:yard|playground|parking|field)\b/i

function number(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  const ten = text.indexOf('十')
  if (ten < 0) return DIGITS.indexOf(text)
  const tens = ten === 0 ? 1 : DIGITS.indexOf(text[ten - 1]!)
  const ones = ten === text.length - 1 ? 0 : DIGITS.indexOf(text[ten + 1]!)
  return tens * 10 + ones
}

const SIDES: Record<string, Side> = { 东: 'east', 西: 'west', 南: 'south', 北: 'north' }

function sideOf(place: string): Side {
  const fence = /([东西南北])侧?围墙/.exec(place)
  if (fence !== null) return SIDES[fence[1]!]!
  if (/正门|大门|校门|门卫|传达|\bmain\b|guardroom/i.test(place)) return 'south'
  if (/西|\bwest/i.test(place)) return 'west'
  if (/北|后门|\bnorth|\bback/i.test(place)) return 'north'
  if (/南|\bsouth/i.test(place)) return 'south'
  return 'east'
}

export function whereIs(place: string): Where {
  const none = { building: '', floor: 0, part: place, outside: null, side: sideOf(place) }
  const chinese = FLOOR.exec(place)
  if (chinese !== null && chinese[1] !== '') {
    const floor = number(chinese[3]!) * (chinese[2] === undefined ? 1 : -1)
    return { ...none, building: sameName(chinese[1]!), floor, part: chinese[4]! }
  }
  const english = FLOOR_EN.exec(place)
  if (english !== null && english[1] !== '') {
    return { ...none, building: english[1]!, floor: Number(english[2]), part: english[3]! }
  }
  const building = BUILDING.exec(place)
  if (building !== null) return { ...none, building: sameName(building[1]!), part: building[2]! }
  if (EDGE.test(place)) return { ...none, outside: 'edge' }
  return GROUNDS.test(place) ? { ...none, outside: 'grounds' } : none
}

/** People say 宿舍 and 宿舍楼 of one building. */
function sameName(building: string): string {
  return building.trim().replace(/^(.*宿舍)楼$/, '$1')
}

export function northToSouth(part: string): number {
  return /北段|\bnorth/i.test(part) ? -1 : /南段|\bsouth/i.test(part) ? 1 : 0
}

/** As one stands before a building: west is left. */
export function westToEast(part: string): number {
  return /西|\bwest/i.test(part) ? -1 : /东|\beast/i.test(part) ? 1 : 0
}
