/**
 * What a machine can check about the sources: who may import whom, what the pure rooms never say, no cycles, no long
 * files. It reads text, not syntax trees: a few lines of scanner tell code from comments and strings, and that is enough.
 */

/** Path relative to the project, with `/` (`src/model/state.ts`) → the whole text. */
export type Sources = ReadonlyMap<string, string>

interface Room {
  /** Rooms it may import besides itself. */
  readonly rooms: readonly string[]
  /** Packages it may import; `node:` stands for all of node's own. */
  readonly packages: readonly string[]
  /** Pure rooms decide and never touch the world: see `impureWords`. */
  readonly pure?: true
}

const core = ['model', 'reduce', 'make', 'finalize', 'store']

/**
 * The rooms of `src` (a folder, or a file directly in `src`) and what each may import. Rooms know only `model`;
 * `engine.ts` introduces them to one another.
 */
export const rooms: Readonly<Record<string, Room>> = {
  model: { rooms: [], packages: ['fp-ts'], pure: true },
  reduce: { rooms: ['model'], packages: ['immer', 'fp-ts'], pure: true },
  finalize: { rooms: ['model'], packages: ['fp-ts'], pure: true },
  make: { rooms: ['model'], packages: ['@parcel/watcher', 'fp-ts', 'node:', 'piscina'] },
  // Files, because a damaged database is set aside under another name.
  store: { rooms: ['model'], packages: ['better-sqlite3', 'fp-ts', 'node:'] },
  engine: { rooms: core, packages: ['fp-ts', 'immer'] },
  redo: { rooms: [...core, 'engine', 'replay', 'load'], packages: ['fp-ts', 'node:', 'picocolors'] },
  // What people write, as modules.
  load: { rooms: [], packages: ['node:', 'sucrase'] },
  // The library face, as `redo` is the face for do-files.
  library: { rooms: [...core, 'engine', 'replay'], packages: ['fp-ts', 'node:'] },
  replay: { rooms: ['model', 'store', 'engine'], packages: ['fp-ts'] },
  // Looks over everybody's shoulder.
  testing: { rooms: [...core, 'engine', 'library', 'replay'], packages: ['fp-ts', 'fast-check', 'vitest', 'node:'] },
  lab: {
    rooms: ['model', 'reduce', 'finalize', 'engine', 'replay', 'store', 'load'],
    packages: ['fp-ts', 'node:', 'vega', 'vega-lite'],
  },
  cli: {
    rooms: [...core, 'engine', 'library', 'redo', 'replay', 'lab', 'load'],
    packages: ['fp-ts', 'node:', 'picocolors'],
  },
  index: { rooms: [...core, 'engine', 'library', 'redo', 'replay', 'testing'], packages: [] },
}

/**
 * A clock, randomness, the world, waiting, and an order that depends on the locale: none of it in a pure room's code
 * (comments and texts may speak of them). `node:` is not among the words, since the room table refuses its imports.
 */
const impureWords = /\b(?:Date|performance|Math\s*\.\s*random|process|async|localeCompare)\b/g

export const lineCountMax = 400

/** Files that may be longer than `lineCountMax`. Each entry is a debt: empty is right. */
export const longFiles: readonly string[] = []

/** Every breach of the rules in `sources`, as sentences that begin with the file, sorted. */
export const breaches = (sources: Sources, allowedLong: readonly string[] = longFiles): readonly string[] => {
  const found: string[] = []
  const imports = new Map([...sources].map(([path, text]) => [path, importsOf(text)]))
  for (const [path, text] of sources) {
    const name = roomOf(path)
    const room = Object.hasOwn(rooms, name) ? rooms[name] : undefined
    if (room === undefined) found.push(`${path}: lies in no room`)
    else {
      for (const specifier of imports.get(path)!) found.push(...importBreaches(path, name, room, specifier))
      if (room.pure) for (const word of outlineOf(text).matchAll(impureWords)) found.push(`${path}: says ${word[0]}`)
    }
    const lineCount = text.split('\n').length - 1
    if (lineCount > lineCountMax && !allowedLong.includes(path)) found.push(`${path}: has ${lineCount} lines`)
    if (lineCount <= lineCountMax && allowedLong.includes(path)) found.push(`${path}: need not be allowed to be long`)
  }
  return [...found, ...cycles(imports)].sort()
}

