/**
 * Names of targets: byte strings (one char a byte) relative to the project's root, with `/` between, no `.`, `..` or
 * doubled `/`. A file outside the root has its absolute path as name. The root itself is ''. Only text; no disk.
 */

/** The name as the system takes it. */
export const bytes = (name: string): Buffer => Buffer.from(name, 'latin1')

/** The folder part; '' for what lies in the root. */
export const folderOf = (name: string): string => {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? '' : slash === 0 ? '/' : name.slice(0, slash)
}

/** The last part. */
export const baseOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

/** `folder` and `name` joined; an absolute `name` stands for itself. */
export const joinPath = (folder: string, name: string): string =>
  folder === '' || name.startsWith('/')
    ? name
    : name === ''
      ? folder
      : folder === '/'
        ? `/${name}`
        : `${folder}/${name}`

/** Takes out `.`, `..` and doubled slashes as text: only right where no symbolic link is involved. */
export const normalize = (path: string): string => {
  const isAbsolute = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..') parts.pop()
    else if (part !== '..' || !isAbsolute) parts.push(part)
  }
  return (isAbsolute ? '/' : '') + parts.join('/')
}

/** How `to` is called from within `from`; both are absolute, or both relative to the same folder. */
export const relativePath = (from: string, to: string): string => {
  if (from === '') return to === '' ? '.' : to
  const a = from.split('/').filter((part) => part !== '')
  const b = to.split('/').filter((part) => part !== '')
  let same = 0
  while (same < a.length && same < b.length && a[same] === b[same]) same++
  const parts = [...a.slice(same).map(() => '..'), ...b.slice(same)]
  return parts.length === 0 ? '.' : parts.join('/')
}

/** Whether `path` is `folder` or lies below it: whole parts are compared, so `ab` is not below `a`. */
export const isWithin = (folder: string, path: string): boolean =>
  folder === '' || folder === '/' || path === folder || path.startsWith(`${folder}/`)
