/** Why a recording cannot be read at all. */

export type RecordingError =
  | { readonly _tag: 'absent' | 'folder' | 'noFile'; readonly path: string }
  /** It is no recording, or nothing of it can be used. */
  | { readonly _tag: 'unreadable'; readonly path: string; readonly why: string }
  /** Written by a later version of this program, or by an earlier one. */
  | { readonly _tag: 'newer' | 'older'; readonly path: string; readonly found: number; readonly known: number }

export const recordingErrorWords = (error: RecordingError): string => {
  switch (error._tag) {
    case 'absent':
      return error.path.trim() === ''
        ? 'the name of the recording is empty: name the FILE of redo --record FILE'
        : `${error.path}: there is no such file`
    case 'noFile':
      return `${error.path} is no file that can be read again and again, as a recording is: copy it into one first`
    case 'folder':
      return `${error.path} is a folder: name a recording, the FILE of redo --record FILE`
    case 'unreadable':
      return `${error.path}: nothing of it can be used: ${error.why}`
    case 'newer':
    case 'older': {
      const which = error._tag === 'newer' ? 'a later' : 'an earlier'
      return `${error.path}: it was written by ${which} version (format ${error.found}; this one reads ${error.known}); it was left untouched`
    }
  }
}
