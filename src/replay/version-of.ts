/** What one version of a program's sources did to one of them, where a recording holds it. */
import type { BuildId } from '../model/ids.js'
import type { RecordedSetting } from '../store/recording/format.js'
import type { RecordingReader } from '../store/recording/reader.js'

/** `touched`: it was to be read or made again, and not set. Undefined: that came before the recording. `name`: a byte string, of `build`; `until`: a tick. */
export const settingOf = (
  reader: RecordingReader,
  name: string,
  build: BuildId,
  version: number,
  until: number,
): RecordedSetting['to'] | { readonly _tag: 'touched' } | undefined => {
  for (let tick = until; tick > 0; tick--) {
    const { settings, input } = reader.recordAt(tick)
    for (const event of input.events) {
      if (event._tag !== 'transacted' || event.version !== version) continue
      const set = settings.findLast((one) => one.name === name)
      return set?.to ?? (event.builds.includes(build) ? { _tag: 'touched' } : undefined)
    }
  }
  // It was so before the first tick.
  return reader.settingsAt(0).find((one) => one.name === name)?.to
}