/** `src/model/x/y.ts` → `model`; `src/engine.ts` → `engine`. */
const roomOf = (path: string): string => path.split('/')[1]!.replace(/\.ts$/, '')

const importBreaches = (path: string, name: string, room: Room, specifier: string): readonly string[] => {
  if (specifier.startsWith('.')) {
    const end = resolve(path, specifier)
    if (!end.startsWith('src/')) return [`${path}: imports ${specifier}, outside src`]
    const other = roomOf(end)
    return other === name || room.rooms.includes(other) ? [] : [`${path}: ${name} may not import ${other}`]
  }
  const parts = specifier.split('/')
  const bare = specifier.startsWith('node:') ? 'node:' : parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  if (!room.packages.includes(bare)) return [`${path}: ${name} may not import ${specifier}`]
  // Without `lib/` and the extension it compiles, and then fails in node.
  if (bare === 'fp-ts' && !/^fp-ts\/lib\/\w+\.js$/.test(specifier)) {
    return [`${path}: imports ${specifier}, not fp-ts/lib/Name.js`]
  }
  return []
}

/** The `.ts` file which a relative import names. */
const resolve = (path: string, specifier: string): string => {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.replace(/\.js$/, '.ts').split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Cycles of imports, types included, each told once as the path that begins at its smallest name. */
const cycles = (imports: ReadonlyMap<string, readonly string[]>): readonly string[] => {
  const found = new Set<string>()
  const finished = new Set<string>()
  const walk = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path)
    if (at >= 0) {
      const ring = above.slice(at)
      const first = ring.indexOf([...ring].sort()[0]!)
      const turned = [...ring.slice(first), ...ring.slice(0, first)]
      found.add(`${turned[0]}: imports itself: ${[...turned, turned[0]].join(' -> ')}`)
      return
    }
    if (finished.has(path)) return
    for (const specifier of imports.get(path) ?? []) {
      if (specifier.startsWith('.')) walk(resolve(path, specifier), [...above, path])
    }
    finished.add(path)
  }
  for (const path of [...imports.keys()].sort()) walk(path, [])
  return [...found]
}

/** What a source imports, re-exports, imports dynamically or as a type, or requires. */
export const importsOf = (source: string): readonly string[] => {
  const outline = outlineOf(source)
  return [...outline.matchAll(/\b(?:from\s*|(?:import|require)\s*\(\s*|import\s*)(?<quote>['"`])/dg)].map((match) => {
    const start = match.indices!.groups!.quote![1]
    return source.slice(start, outline.indexOf(match.groups!.quote!, start))
  })
}

const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const quoted = /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y
/** A template's text up to its end or its next `${`; begins with the backquote, or with the `}` of the one before. */
const templateText = /[`}](?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y
const regularExpression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y
/** After these a slash begins a regular expression; after anything else it divides. */
const beforeExpression = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in|void|delete|yield|await))\s*$/

/** The source with the insides of comments, texts, templates and regular expressions blank. Positions and quotes stay. */
export const outlineOf = (source: string): string => {
  let outline = ''
  /** For each template we are inside of: how many braces are open since its `${`. */
  const templates: number[] = []
  while (outline.length < source.length) {
    const char = source[outline.length]!
    const text = textAt(source, outline, templates.at(-1) === 0)
    if (text === undefined) {
      outline += char
      const change = char === '{' ? 1 : char === '}' ? -1 : 0
      if (templates.length > 0) templates.push(templates.pop()! + change)
    } else if (char === '/') {
      outline += blank(text)
    } else {
      outline += char + blank(text.slice(1, -1)) + text.slice(-1)
      if (char === '}') templates.pop()
      if (text.endsWith('{')) templates.push(0)
    }
  }
  return outline
}

/** The comment, text or regular expression that begins where `outline` ends, if one does. */
const textAt = (source: string, outline: string, endsInsert: boolean): string | undefined => {
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = outline.length
    return pattern.exec(source)?.[0]
  }
  switch (source[outline.length]) {
    case '/':
      return take(comment) ?? (beforeExpression.test(outline) ? take(regularExpression) : undefined)
    case "'":
    case '"':
      return take(quoted)
    case '`':
      return take(templateText)
    case '}':
      return endsInsert ? take(templateText) : undefined
    default:
      return undefined
  }
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
