/** What of a project is known, as people ask for it: values of rules, though they are files, are none of it. */
import { isValueFile } from '../make/value-file.js'
import type { BuildId } from '../model/ids.js'
import { Flag, hasFlag, Kind, kindOf } from '../model/state.js'
import type { Host } from './host.js'
import { namedRows } from './rows.js'

const known = ({ state, store }: Host, isMeant: (x: BuildId) => boolean): readonly BuildId[] =>
  namedRows(state).filter((x) => isMeant(x) && !isValueFile(store.names.nameOf(x)))

/** Built here at some time, and by somebody else since maybe. */
export const targetsOf = (host: Host): readonly BuildId[] => known(host, (x) => kindOf(host.state, x) === Kind.TARGET)

export const unmodifiedTargetsOf = (host: Host): readonly BuildId[] =>
  targetsOf(host).filter((x) => !hasFlag(host.state, x, Flag.MODIFIED))

export const sourcesOf = (host: Host): readonly BuildId[] =>
  known(host, (x) => {
    const kind = kindOf(host.state, x)
    return kind === Kind.SOURCE || (kind === Kind.TARGET && hasFlag(host.state, x, Flag.MODIFIED))
  })
