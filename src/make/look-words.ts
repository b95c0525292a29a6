/** Looks as words of a scan's receipt. */
import { LookWord } from '../model/event.js'
import type { BuildId } from '../model/ids.js'
import { ABSENT, FILE, FOLDER, LOOK_FAILED } from '../model/look.js'
import { Fact, type State } from '../model/state.js'
import { read } from '../model/table.js'
import type { Look as FileLook } from './look.js'

export const isThere = (seen: FileLook): boolean => seen.kind !== ABSENT && seen.kind !== LOOK_FAILED

/** What cannot be looked at now may be found as it was by a later look. */
export const mayBeThere = (seen: FileLook): boolean => seen.kind !== ABSENT

/** Whether a look finds what is recorded. */
export const isAsRecorded = ({ facts }: State, x: BuildId, kind: number, stat0: number, stat1: number): boolean =>
  (kind === FILE || kind === FOLDER) && read(facts, x, Fact.STAT) === stat0 && read(facts, x, Fact.STAT + 1) === stat1

export const copyContent = (state: State, x: BuildId, looks: Int32Array, at: number): void => {
  for (let i = 0; i < 4; i++) looks[at + LookWord.CONTENT + i] = read(state.facts, x, Fact.CONTENT + i)
}

export const writeStat = (looks: Int32Array, at: number, seen: FileLook): void => {
  looks[at + LookWord.KIND] = seen.kind
  looks[at + LookWord.RACY] = seen.racy ? 1 : 0
  looks[at + LookWord.STAT] = seen.stat0
  looks[at + LookWord.STAT + 1] = seen.stat1
}
